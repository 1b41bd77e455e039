"""How much of a coronary tree's centreline is found, and what is marked beside it, in mm of centreline."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, world_to_voxel

from .lines import Line, ostia_of

__all__ = ["RADII_MM", "TISSUES", "TREE_METRICS", "false_length_by_tissue", "tree_metrics"]

NEAR_MM = 1.5
ROOT_MM = 3.0
BESIDE_MM = 2.0
RADII_MM = {"thin": (0.0, 0.8), "middle": (0.8, 1.5), "wide": (1.5, np.inf)}
TISSUES = ("other", "coronary", "vein", "aorta", "chamber", "bone")
"""By the codes of a tissue map, 0 to 5; chambers are with the pulmonary vessels."""
_F1 = ("precision", "recall", "f1")
TREE_METRICS = (
    *(f"tree_{name}" for name in _F1),
    *(f"rooted_{name}" for name in _F1),
    *(f"missed_{width}" for width in RADII_MM),
    "false_mm",
)


def tree_metrics(predicted: Line, true: Line) -> dict[str, float]:
    """Precision, recall and F1 of centreline length, what was missed by radius, and the length that is false.

    ``tree_precision`` is the fraction of the predicted length within 1.5 mm of the true centreline,
    ``tree_recall`` the fraction of the true length within 1.5 mm of the predicted one, ``tree_f1`` their
    harmonic mean. ``rooted_*`` are the same with those parts of the prediction alone that come within 3 mm of
    an ostium of the truth (`ostia_of`); what is cut off from there counts as not marked.
    ``missed_thin, missed_middle, missed_wide`` are the fractions of the true length not found of vessels with
    a radius under 0.8, of 0.8 to 1.5, and from 1.5 mm on. ``false_mm`` is the predicted length further than
    1.5 mm from the truth.

    Both empty: NaN. One empty: fractions found 0. ``missed_*`` is NaN where the truth has no such vessel.
    """
    rooted = predicted.at(np.isin(predicted.part, _rooted_parts(predicted, ostia_of(true))))
    seen, right = _within(true, predicted), _within(predicted, true)
    is_nothing = len(predicted) == 0 and len(true) == 0
    figures = {}
    for which, line in (("tree", predicted), ("rooted", rooted)):
        fractions = (float("nan"),) * 3 if is_nothing else _fractions(line, true)
        figures |= {f"{which}_{name}": value for name, value in zip(_F1, fractions)}
    for width, (low, high) in RADII_MM.items():
        own = (true.radius_mm >= low) & (true.radius_mm < high)
        length = true.length_mm[own].sum()
        missed = true.length_mm[own & ~seen].sum()
        figures[f"missed_{width}"] = float(missed / length) if length else float("nan")
    return figures | {"false_mm": float(predicted.length_mm[~right].sum())}


def false_length_by_tissue(
    predicted: Line, true: Line, tissue: np.ndarray, affine: np.ndarray
) -> dict[str, float]:
    """``false_mm`` of `tree_metrics` by the nearest tissue within 2 mm, as ``false_<tissue>_mm``.

    Args:
        tissue: (X, Y, Z) on the grid of ``affine`` (4x4, RAS mm): 0 other, 1 coronary, 2 cardiac vein,
            3 aorta, 4 chambers and pulmonary vessels, 5 bone. Other is where none of them is near.
    """
    false = predicted.at(~_within(predicted, true))
    spacing = voxel_size_mm(affine)
    reach = np.ceil(BESIDE_MM / spacing).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    away = np.linalg.norm(steps @ np.asarray(affine, float)[:3, :3].T, axis=1)
    order = np.argsort(away, kind="stable")
    steps = steps[order[away[order] <= BESIDE_MM]]
    centres = np.rint(world_to_voxel(false.points, affine)).astype(int)
    code = np.zeros(len(false), int)
    for step in steps:  # from near to far
        open_ = np.flatnonzero(code == 0)
        at = np.clip(centres[open_] + step, 0, np.array(tissue.shape) - 1)
        code[open_] = tissue[tuple(at.T)]
    length = np.bincount(code, false.length_mm, len(TISSUES))
    return {f"false_{name}_mm": float(value) for name, value in zip(TISSUES, length)}


def _within(line: Line, other: Line) -> np.ndarray:
    """Which points of a line, (N,) bool, have the other one within 1.5 mm."""
    if len(line) == 0 or len(other) == 0:
        return np.zeros(len(line), bool)
    return cKDTree(other.points).query(line.points, distance_upper_bound=NEAR_MM * (1 + 1e-9))[0] <= NEAR_MM


def _fractions(predicted: Line, true: Line) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 of a line that is empty."""
    precision, recall = (
        float(line.length_mm[_within(line, other)].sum() / max(line.length_mm.sum(), 1e-9))
        for line, other in ((predicted, true), (true, predicted))
    )
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def _rooted_parts(line: Line, ostia: np.ndarray) -> np.ndarray:
    """Numbers of the parts whose lumen comes within 3 mm of an ostium (K, 3)."""
    to_wall = np.linalg.norm(line.points[:, None] - ostia, axis=2) - line.radius_mm[:, None]
    return np.unique(line.part[(to_wall <= ROOT_MM).any(axis=1)])
