"""The branches as a page carries them: their lines, diameters beside the reference, the CT along them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import Branch, Tree
from bundle.geometry.measure import reference_diameters
from bundle.geometry.render import branch_colors, lengthwise_cuts

from .volume import as_bytes, jpeg

__all__ = ["packed_branches", "packed_cuts"]

_QUALITY = 70
_LEAST_MM = 4.0  # a shorter branch has nothing to look along


def packed_branches(branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """A row a branch: `name`, `parent`, `colour`, and at its points, 0.5 mm apart, `points` (LPS mm),
    `along_mm`, `diameter_mm`, `reference_mm`, and where there is a `gap` or a `junction` (first and last)."""
    colours = branch_colors([branch.name for branch in branches])
    references = reference_diameters(Tree(branches=list(branches)))
    return [
        {
            "id": number,
            "name": branch.name,
            "parent": branch.parent,
            "colour": "#{:02x}{:02x}{:02x}".format(*colours[number]),
            "points": np.round(ras_to_lps(branch.points), 2).tolist(),
            "along_mm": np.round(branch.along_mm, 2).tolist(),
            "diameter_mm": np.round(2 * branch.radius, 3).tolist(),
            "reference_mm": np.round(references[number], 3).tolist(),
            "gap": _runs(branch.gap),
            "junction": _runs(branch.junction),
        }
        for number, branch in enumerate(branches)
    ]


def packed_cuts(
    ct: np.ndarray, affine: np.ndarray, branches: Sequence[Branch], most_bytes: int
) -> dict[int, dict[str, Any]]:
    """By branch id the CT along it, the longest first, until they take `most_bytes` as base64.

    `jpeg`: the straightened cuts at 0 and 90 degrees and the curved one, one below the other, of `heights`
    pixels of `pixel_mm`, ostium on the left, over the HU of `HU_RANGE`.
    """
    cuts: dict[int, dict[str, Any]] = {}
    for number in sorted(range(len(branches)), key=lambda number: -branches[number].length_mm):
        if branches[number].length_mm < _LEAST_MM:
            break
        rows, pixel_mm = lengthwise_cuts(ct, affine, branches[number])
        file = jpeg(as_bytes(np.concatenate([row.T for row in rows])), _QUALITY)
        most_bytes -= len(file) * 4 // 3
        if most_bytes < 0:
            break
        cuts[number] = {
            "heights": [row.shape[1] for row in rows],
            "pixel_mm": pixel_mm,
            "jpeg": base64.b64encode(file).decode(),
        }
    return cuts


def _runs(flag: np.ndarray) -> list[list[int]]:
    """First and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flag, int), [0]])))
    return [[int(first), int(end) - 1] for first, end in edges.reshape(-1, 2)]
