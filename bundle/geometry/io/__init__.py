"""Meshes, clouds and trees on disk, in LPS mm."""

from .masks import as_volume, read_mask
from .meshes import write_cloud_ply, write_cloud_vtp, write_ply, write_stl, write_vtp
from .trees import BRANCH_COLUMNS, STENOSIS_COLUMNS, read_branches, write_tree
from .web import write_glb, write_obj

__all__ = [
    "BRANCH_COLUMNS",
    "STENOSIS_COLUMNS",
    "as_volume",
    "read_branches",
    "read_mask",
    "write_cloud_ply",
    "write_cloud_vtp",
    "write_glb",
    "write_obj",
    "write_ply",
    "write_stl",
    "write_tree",
    "write_vtp",
]
