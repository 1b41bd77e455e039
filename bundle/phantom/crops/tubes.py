"""Vessels of a batch of crops at sub-voxel precision: `bundle.phantom.vessels.TubeRaster` in PyTorch.

The crops are cut into cubes; each pair of a cube and a segment near it gives a distance for every voxel of
the cube, and the smallest one of a cube's segments stays, with the segment it belongs to.
"""

from __future__ import annotations

import torch

from .segments import TILE

_BITS, _SCALE, _OFFSET = 24, 65536.0, 16.0  # segment's number; steps a mm; added before rounding
_CHUNK = 1 << 15  # pairs at once: about 0.5 GB of temporaries


def to_tiles(volume: torch.Tensor) -> torch.Tensor:
    """(B, Z, Y, X) to (B * cubes, TILE^3)."""
    b, z, y, x = volume.shape
    parts = volume.view(b, z // TILE, TILE, y // TILE, TILE, x // TILE, TILE)
    return parts.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, TILE**3)


def from_tiles(rows: torch.Tensor, size: tuple[int, int, int, int]) -> torch.Tensor:
    """(B * cubes, TILE^3) to (B, Z, Y, X)."""
    b, z, y, x = size
    parts = rows.view(b, z // TILE, y // TILE, x // TILE, TILE, TILE, TILE)
    return parts.permute(0, 1, 4, 2, 5, 3, 6).reshape(b, z, y, x)


def cover(batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Filled part in [0, 1] and HU of every voxel of the cubes that tubes touch: two (R, TILE^3) tensors."""
    segments, spacing = batch["segments"], batch["spacing"]
    tile = batch["row_tile"]
    nx, ny, nz = (n // TILE for n in batch["shape"].tolist())
    crop = tile // (nx * ny * nz)
    corner = torch.stack([tile % nx, tile // nx % ny, tile // (nx * ny) % nz], 1) * TILE
    step = spacing[crop]
    corner = corner * step
    best = torch.full((len(tile), TILE**3), 2**62, dtype=torch.int64, device=segments.device)
    inside = torch.arange(TILE, device=segments.device, dtype=segments.dtype)
    for first in range(0, len(batch["pair_row"]), _CHUNK):
        row = batch["pair_row"][first : first + _CHUNK]
        number = batch["pair_segment"][first : first + _CHUNK]
        distance = _distance(segments[number], corner[row], step[row], inside)
        key = ((distance.clamp_(-_OFFSET + 1, 2 * _OFFSET) + _OFFSET) * _SCALE).long()
        key = (key << _BITS) + number[:, None]
        best.scatter_reduce_(0, row[:, None].expand_as(key), key, "amin")
    nearest = best & (2**_BITS - 1)
    distance = (best >> _BITS).to(segments.dtype) / _SCALE - _OFFSET
    edge = step.prod(1, keepdim=True) ** (1 / 3)
    return (0.5 - distance / edge).clamp_(0, 1), segments[:, 8][nearest]


def _distance(segment, corner, step, inside) -> torch.Tensor:
    """Signed distance (P, TILE^3) of the voxels of cubes at `corner` (P, 3) mm to one segment each (P, 9)."""
    x, y, z = (corner[:, i : i + 1] - segment[:, i : i + 1] + step[:, i : i + 1] * inside for i in range(3))
    along = segment[:, 4:7]
    length2 = along.square().sum(1).clamp_(min=1e-9).view(-1, 1, 1, 1)
    square = (z * z)[:, :, None, None] + (y * y)[:, None, :, None] + (x * x)[:, None, None, :]
    z, y, x = z * along[:, 2:3], y * along[:, 1:2], x * along[:, :1]
    t = z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]
    u = (t / length2).clamp_(0, 1)
    square += u * (u * length2 - 2 * t)
    distance = square.clamp_(min=0).sqrt_()
    distance -= segment[:, 3].view(-1, 1, 1, 1)
    distance -= u * segment[:, 7].view(-1, 1, 1, 1)
    return distance.view(len(segment), -1)
