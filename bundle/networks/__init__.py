"""Networks, one architecture a file, and their weights on disk."""

from .deepen import deepened
from .input_size import check_input_size
from .resunet3d import ResUNet3D
from .speed import half_precision, is_quick_in_half, memory_kept, norms_by_channel
from .weights import load_weights, read_checkpoint, restore, save_checkpoint, save_weights

__all__ = [
    "ResUNet3D",
    "check_input_size",
    "deepened",
    "half_precision",
    "is_quick_in_half",
    "load_weights",
    "memory_kept",
    "norms_by_channel",
    "read_checkpoint",
    "restore",
    "save_checkpoint",
    "save_weights",
]
