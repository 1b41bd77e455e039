"""Windows only where vessels are: a coarse look says where to start, and the fine network where to go on."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn
from torch.nn import functional

from bundle.common.case_warnings import add_warning
from bundle.common.counted import Counted
from bundle.common.parsing import parse_bool
from bundle.networks import CompiledNetwork, half_precision, memory_kept, norms_by_channel

from .canvas import Canvas
from .gaps import gaps_of
from .looks import check_looks, mean_of_looks
from .seen import Seen, grown
from .windows import ProbabilityWindows

__all__ = ["GrowingWindows"]

logger = logging.getLogger(__name__)


class GrowingWindows(ProbabilityWindows):
    """`ProbabilityWindows` that leaves out the windows that hold no vessel, and looks again at gaps.

    1. Where ``coarse`` gives ``start_level`` or more, and within ``start_mm`` of it, all is looked at.
       Where it finds nothing, the whole volume is.
    2. Wherever the network itself then gives ``grow_level`` or more, all within ``grow_mm`` is looked at too,
       until nothing new comes: what the coarse look misses is lost only if no vessel leads there.
    3. Between two parts of the outcome that come near each other, one more window is centred on the gap,
       and the greater of both probabilities holds around it.

    Looked at means seen by the middle of a window, not by its border (`Seen`). Of what no window saw the
    probability is 0. Brightness decides too: 2 mm without a single voxel of ``dark`` are no vessel.

    Args:
        args, kwargs: of `ProbabilityWindows`. ``progress`` shows a bar in a terminal, else a line a minute.
        spacing_mm: of the volumes, along every axis; None for volumes with any voxels, which are MetaTensors
            then and have ``looks_mm``.
        looks_mm: sizes of voxels with which all this is done, the mean of the probabilities being the result
            (`mean_of_looks`); None is one look, as the volumes are.
        coarse: from a volume (1, X, Y, Z) to a probability on a grid of the same extent (`CoarseLook`); None
            looks everywhere.
        everywhere: true runs all windows, as `ProbabilityWindows` does, and false only those that are asked
            for; ``auto`` is true on a GPU, where all take a second.
        start_level, start_mm: of the coarse look, see above.
        grow_level, grow_mm: of the network's own probability of lumen.
        seen_share: of the weight that all windows would give a place, what must have been run.
        dark: intensity, scaled as the volumes are, that any vessel exceeds.
        gap_count: most gaps looked at again, the shortest first; 0 turns it off.
        gap_level: probability from which on a voxel belongs to a part.
        gap_part_mm3: volume of the smallest part.
        gap_mm: least and greatest length of a gap.
        gap_fuse_mm: around the middle of a gap, where the second look counts.
        amp: 16-bit floats for the network: float16 on CUDA, bfloat16 on a CPU.

    Shapes:
        (B, 1, X, Y, Z) to probabilities (B, outputs, X, Y, Z), float32.

    The meta data of the volumes get ``windows`` (how many were run, in all looks), ``windows_in_all``,
    ``windows_at_gaps`` and ``windows_seconds``.

    Raises:
        InputError: no look, or one finer than ``spacing_mm``.
    """

    def __init__(
        self,
        *args: Any,
        spacing_mm: float | None,
        looks_mm: Sequence[float] | None = None,
        coarse: Callable[[torch.Tensor], torch.Tensor] | None = None,
        everywhere: bool | str = "auto",
        start_level: float = 0.05,
        start_mm: float = 15.0,
        grow_level: float = 0.2,
        grow_mm: float = 6.0,
        seen_share: float = 0.5,
        dark: float = 1 / 3,
        gap_count: int = 8,
        gap_level: float = 0.4,
        gap_part_mm3: float = 20.0,
        gap_mm: Sequence[float] = (1.0, 8.0),
        gap_fuse_mm: float = 16.0,
        amp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.spacing_mm, self.coarse = spacing_mm, coarse
        self.looks_mm = None
        if looks_mm is not None or spacing_mm is None:
            self.looks_mm = check_looks(looks_mm or (), spacing_mm)
        self.everywhere = everywhere if everywhere == "auto" else parse_bool(everywhere, "everywhere")
        self.start_level, self.start_mm = start_level, start_mm
        self.grow_level, self.grow_mm = grow_level, grow_mm
        self.seen_share, self.dark = seen_share, dark
        self.gap_count, self.gap_level, self.gap_part_mm3 = gap_count, gap_level, gap_part_mm3
        self.gap_mm, self.gap_fuse_mm = tuple(gap_mm), gap_fuse_mm
        self.amp = parse_bool(amp, "amp")

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        def predictor(windows: torch.Tensor) -> torch.Tensor:
            return self.probability(network, windows, *args, **kwargs)

        volumes = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        with ExitStack() as quick:
            quick.enter_context(half_precision(volumes.device, self.amp))
            if volumes.device.type == "cpu":
                quick.enter_context(memory_kept())
                if isinstance(network, nn.Module):
                    quick.enter_context(norms_by_channel(network))
            sizes = self._voxel_sizes(inputs)
            for own in self._compiled(network):
                quick.callback(own.release_memory)  # which the steps after it need
            results, figures = zip(*(self._one(*pair, predictor) for pair in zip(volumes, sizes)))
        if isinstance(inputs, MetaTensor):
            inputs.meta.update({key: [figure[key] for figure in figures] for key in figures[0]})
            for own in self._compiled(network):  # which see windows without meta data
                if own.remark is not None:
                    add_warning(inputs.meta, own.remark)
        result = torch.stack(results) if len(results) > 1 else results[0][None]
        if isinstance(inputs, MetaTensor):
            result = MetaTensor(result).copy_meta_from(inputs, copy_attr=False)
        return result

    def _compiled(self, network: nn.Module) -> list[CompiledNetwork]:
        """Of the network and that of the coarse look those that another runtime runs."""
        both = (network, getattr(self.coarse, "network", None))
        return [own for own in both if isinstance(own, CompiledNetwork)]

    def _voxel_sizes(self, volumes: torch.Tensor) -> list[list[float]]:
        """Of each volume of a batch, mm along its axes."""
        if self.spacing_mm is not None:
            return [[self.spacing_mm] * 3] * len(volumes)
        if not isinstance(volumes, MetaTensor):
            raise ValueError("without spacing_mm the volumes must be MetaTensors, whose affine tells it.")
        affines = volumes.affine.expand(len(volumes), 4, 4)
        return [affine[:3, :3].norm(dim=0).tolist() for affine in affines]

    def _one(
        self,
        volume: torch.Tensor,
        voxel_mm: Sequence[float],
        predictor: Callable[[torch.Tensor], torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, float]]:
        if self.looks_mm is None:
            return self._look(volume, predictor)
        figures: list[dict[str, float]] = []

        def look(volume: torch.Tensor, spacing_mm: float) -> torch.Tensor:
            own = copy.copy(self)
            own.spacing_mm = spacing_mm
            probability, seen = own._look(volume, predictor)
            figures.append(seen)
            return probability

        probability = mean_of_looks(volume, voxel_mm, self.looks_mm, look)
        return probability, {key: round(sum(of[key] for of in figures), 2) for key in figures[0]}

    def _look(
        self, volume: torch.Tensor, predictor: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        began = time.perf_counter()
        windows = (self.roi_size, self.overlap, str(self.mode), self.sigma_scale)
        canvas = Canvas(volume.float(), predictor, *windows, str(self.padding_mode), self.cval)
        everywhere = volume.device.type != "cpu" if self.everywhere == "auto" else self.everywhere
        with Counted("windows", bool(self.progress)) as bar:
            count = self._all(canvas, bar) if everywhere else self._grow(canvas, volume, bar)
            probability = canvas.finish()
            again = self._again(canvas, probability, bar)
        seconds = round(time.perf_counter() - began, 2)
        logger.info("%d of %d windows, and %d at gaps, in %.1f s", count, len(canvas.starts), again, seconds)
        figures = {"windows": count, "windows_in_all": len(canvas.starts), "windows_at_gaps": again}
        return canvas.cropped(probability), figures | {"windows_seconds": seconds}

    def _all(self, canvas: Canvas, bar: Counted) -> int:
        numbers = range(len(canvas.starts))
        for first in numbers[:: self.sw_batch_size]:
            batch = numbers[first : first + self.sw_batch_size]
            canvas.run(batch)
            bar.update(len(batch))
        return len(numbers)

    def _grow(self, canvas: Canvas, volume: torch.Tensor, bar: Counted) -> int:
        """Run the windows that are asked for; how many those were."""
        cell = max(round(CELL_MM / self.spacing_mm), 1)
        size = canvas.padded.shape[1:]
        weight = canvas.weight.cpu().numpy()
        seen = Seen(size, np.array(canvas.starts), weight, cell, self.seen_share)
        bright = _cells(canvas.padded[0], cell).cpu().numpy() >= self.dark
        start = grown(self._start(canvas, volume, cell, seen.shape), self.start_mm / self.spacing_mm / cell)
        seen.wanted = bright & start if start.any() else bright.copy()
        lumen = np.zeros(seen.shape, bool)
        reach = int(np.ceil(self.grow_mm / self.spacing_mm / cell))
        count = 0
        while numbers := seen.take(self.sw_batch_size):
            canvas.run(numbers)
            for number in numbers:
                first = [n // cell for n in canvas.starts[number]]
                last = [-(-(n + roi) // cell) for n, roi in zip(canvas.starts[number], canvas.roi)]
                voxels = tuple(slice(a * cell, min(b * cell, n)) for a, b, n in zip(first, last, size))
                here = tuple(slice(a, b) for a, b in zip(first, last))
                lumen[here] = _cells(canvas.lumen(voxels), cell).cpu().numpy() >= self.grow_level
                around = tuple(slice(max(a - reach, 0), b + reach) for a, b in zip(first, last))
                near = grown(lumen[around], self.grow_mm / self.spacing_mm / cell)
                seen.wanted[around] |= near & bright[around]
            count += len(numbers)
            bar.update(len(numbers))
        if not count:  # a volume without a bright voxel
            canvas.run([0])
            count = 1
        return count

    def _start(self, canvas: Canvas, volume: torch.Tensor, cell: int, shape: tuple[int, ...]) -> np.ndarray:
        """The cells in which the coarse look finds something."""
        start = np.zeros(shape, bool)
        if self.coarse is None:
            return start
        probability = self.coarse(volume)
        found = (probability >= self.start_level).nonzero().cpu().numpy()
        scale = np.array(canvas.size) / np.array(probability.shape)
        voxels = (found + 0.5) * scale + canvas.before
        start[tuple((voxels // cell).astype(int).T)] = True
        return start

    def _again(self, canvas: Canvas, probability: torch.Tensor, bar: Counted) -> int:
        """One more window on each gap, fused into ``probability``; how many those were."""
        if self.gap_count < 1:
            return 0
        mask = (probability[0] >= self.gap_level).cpu().numpy()
        chosen: list[np.ndarray] = []
        for gap in gaps_of(mask, self.spacing_mm, self.gap_part_mm3, self.gap_mm):
            near = [np.linalg.norm(gap.center - c) * self.spacing_mm < self.gap_fuse_mm / 2 for c in chosen]
            if len(chosen) < self.gap_count and not any(near):
                chosen.append(gap.center)
        size = probability.shape[1:]
        for center in chosen:
            corner = np.round(center - np.array(canvas.roi) / 2)
            start = np.clip(corner, 0, np.array(size) - canvas.roi).astype(int).tolist()
            (seen,) = canvas.look([start])
            axes = [
                torch.arange(first, first + roi, device=seen.device) - float(c)
                for first, roi, c in zip(start, canvas.roi, center)
            ]
            x, y, z = torch.meshgrid(*(axis**2 for axis in axes), indexing="ij")
            seen *= (x + y + z) * self.spacing_mm**2 <= self.gap_fuse_mm**2
            here = probability[(slice(None), *canvas.block(start))]
            torch.maximum(here, seen, out=here)
            bar.update()
        return len(chosen)


CELL_MM = 2.0
"""Of the grid on which it is noted what has been seen."""


def _cells(volume: torch.Tensor, cell: int) -> torch.Tensor:
    """The greatest value in each cell of a volume (X, Y, Z)."""
    return functional.max_pool3d(volume[None, None], cell, ceil_mode=True)[0, 0]
