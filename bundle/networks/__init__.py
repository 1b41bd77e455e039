"""Networks, one architecture a file, and their weights on disk."""

from .compiled import CompiledNetwork
from .deepen import deepened
from .engines import ENGINES
from .fused import can_fuse, plain_passes, why_not_fused
from .input_size import check_input_size
from .norms import norms_by_channel, norms_in_stages
from .resunet3d import ResUNet3D
from .runtime import described_runtime, on_runtime, runtime_of
from .speed import half_precision, is_quick_in_half, memory_kept
from .weights import load_weights, read_checkpoint, restore, save_checkpoint, save_weights

__all__ = [
    "ENGINES",
    "CompiledNetwork",
    "ResUNet3D",
    "can_fuse",
    "check_input_size",
    "deepened",
    "described_runtime",
    "half_precision",
    "is_quick_in_half",
    "load_weights",
    "memory_kept",
    "norms_by_channel",
    "norms_in_stages",
    "on_runtime",
    "plain_passes",
    "read_checkpoint",
    "restore",
    "runtime_of",
    "save_checkpoint",
    "save_weights",
    "why_not_fused",
]
