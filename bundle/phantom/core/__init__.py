"""What all of the phantom works on: signed distances on a grid, and the attenuation of tissues."""

from . import fields
from .contrast import Contrast, draw_contrast
from .fields import Grid, sample

__all__ = ["Contrast", "Grid", "draw_contrast", "fields", "sample"]
