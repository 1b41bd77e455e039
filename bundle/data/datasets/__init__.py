"""The layouts of data sets that are recognised, one a file."""

from .case_index import PARTS, CaseIndex, first_few, same_name
from .dicom import refuse_dicom
from .recognise import LABELLED_LAYOUTS, recognise

__all__ = ["LABELLED_LAYOUTS", "PARTS", "CaseIndex", "first_few", "recognise", "refuse_dicom", "same_name"]
