"""Windows of a volume, and their probabilities blended into one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.utils import ensure_tuple_rep, fall_back_tuple
from torch.nn import functional

__all__ = ["Canvas"]


class Canvas:
    """MONAI's sliding window, one window at a time: which are run, and when, is the caller's choice.

    The grid of windows, the padding of a volume smaller than one and the weights are those of
    `monai.inferers.sliding_window_inference`: once all have been run, so is the result.

    Args:
        volume: (C, X, Y, Z).
        predictor: from windows (N, C, *roi) to probabilities (N, outputs, *roi), float32.
        roi_size, overlap, mode, sigma_scale, padding_mode, cval: as MONAI has them.

    Attributes:
        padded: (C, X', Y', Z'), the volume with its border; before: (3,) how far it begins inside.
        starts: first voxels of the windows, in the padded volume.
        weight: (*roi) of a window's voxels.
    """

    def __init__(
        self,
        volume: torch.Tensor,
        predictor: Callable[[torch.Tensor], torch.Tensor],
        roi_size: Sequence[int] | int,
        overlap: Sequence[float] | float,
        mode: str = "gaussian",
        sigma_scale: Sequence[float] | float = 0.125,
        padding_mode: str = "constant",
        cval: float = 0.0,
    ) -> None:
        self.size = tuple(int(n) for n in volume.shape[1:])
        self.predictor = predictor
        self.roi = fall_back_tuple(roi_size, self.size)
        missing = [max(roi - n, 0) for roi, n in zip(self.roi, self.size)]
        self.before = [n // 2 for n in missing]
        self.padded = volume
        if any(missing):
            pads = [(low, n - low) for low, n in zip(self.before, missing)]
            flat = [n for pair in reversed(pads) for n in pair]
            value = {"value": cval} if padding_mode == "constant" else {}
            self.padded = functional.pad(volume[None], flat, mode=padding_mode, **value)[0]
        size = tuple(int(n) for n in self.padded.shape[1:])
        overlaps = ensure_tuple_rep(overlap, 3)
        steps = [
            roi if roi == n else max(int(roi * (1 - o)), 1) for roi, n, o in zip(self.roi, size, overlaps)
        ]
        self.starts = [tuple(s.start for s in block) for block in dense_patch_slices(size, self.roi, steps)]
        about = {"mode": mode, "sigma_scale": sigma_scale, "device": volume.device}
        self.weight = compute_importance_map(self.roi, **about, dtype=torch.float32)
        self._total: torch.Tensor | None = None
        self._done: list[tuple[int, ...]] = []

    def block(self, start: Sequence[int]) -> tuple[slice, ...]:
        """The window that begins at a voxel of the padded volume."""
        return tuple(slice(first, first + n) for first, n in zip(start, self.roi))

    def look(self, starts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Probabilities (N, outputs, *roi) of windows, not blended."""
        shape = (len(starts), len(self.padded), *self.roi)
        device = self.padded.device
        # Channels last, also where there is but one, makes convolutions in bfloat16 on a CPU quick; those in
        # single precision it slows down.
        is_last = device.type == "cpu" and torch.is_autocast_enabled("cpu")
        layout = torch.channels_last_3d if is_last else torch.contiguous_format
        windows = torch.empty(shape, device=device, memory_format=layout)
        for window, start in zip(windows, starts):
            window.copy_(self.padded[(slice(None), *self.block(start))])
        return self.predictor(windows)

    def run(self, numbers: Sequence[int]) -> None:
        """Blend the windows of these numbers in."""
        starts = [self.starts[number] for number in numbers]
        for start, seen in zip(starts, self.look(starts)):
            if self._total is None:
                self._total = torch.zeros((len(seen), *self.padded.shape[1:]), device=seen.device)
            self._total[(slice(None), *self.block(start))] += seen.mul_(self.weight)
            self._done.append(start)

    def lumen(self, block: tuple[slice, ...]) -> torch.Tensor:
        """The first probability so far in a block of the padded volume; 0 where no window has been run."""
        return self._total[(0, *block)] / self._count(block)

    def finish(self) -> torch.Tensor:
        """Probabilities (outputs, X', Y', Z') of the padded volume; ends the blending."""
        if self._total is None:
            raise ValueError("no window has been run.")
        for first in range(0, self._total.shape[1], _SLAB):
            slab = slice(first, min(first + _SLAB, self._total.shape[1]))
            everything = (slice(0, n) for n in self._total.shape[2:])
            self._total[:, slab].div_(self._count((slab, *everything)))
        return self._total

    def _count(self, block: tuple[slice, ...]) -> torch.Tensor:
        """The weight that the windows so far give a block; of the whole volume it would be another volume."""
        count = torch.zeros([s.stop - s.start for s in block], device=self.weight.device)
        for start in self._done:
            shared = [
                (max(s.start, first), min(s.stop, first + roi))
                for s, first, roi in zip(block, start, self.roi)
            ]
            if all(low < high for low, high in shared):
                here = tuple(slice(low - s.start, high - s.start) for (low, high), s in zip(shared, block))
                there = tuple(slice(low - first, high - first) for (low, high), first in zip(shared, start))
                count[here] += self.weight[there]
        return count.clamp_min_(_TINY)

    def cropped(self, probability: torch.Tensor) -> torch.Tensor:
        """What lies in the volume itself."""
        inside = tuple(slice(low, low + n) for low, n in zip(self.before, self.size))
        return probability[(slice(None), *inside)]


_SLAB = 32  # planes that are divided at a time
_TINY = torch.finfo(torch.float32).tiny
