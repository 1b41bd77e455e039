"""The layouts of data sets that are recognised, one a file."""

from .case_index import PARTS, CaseIndex, first_few, same_name
from .recognise import LABELLED_LAYOUTS, recognise

__all__ = ["LABELLED_LAYOUTS", "PARTS", "CaseIndex", "first_few", "recognise", "same_name"]
