"""Masks as they are handed in; meshes, clouds and trees on disk, in LPS mm."""

from .masks import read_mask
from .meshes import (
    MM_IN,
    write_cloud_ply,
    write_cloud_vtp,
    write_glb,
    write_obj,
    write_ply,
    write_stl,
    write_vtk,
    write_vtp,
)
from .trees import BRANCH_COLUMNS, STENOSIS_COLUMNS, read_branches, write_tree

__all__ = [
    "BRANCH_COLUMNS",  # of the table of branches
    "MM_IN",  # units of files for flow solvers
    "STENOSIS_COLUMNS",  # of the table of narrowings
    "read_branches",  # what write_tree wrote
    "read_mask",  # labels or a probability, from any array
    "write_cloud_ply",
    "write_cloud_vtp",
    "write_glb",  # for the web
    "write_obj",  # for modelling programs
    "write_ply",  # with colours
    "write_stl",  # for printers
    "write_tree",  # centreline as VTP
    "write_vtk",  # VTP or VTU as it stands
    "write_vtp",  # with all arrays, for ParaView and 3D Slicer
]
