"""DICOM series: found, chosen, read."""

from .choice import Choice, choose
from .find import holds_dicom
from .listing import Listing, list_series
from .read import read_series
from .series import Series, identity_of

__all__ = [
    "Choice",
    "Listing",
    "Series",
    "choose",  # the coronary CT angiogram of each study
    "holds_dicom",
    "identity_of",  # for those who ask who a patient is
    "list_series",  # from headers
    "read_series",  # a `Volume`
]
