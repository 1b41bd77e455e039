"""A case in few numbers: how many vessels and segments are narrowed, of how many that can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bundle.geometry.core import Branch, Tree
from bundle.geometry.naming import MAIN

from .assess import LEAST_MM, LEAST_VOXELS
from .stenosis import Stenosis

__all__ = ["narrowed_sums", "vessel_rows"]

# Mean less two standard deviations, mm: LAD 109.5 (14.5), LCx 66.3 (11.6); RCA to the crux 120 to 140.
_LEAST_LENGTH_MM = {"LAD": 80.0, "LCx": 43.0, "RCA": 100.0}
_NEXT = {"LM": ("LAD", "LCx"), "RCA": ("PDA", "PLV")}  # vessels that begin where another ends
_LEAST_GAP_MM = 1.0
_TIP_MM, _ROUND_MM = 7.0, 2.0  # stretch before the end that shows its calibre, less the round tip
_VESSEL_MM, _SEGMENT_MM = 5.0, 3.0  # least length of lumen wide enough to judge
_LEVELS = (50, 70)  # percent


def _wide_enough(branch: Branch, voxel_mm: float) -> np.ndarray:
    """Where (N,) bool a section is free and as wide as a narrowing's reference has to be."""
    return branch.free & (2 * branch.radius >= max(LEAST_MM, LEAST_VOXELS * voxel_mm))


def _long_enough(branch: Branch, where: np.ndarray, least_mm: float) -> bool:
    return float(np.gradient(branch.along_mm)[where].sum()) >= least_mm if len(where) > 1 else False


def _tip_mm(branch: Branch) -> float:
    """Median diameter of the last 7 mm less the last 2, where a tip is round; of all of a short branch."""
    left = branch.length_mm - branch.along_mm
    near = (left <= _TIP_MM) & (left >= _ROUND_MM)
    return float(2 * np.median(branch.radius[near])) if near.any() else float(2 * np.median(branch.radius))


def _why_not_to_its_end(tree: Tree, name: str, own: list[int]) -> str:
    """Why a main vessel, the branches `own`, is not seen to its end, as a phrase; empty where it is.

    It has to be in one piece and without a bridged gap. The left main ends where LAD or LCx leave it, the
    RCA where PDA or posterolateral branches do. The others end where they taper to under 1.5 mm, the least
    diameter that the SCCT grades, so what lies beyond counts for nothing here wherever the mask ends; a
    vessel that is thin long before its usual length has been lost, or is narrowed.
    """
    first = max(own, key=lambda number: tree.branches[number].length_mm)
    gap = float(np.diff(tree.branches[first].along_mm)[tree.branches[first].gap[1:]].sum())
    if len(own) > 1:
        return "it is in pieces"
    if gap >= _LEAST_GAP_MM:
        return "the mask is interrupted"
    leave = {branch.name.rstrip("0123456789") for branch in tree.branches if branch.parent == first}
    if leave & set(_NEXT.get(name, ())):
        return ""
    if name == "LM":
        return "neither LAD nor LCx leaves it"
    if tree.branches[first].length_mm < _LEAST_LENGTH_MM.get(name, 0.0):
        return "it is shorter than usual"
    return "" if _tip_mm(tree.branches[first]) <= LEAST_MM else "it ends where it is still wide"


def vessel_rows(tree: Tree, lesions: Sequence[Stenosis], voxel_mm: float) -> list[dict]:
    """A row for each main vessel that is seen: how far, what narrows it, and whether nothing does.

    `no_narrowing_50` is true where the vessel was seen to its end, can be judged, and no narrowing was found
    in it that may be of 50 % or more (by its range), not even one that cannot be judged. A mask of the lumen
    says nothing of plaque that does not narrow it.

    Args:
        voxel_mm: size of the scan's voxels; the mean of the three edges.
    """
    rows = []
    for name in MAIN:
        own = [number for number, branch in enumerate(tree.branches) if branch.name == name]
        if not own:
            continue
        found = [lesion for lesion in lesions if lesion.branch in own]
        sure = [lesion.percent_diameter for lesion in found if lesion.assessable]
        parts = [tree.branches[number] for number in own]
        judged = any(_long_enough(part, _wide_enough(part, voxel_mm), _VESSEL_MM) for part in parts)
        why = _why_not_to_its_end(tree, name, own)
        severe = [lesion for lesion in found if lesion.percent_high >= _LEVELS[0]]
        rows.append(
            {
                "name": name,
                "length_mm": round(sum(part.length_mm for part in parts), 2),
                "assessable": judged or bool(sure),
                "seen_to_its_end": not why,
                "not_seen_because": why,
                "most_percent": round(max(sure), 1) if sure else None,
                "possible_narrowings": len(found) - len(sure),
                "no_narrowing_50": bool(judged and not why and not severe),
            }
        )
    return rows


@dataclass(frozen=True)
class _Place:
    """A vessel or a segment as far as one branch holds it: `where` (N,) bool along that branch."""

    kind: str
    what: str | int
    branch: int
    where: np.ndarray


def _places(tree: Tree, segments: Sequence[np.ndarray]) -> list[_Place]:
    places = []
    for number, branch in enumerate(tree.branches):
        if branch.name in MAIN:
            places.append(_Place("vessels", branch.name, number, np.ones(len(branch.points), bool)))
        for segment in np.unique(segments[number][segments[number] > 0]):
            places.append(_Place("segments", int(segment), number, segments[number] == segment))
    return places


def narrowed_sums(
    tree: Tree, lesions: Sequence[Stenosis], voxel_mm: float, segments: Sequence[np.ndarray]
) -> list[dict]:
    """Of each tree, then of the case (`tree` None), main vessels and SCCT segments in numbers.

    `vessels_assessable` have 5 mm of free lumen that is at least 1.5 mm and four voxels wide, or a narrowing
    that can be judged; `vessels_narrowed_50` and `_70` have one of so many percent. `segments_...` are the
    same of the 18 segments of the SCCT, with 3 mm. Pieces of a vessel count once.

    Args:
        voxel_mm: size of the scan's voxels; the mean of the three edges.
        segments: from `scct_segments`.
    """
    places = _places(tree, segments)
    rows = []
    for number in (*sorted({branch.tree for branch in tree.branches}), None):
        row: dict = {"tree": number}
        for kind, least_mm in (("vessels", _VESSEL_MM), ("segments", _SEGMENT_MM)):
            most: dict = {}  # percent, of what can be judged
            for place in places:
                branch = tree.branches[place.branch]
                if place.kind != kind or number not in (None, branch.tree):
                    continue
                if _long_enough(branch, place.where & _wide_enough(branch, voxel_mm), least_mm):
                    most.setdefault(place.what, 0.0)
                for lesion in lesions:
                    at = int(np.argmin(np.abs(branch.along_mm - lesion.at_mm)))
                    if lesion.branch == place.branch and lesion.assessable and place.where[at]:
                        most[place.what] = max(most.get(place.what, 0.0), lesion.percent_diameter)
            row[f"{kind}_assessable"] = len(most)
            for level in _LEVELS:
                row[f"{kind}_narrowed_{level}"] = sum(percent >= level for percent in most.values())
        rows.append(row)
    return rows
