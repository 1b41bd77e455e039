"""Synthetic coronary CT angiograms with known truth. Needs NumPy and SciPy only."""

from bundle.phantom.phantom import SMALL, Phantom, make_phantom

__all__ = ["SMALL", "Phantom", "make_phantom"]
