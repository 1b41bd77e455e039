"""Synthetic coronary CT angiograms with known truth, from NumPy and SciPy."""

from .files import make_pool, write_case, write_imagecas
from .phantom import SMALL, WHOLE, Alteration, draw_patient, make_phantom

__all__ = [
    "SMALL", "WHOLE", "Alteration", "draw_patient", "make_phantom", "make_pool", "write_case",
    "write_imagecas",
]  # fmt: skip
