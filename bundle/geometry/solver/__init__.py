"""Models for a flow solver: flat named ends, tubes on them, tetrahedra."""

from .model import SolverModel, patch_table, solver_model, write_solver_stl, write_solver_vtp
from .tetrahedra import NoVolumeMesh, volume_mesh, why_no_mesher, write_volume_mesh

__all__ = [
    "NoVolumeMesh",
    "SolverModel",
    "patch_table",
    "solver_model",
    "volume_mesh",
    "why_no_mesher",
    "write_solver_stl",
    "write_solver_vtp",
    "write_volume_mesh",
]
