"""Everything that is made of one case's mask."""

from .export import export_case
from .files import SUFFIXES
from .options import CLOUD_FORMATS, COLOURS, FORMATS, ExportOptions

__all__ = ["CLOUD_FORMATS", "COLOURS", "FORMATS", "SUFFIXES", "ExportOptions", "export_case"]
