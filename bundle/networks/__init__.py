"""Networks, one architecture a file, and their weights on disk."""

from .resunet3d import ResUNet3D
from .weights import load_weights, read_checkpoint, restore, save_checkpoint, save_weights

__all__ = [
    "ResUNet3D",
    "load_weights",
    "read_checkpoint",
    "restore",
    "save_checkpoint",
    "save_weights",
]
