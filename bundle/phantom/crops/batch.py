"""Several plans of one shape as a dictionary of tensors, ready to be sent to the device that renders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .patient import GROUPS
from .plan import CropPlan
from .segments import TILE

Batch = dict[str, torch.Tensor]


def stack_plans(plans: Sequence[CropPlan]) -> Batch:
    """Plans as one batch; the organs sorted by slot and the cubes by group, so each is a run of rows.

    Raises:
        ValueError: plans of different shapes.
    """
    shapes = {plan.shape for plan in plans}
    if len(shapes) != 1:
        raise ValueError(f"Crops of one shape can be stacked, got {sorted(shapes)}.")
    shape = plans[0].shape
    tiles = int(np.prod(shape)) // TILE**3
    coarse = np.max([plan.shading.shape for plan in plans], axis=0)
    organs = np.concatenate([plan.organs for plan in plans]).astype(np.int64)
    order = np.argsort(organs, kind="stable")
    groups = np.concatenate([plan.row_group for plan in plans])
    row_order = np.argsort(groups, kind="stable")
    row_at = np.empty(len(row_order), np.int64)
    row_at[row_order] = np.arange(len(row_order))
    rows, segments = (np.cumsum([0] + [len(x) for x in xs]) for xs in _counted(plans))

    def joined(values):
        return np.concatenate(list(values))

    arrays = {
        "shape": np.array(shape),
        "spacing": np.stack([p.spacing for p in plans]),
        "organ_crop": joined(np.full(len(p.organs), b) for b, p in enumerate(plans))[order],
        "organ_start": np.searchsorted(organs[order], np.arange(organs.max(initial=0) + 2)),
        "distance": joined(_padded(p.distance, coarse, 127) for p in plans)[order],
        "hu": joined(p.hu for p in plans)[order],
        "texture": joined(p.texture for p in plans)[order],
        "noise_of": joined(p.noise_of for p in plans)[order],
        "shading": np.stack([_padded(p.shading[None], coarse, 0)[0] for p in plans]),
        "segments": joined(p.segments for p in plans),
        "row_tile": joined(p.row_tile + b * tiles for b, p in enumerate(plans))[row_order],
        "group_start": np.searchsorted(groups[row_order], np.arange(len(GROUPS) + 1)),
        "pair_row": row_at[joined(p.pair_row + rows[b] for b, p in enumerate(plans))],
        "pair_segment": joined(p.pair_segment + segments[b] for b, p in enumerate(plans)),
        "centreline": joined(p.centreline + b * int(np.prod(shape)) for b, p in enumerate(plans)),
        "seed": np.array([p.seed for p in plans]),
        "shifted": np.flatnonzero([p.scan.moves.any() for p in plans]),
        "sampled": np.flatnonzero([p.scan.sampling is not None for p in plans]),
    }
    for name in ("numbers", "moving", "blur_z", "noise_z", "profile", "moves"):
        arrays[name] = np.stack([getattr(p.scan, name) for p in plans])
    sampled = [plans[k].scan.sampling for k in arrays["sampled"]]
    for k, axis in enumerate("zyx"):
        size = shape[2 - k]
        arrays[f"sampling_{axis}"] = np.array([s[k] for s in sampled], np.float32).reshape(-1, size, size)
        arrays[f"hat_{axis}"] = np.stack(
            [np.pad(p.hats[k], ((0, 0), (0, coarse[k] - p.hats[k].shape[1]))) for p in plans]
        )
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}


HOST = ("shape", "organ_start", "group_start", "seed", "shifted", "sampled")
"""What the renderer reads on the CPU, so that it never waits for the device."""


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`, but for what is read on the host."""
    return {
        name: value if name in HOST else value.to(device, non_blocking=True) for name, value in batch.items()
    }


def _counted(plans):
    return [p.row_tile for p in plans], [p.segments for p in plans]


def _padded(fields: np.ndarray, size, value) -> np.ndarray:
    """Fields (M, z, y, x) enlarged at their far ends."""
    ends = [(0, int(n) - m) for n, m in zip(size, fields.shape[1:])]
    return np.pad(fields, [(0, 0), *ends], constant_values=value)
