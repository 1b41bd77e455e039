"""CT images in DICOM from an array: phantoms for people, and for tests of the reader."""

from .ct_slices import ct_slices
from .multi_frame import multi_frame
from .save import save_images, write_ct_series

__all__ = [
    "ct_slices",  # a data set a slice, to be altered
    "multi_frame",  # the same as one enhanced image
    "save_images",
    "write_ct_series",  # all of it
]
