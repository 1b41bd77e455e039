"""Networks, one architecture a file, and their weights on disk."""

from .deepen import deepened
from .fused import can_fuse, plain_passes, why_not_fused
from .input_size import check_input_size
from .resunet3d import ResUNet3D
from .speed import half_precision, is_quick_in_half, memory_kept, norms_by_channel
from .weights import load_weights, read_checkpoint, restore, save_checkpoint, save_weights

__all__ = [
    "ResUNet3D",
    "can_fuse",
    "check_input_size",
    "deepened",
    "half_precision",
    "is_quick_in_half",
    "load_weights",
    "memory_kept",
    "norms_by_channel",
    "plain_passes",
    "read_checkpoint",
    "restore",
    "save_checkpoint",
    "save_weights",
    "why_not_fused",
]
