"""Cardiac CT angiograms drawn by other means than the bundle's own generator, with which it shares no code.

A network that has learnt from `bundle.phantom` meets here a heart, vessels and a scanner that nobody tuned it
to. NumPy, SciPy and nibabel only.
"""

from .case import Case, draw_case, write_foreign
from .files import write_missing

__all__ = ["Case", "draw_case", "write_foreign", "write_missing"]
