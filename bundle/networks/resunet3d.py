"""The residual U-Net of the paper."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.utils import get_norm_layer
from torch import nn

from bundle.common.errors import InputError

from .fused import can_fuse, fused_forward

__all__ = ["ResUNet3D", "ResidualBlock"]


def _norm(name: str, channels: int) -> nn.Module:
    """A normalisation layer with learnt scale and shift, by the name that MONAI gives it."""
    arguments = {"affine": True} if name == "instance" else {}
    try:
        return get_norm_layer((name, arguments), spatial_dims=3, channels=channels)
    except (TypeError, ValueError, AttributeError):
        # MONAI has no such norm, or one that needs more than a name.
        raise InputError(f"norm is {name!r}; it must be instance or batch.") from None


class ResidualBlock(nn.Module):
    """conv 3³, norm, ReLU, (dropout), conv 3³, norm; added to a shortcut; ReLU.

    The shortcut is the input itself, or a 1³ convolution of it where the number of channels changes
    (He et al., CVPR 2016, option B). Shapes: (B, in, X, Y, Z) to (B, out, X, Y, Z).
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str, dropout: float) -> None:
        super().__init__()
        # No biases: the shift of the norm that follows takes their place.
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = _norm(norm, out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = _norm(norm, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv3d(in_channels, out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.dropout(self.relu(self.norm1(self.conv1(x))))
        return self.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResUNet3D(nn.Module):
    """Symmetric encoder and decoder of residual blocks (the paper, section 2.2).

    With the defaults the encoder has 32, 64 and 128 channels at 1, 1/2 and 1/4 of the input's size, and the
    bottleneck 256 channels at 1/8: 16×16×8 for an input of 128×128×64. The decoder doubles the size by
    transposed convolutions of stride 2 and concatenates the encoder's features of the same size. The paper
    does not name its downsampling ("progressively downsampling", "details lost during pooling"): here it is
    2³ max-pooling. The norm is not named either: instance norm, which does not depend on the batch size.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the logits; one for a single sigmoid.
        channels: of each level, the bottleneck last.
        norm: "instance", "batch", or another name of MONAI's norm layers.
        dropout: probability inside each residual block; holds no weights, so it can be set on a trained net.

    On a GPU with Triton the passes between convolutions are those of `bundle.networks.fused`, to rounding.

    Shapes:
        (B, in_channels, X, Y, Z) to logits (B, out_channels, X, Y, Z); X, Y, Z divisible by
        2 ** (len(channels) - 1), which is 8 with the defaults.

    Raises:
        InputError: fewer than two levels, or a norm that is none.
        ValueError: an input whose size cannot be halved often enough.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        channels: Sequence[int] = (32, 64, 128, 256),
        norm: str = "instance",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(channels) < 2:
            raise InputError(f"channels must name a level and the bottleneck at least, got {list(channels)}.")
        self.factor = 2 ** (len(channels) - 1)
        levels, bottleneck = list(channels[:-1]), channels[-1]

        self.encoders = nn.ModuleList()
        previous = in_channels
        for width in levels:
            self.encoders.append(ResidualBlock(previous, width, norm, dropout))
            previous = width
        self.pool = nn.MaxPool3d(2)
        self.bottleneck = ResidualBlock(previous, bottleneck, norm, dropout)

        # Deepest level first, in the order of use.
        self.upsamplers = nn.ModuleList()
        self.decoders = nn.ModuleList()
        previous = bottleneck
        for width in reversed(levels):
            self.upsamplers.append(nn.ConvTranspose3d(previous, width, 2, stride=2))
            self.decoders.append(ResidualBlock(2 * width, width, norm, dropout))
            previous = width
        self.head = nn.Conv3d(previous, out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for size in x.shape[2:]:
            if size % self.factor != 0:
                raise ValueError(f"Every side of an input must be divisible by {self.factor}, got {x.shape}.")
        if not torch.jit.is_scripting():  # noqa: SIM102 - TorchScript leaves out what is inside
            if can_fuse(x, self.bottleneck.norm1):
                return self._fused(x)
        skips = []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for upsample, decoder in zip(self.upsamplers, self.decoders):
            x = decoder(torch.cat([skips.pop(), upsample(x)], dim=1))
        return self.head(x)

    @torch.jit.unused
    def _fused(self, x: torch.Tensor) -> torch.Tensor:
        """The same on a GPU, in fewer passes over memory."""
        return fused_forward(self, x)
