"""A finished case as DICOM objects: segmentation, measurements, surface."""

from .write import OBJECTS, write_dicom

__all__ = [
    "OBJECTS",  # endings of the three files
    "write_dicom",  # from a finished case and its source series
]
