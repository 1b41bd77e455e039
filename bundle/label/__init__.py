"""The bundle in MONAI Label. Runs in MONAI Label's own environment, constraints-label.txt."""

from .app_folder import MODEL, NATIVE, make_app

__all__ = ["MODEL", "NATIVE", "make_app"]
