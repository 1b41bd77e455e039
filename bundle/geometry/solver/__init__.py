"""Models for a flow solver: flat named ends, tubes on them, tetrahedra."""

from .model import SolverModel, patch_table, solver_model, write_solver_stl
from .tetrahedra import NoVolumeMesh, volume_mesh, why_no_mesher, write_volume_mesh

__all__ = [
    "NoVolumeMesh",  # why there is none
    "SolverModel",  # closed wall with labelled patches
    "patch_table",  # inlets and outlets, a row each
    "solver_model",  # from wall and tree
    "volume_mesh",  # tetrahedra in a model
    "why_no_mesher",  # None where gmsh is installed
    "write_solver_stl",  # for OpenFOAM
    "write_volume_mesh",
]
