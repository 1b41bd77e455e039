"""The passes between convolutions as single Triton kernels, for activations with channels last in memory.

A 3³ convolution of 32 channels is quick on tensor cores with channels last only, and PyTorch's instance norm
then copies the volume to the other order and back. Here norm, sum with the shortcut and ReLU are two passes
over memory, and three in the gradient; pooling adds the gradient of the skip connection; biases of shortcuts
and of transposed convolutions are added where the volume is read anyway. Triton is imported when the
first volume comes, for it may be missing.
"""

from .forward import fused_forward
from .usable import can_fuse, plain_passes, why_not_fused

__all__ = ["can_fuse", "fused_forward", "plain_passes", "why_not_fused"]
