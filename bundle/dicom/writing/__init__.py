"""A finished case as DICOM objects: segmentation, measurements, surface."""

from .write import write_dicom

__all__ = [
    "write_dicom",  # from a finished case and its source series
]
