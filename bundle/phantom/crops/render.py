"""Batches of crops from plans, in PyTorch on any device: image, share of lumen and what else is there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from . import acquisition, tubes
from .batch import Batch, to_device
from .patient import GROUPS, QUANTUM_MM
from .tissue import CHAMBERS, ORGANS, SLOT

CLASSES = ("other", "coronary", "vein", "aorta", "chamber")
"""Codes of the class map; "chamber" is every other pool of blood of the heart and its great vessels."""

_AORTA = ("aorta", "descending aorta")
_CODE = [0] * len(ORGANS)
for _code, _names in ((3, _AORTA), (4, CHAMBERS)):
    for _name in _names:
        _CODE[SLOT[_name]] = _code
_FIRST_CODED = min(slot for slot, code in enumerate(_CODE) if code)


@dataclass
class Crops:
    """Rendered crops, axes (X, Y, Z) towards right, anterior, superior.

    Attributes:
        image: (B, 1, X, Y, Z) float32 HU.
        share: (B, 1, X, Y, Z) float32, the part of each voxel that is coronary lumen.
        vein: (B, 1, X, Y, Z) float32, the part that is cardiac vein.
        plaque: (B, 1, X, Y, Z) float32, the part that is plaque or calcium in a coronary's wall.
        classes: (B, 1, X, Y, Z) uint8, index in `CLASSES` of what fills at least half of the voxel.
        centreline: (B, 1, X, Y, Z) bool, voxels through which the coronary centreline runs.
    """

    image: torch.Tensor
    share: torch.Tensor
    vein: torch.Tensor
    plaque: torch.Tensor
    classes: torch.Tensor
    centreline: torch.Tensor


@torch.no_grad()
def render(batch: Batch, device: torch.device | str = "cpu") -> Crops:
    """Draw a batch made by `stack_plans`. The same plans give the same crops on the same device.

    Nothing waits for the device: sizes and counts are read on the host.
    """
    batch = to_device(batch, torch.device(device))
    random = acquisition.generators(batch)
    size = tuple(batch["shape"].tolist()[::-1])
    image, aorta, classes = _organs(batch, acquisition.textures(random, size))
    image += _upsampled(batch["shading"], *(batch[f"hat_{axis}"] for axis in "zyx"))
    image, share, vein, plaque = _vessels(batch, image)
    share *= 1 - aorta
    plaque *= 1 - aorta
    for crop in batch["shifted"].tolist():
        moves = batch["moves"][crop]
        moved = (image, share, vein, plaque)
        stack = torch.stack([field[crop] for field in moved])
        for field, shifted in zip(moved, acquisition.shift_slabs(stack, moves)):
            field[crop] = shifted
        classes[crop] = acquisition.shift_slabs(classes[crop][None].float(), moves, "nearest")[0].to(
            torch.uint8
        )
    classes[vein >= 0.5] = CLASSES.index("vein")
    classes[share >= 0.5] = CLASSES.index("coronary")
    centreline = torch.zeros_like(classes, dtype=torch.bool)
    centreline.view(-1)[batch["centreline"]] = True
    image = acquisition.acquire(image, batch, random).clamp_(-1024, 3071)
    fields = (image, share, vein, plaque, classes, centreline)
    return Crops(*(x.transpose(1, 3).unsqueeze(1).contiguous() for x in fields))


def _upsampled(coarse: torch.Tensor, hat_z, hat_y, hat_x) -> torch.Tensor:
    """Linear interpolation of (M, z, y, x) to (M, Z, Y, X) by three matrix products."""
    m, nz, ny, nx = coarse.shape
    out = torch.bmm(hat_z, coarse.reshape(m, nz, ny * nx))
    out = torch.bmm(out.view(m, -1, nx), hat_x.transpose(1, 2))
    out = out.view(m, hat_z.shape[1], ny, -1)
    return torch.matmul(hat_y[:, None], out)


def _organs(batch: Batch, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """HU, coverage by the ascending aorta, and codes of blood pools, each (B, Z, Y, X)."""
    count, _, *size = noise.shape
    image = torch.full((count, *size), -1000.0, device=noise.device)
    aorta = torch.zeros_like(image)
    classes = torch.zeros(image.shape, dtype=torch.uint8, device=noise.device)
    scale = (-QUANTUM_MM / batch["spacing"].prod(1) ** (1 / 3)).view(-1, 1, 1)
    hat_z = batch["hat_z"] * scale
    start = batch["organ_start"].tolist()
    for slot, (first, last) in enumerate(pairwise(start)):
        if first == last:
            continue
        crop = batch["organ_crop"][first:last]
        fill = _upsampled(
            batch["distance"][first:last].float(), hat_z[crop], batch["hat_y"][crop], batch["hat_x"][crop]
        )
        fill = fill.add_(0.5).clamp_(0, 1)
        value = noise[crop, batch["noise_of"][first:last]]
        value *= batch["texture"][first:last].view(-1, 1, 1, 1)
        value += batch["hu"][first:last].view(-1, 1, 1, 1)
        if last - first == count:
            image.lerp_(value, fill)
        else:
            image[crop] = torch.lerp(image[crop], value, fill)
        if slot == SLOT["aorta"]:
            aorta[crop] = fill
        if slot >= _FIRST_CODED:
            classes[crop] = torch.where(fill >= 0.5, _CODE[slot], classes[crop])
    return image, aorta, classes


def _vessels(batch: Batch, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Paint every set of tubes; returns the image and the shares of lumen, of vein and of plaque."""
    rows = tubes.to_tiles(image)
    share, vein, plaque = (torch.zeros_like(rows) for _ in range(3))
    filled, value = tubes.cover(batch)
    start = batch["group_start"].tolist()
    for group, first, last in zip(GROUPS, start[:-1], start[1:]):
        tile, part = batch["row_tile"][first:last], filled[first:last]
        rows[tile] = torch.lerp(rows[tile], value[first:last], part)
        if group == "lumen":
            share[tile] = part
            plaque[tile] *= 1 - part
        elif group == "vein":
            vein[tile] = part
        elif group == "plaque":
            plaque[tile] = part
        elif group == "calcium":
            plaque[tile] = torch.maximum(plaque[tile], part * (1 - share[tile]))
    return tuple(tubes.from_tiles(x, image.shape) for x in (rows, share, vein, plaque))
