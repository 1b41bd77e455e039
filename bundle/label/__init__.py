"""The bundle in MONAI Label. Runs in MONAI Label's own environment, constraints-label.txt."""

from .app_folder import MODEL, NATIVE, make_app
from .studies import ENDINGS, study_folder

__all__ = ["ENDINGS", "MODEL", "NATIVE", "make_app", "study_folder"]
