"""Everything that is made of one case's mask."""

from .export import export_case
from .files import MESH_COMPLETE, SUFFIXES
from .options import CLOUD_FORMATS, COLOURS, FORMATS, SCENES, ExportOptions

__all__ = [
    "CLOUD_FORMATS",  # of point clouds
    "COLOURS",  # of point clouds
    "FORMATS",  # of meshes
    "MESH_COMPLETE",  # of SimVascular's folder
    "SCENES",  # for 3D Slicer
    "SUFFIXES",  # of all files of a case
    "ExportOptions",  # what may be asked for
    "export_case",  # from a mask to files and a report
]
