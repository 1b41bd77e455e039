"""Synthetic coronary CT angiograms with known truth. Needs NumPy and SciPy only."""

from .phantom import SMALL, WHOLE, make_phantom
from .pool import make_pool, write_case, write_imagecas

__all__ = ["SMALL", "WHOLE", "make_phantom", "make_pool", "write_case", "write_imagecas"]
