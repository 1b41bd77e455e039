"""Whether a narrowing can be judged from the mask, and how far off its percentage may be.

A mask narrows where the vessel does, and also where its pieces were joined, at branch points, at ends, where
the wall is jagged, and in vessels of a few voxels. From the radius alone the two look the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import Branch, Tree

__all__ = [
    "BRIDGED",
    "LEAST_MM",
    "LEAST_VOXELS",
    "branch_points_mm",
    "is_bridged",
    "percent_range",
    "why_not_assessable",
]

BRIDGED = "the mask was bridged there"

LEAST_MM = 1.5  # SCCT (Leipsic et al., JCCT 2014): segments from this reference diameter are graded
LEAST_VOXELS = 4.0
_BESIDE_JOINT_MM = 2.0
_TIP_MM = 5.0
_SHOULDER_MM, _WIDER = 10.0, 1.3  # an artery tapers: behind a contact with a vein or a chamber it does not
_BESIDE_MM = 12.0  # on both sides of a narrowing, where the wall's roughness is measured
_FEWEST = 8  # samples there, every 0.5 mm; with less the roughness is not known
_DEPTH_OVER_ROUGHNESS = 5.0
# Standard deviations whose squares add up to that of the percentage: of the least radius in parts of a voxel
# and of the roughness, of the reference in parts of itself. And how many hold 90 % (were it normal, 1.645).
_VOXEL_PART, _ROUGH_PART, _REFERENCE_PART, _NINETY = 0.12, 1.2, 0.05, 2.15


def branch_points_mm(tree: Tree, number: int, without: Sequence[int] = ()) -> np.ndarray:
    """Where on the branch `number` others leave it, but for those in `without`, mm along it, (K,)."""
    branch = tree.branches[number]
    leaving = [b for i, b in enumerate(tree.branches) if b.parent == number and i not in without]
    starts = [other.points[0] for other in leaving]
    nearest = [int(np.argmin(np.linalg.norm(branch.points - start, axis=1))) for start in starts]
    return branch.along_mm[nearest] if nearest else np.zeros(0)


def roughness_beside_mm(branch: Branch, start_mm: float, end_mm: float) -> float:
    """Root mean square of the radius less its running median of 5 mm, in 12 mm on both sides of a stretch.

    Outside of bifurcations and gaps; infinite where fewer than eight samples are left.
    """
    along = branch.along_mm
    beside = (along > start_mm - _BESIDE_MM) & (along < end_mm + _BESIDE_MM) & branch.free
    beside &= (along < start_mm) | (along > end_mm)
    if beside.sum() < _FEWEST:
        return np.inf
    off = branch.radius - median_filter(branch.radius, 11, mode="nearest")
    return float(np.sqrt((off[beside] ** 2).mean()))


def _wider_behind(branch: Branch, start_mm: float, end_mm: float) -> bool:
    """Whether the median radius of the 10 mm behind a stretch is 1.3 times that of the 10 mm before it."""
    along, seen = branch.along_mm, ~branch.gap
    before = branch.radius[seen & (along < start_mm) & (along > start_mm - _SHOULDER_MM)]
    behind = branch.radius[seen & (along > end_mm) & (along < end_mm + _SHOULDER_MM)]
    return min(len(before), len(behind)) > 3 and np.median(behind) > _WIDER * np.median(before)


def why_not_assessable(
    branch: Branch,
    branchings_mm: np.ndarray,
    start_mm: float,
    end_mm: float,
    reference_mm: float,
    minimal_mm: float,
    voxel_mm: float,
) -> str:
    """Why a narrowing cannot be judged from the mask, as a phrase; empty where it can.

    Args:
        branchings_mm: from `branch_points_mm`.
        start_mm, end_mm: the narrowed stretch, along the branch.
        reference_mm, minimal_mm: diameters.
        voxel_mm: mean edge of the scan's voxels.
    """
    along = branch.along_mm
    beside = (along >= start_mm - _BESIDE_JOINT_MM) & (along <= end_mm + _BESIDE_JOINT_MM)
    depth_mm = (reference_mm - minimal_mm) / 2
    if reference_mm < LEAST_MM:
        return f"the vessel is under {LEAST_MM:g} mm wide"
    if reference_mm < LEAST_VOXELS * voxel_mm:
        return f"the vessel is under {LEAST_VOXELS:g} voxels wide"
    if branch.gap[beside].any():
        return "the mask is interrupted there"
    within = (along >= start_mm) & (along <= end_mm)
    leaves = ((branchings_mm >= start_mm) & (branchings_mm <= end_mm)).any()
    if leaves or branch.junction[within].mean() > 0.5:
        return "a branch leaves there"
    if end_mm > along[-1] - _TIP_MM:
        return "the branch ends there"
    if _wider_behind(branch, start_mm, end_mm):
        return "the vessel is wider behind it than before it"
    rough_mm = roughness_beside_mm(branch, start_mm, end_mm)
    if np.isinf(rough_mm):
        return "too little of the vessel is seen beside it"
    if depth_mm < _DEPTH_OVER_ROUGHNESS * rough_mm:
        return "the wall beside it is as uneven"
    return ""


def is_bridged(point: np.ndarray, joins: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rule for parts bridged a gap of the mask at a place: how wide it is there is the bridge's.

    A severe lesion may interrupt the mask beside its narrowest place; that is no reason.

    Args:
        point: (3,) RAS mm, the narrowest place.
        joins: of the record of `KeepTreesd`, with ``gap_mm`` and ``at_lps_mm`` of its middle.
    """
    here = ras_to_lps(point)
    return any(np.linalg.norm(here - join["at_lps_mm"]) <= join["gap_mm"] / 2 + 1.0 for join in joins)


def percent_range(
    branch: Branch, start_mm: float, end_mm: float, reference_mm: float, minimal_mm: float, voxel_mm: float
) -> tuple[float, float]:
    """Between which two percentages the diameter stenosis lies in about 90 % of lesions.

    The error of the least radius is a part of a voxel and of the roughness beside the narrowing, that of
    the reference a part of it; fitted to lesions in single vessels of phantoms of seeds from 600, and how
    many standard deviations hold 90 % to whole spoilt trees of seeds from 500 and 700.
    """
    rough = roughness_beside_mm(branch, start_mm, end_mm)
    rough = rough if np.isfinite(rough) else voxel_mm
    left = minimal_mm / reference_mm
    least = np.hypot(_VOXEL_PART * voxel_mm, _ROUGH_PART * rough) / (reference_mm / 2)
    margin = _NINETY * np.hypot(least, _REFERENCE_PART * left)
    low, high = np.clip([1 - left - margin, 1 - left + margin], 0.0, 1.0)
    return float(100 * low), float(100 * high)
