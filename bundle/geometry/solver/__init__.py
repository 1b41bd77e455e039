"""Models for a flow solver: flat named ends, tubes on them, tetrahedra."""

from .aorta import aorta_ends
from .boundary import END_COLUMNS, end_rows
from .model import SolverModel, patch_table, solver_model, write_solver_stl
from .simvascular import write_mesh_complete
from .tetrahedra import NoVolumeMesh, VolumeMesh, volume_mesh, why_no_mesher, write_volume_mesh

__all__ = [
    "END_COLUMNS",  # of the table of inlets and outlets
    "NoVolumeMesh",  # why there is none
    "SolverModel",  # closed wall with labelled patches
    "VolumeMesh",  # tetrahedra and their boundary
    "aorta_ends",  # where to cut a model that keeps it
    "end_rows",  # inlets and outlets with their share of the flow
    "patch_table",  # wall, inlets and outlets, a row each
    "solver_model",  # from wall and tree
    "volume_mesh",  # tetrahedra in a model
    "why_no_mesher",  # None where gmsh is installed
    "write_mesh_complete",  # for SimVascular
    "write_solver_stl",  # for OpenFOAM
    "write_volume_mesh",
]
