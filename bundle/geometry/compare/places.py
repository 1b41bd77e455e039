"""The calibres of both scans at the same places, 1 mm apart, and which of these can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter

from bundle.common.polylines import at_length
from bundle.geometry.core import Branch

from .register import Pair, Registration

__all__ = ["PLACE_MM", "Places", "places_of"]

PLACE_MM = 1.0
_END_MM = 2.0  # beside an ostium or a tip the cross-section is that of the end
_APART_MM, _AROUND = 0.75, 7  # places further apart are not the same one, nor those 3 mm beside them
# Diameter under which arteries are not judged: 1.5 mm (SCCT; Leipsic et al., JCCT 2014), or four voxels.
_THIN_MM, _THIN_VOXELS = 1.5, 4.0
_USUAL = 9  # places about one that say how wide the vessel is there: a narrowing does not make it thin
_WEIGHTS = np.array([0.25, 0.5, 0.25])  # of the samples half a millimetre before, at and behind a place


@dataclass(frozen=True)
class Places:
    """A stretch that both scans show, every millimetre along the first.

    first, second: branch indices. at_first, at_second: (N,) mm from the beginning of each branch.
    diameter_first, diameter_second: (N,) mm. apart_mm: (N,) what the registration leaves between both.
    points: (N, 3) RAS mm, of the first scan. left_out: N texts, why a place is not compared; empty where it
    is.
    """

    first: int
    second: int
    at_first: np.ndarray
    at_second: np.ndarray
    diameter_first: np.ndarray
    diameter_second: np.ndarray
    apart_mm: np.ndarray
    points: np.ndarray
    left_out: list[str]

    @property
    def compared(self) -> np.ndarray:
        """(N,) bool."""
        return np.array([not text for text in self.left_out], bool)

    @property
    def difference_mm(self) -> np.ndarray:
        """Second minus first diameter, (N,) mm."""
        return self.diameter_second - self.diameter_first


def _diameter(branch: Branch, at: np.ndarray) -> np.ndarray:
    """The mean diameter about places (N,), mm."""
    around = at[:, None] + np.array([-0.5, 0.0, 0.5]) * PLACE_MM
    return np.interp(around, branch.along_mm, 2 * branch.radius) @ _WEIGHTS


def _near(branch: Branch, mark: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Whether a mark (one bool a point of the branch) touches the places (N,)."""
    around = at[:, None] + np.array([-0.5, 0.0, 0.5]) * PLACE_MM
    return np.interp(around, branch.along_mm, mark.astype(float)).max(axis=1) > 0.01


def _places(pair: Pair, first: Branch, second: Branch, thin_mm: float) -> Places | None:
    course = pair.course
    begin, end = np.ceil(course.along[0] / PLACE_MM), np.floor(course.along[-1] / PLACE_MM)
    own = np.arange(begin, end + 1) * PLACE_MM
    if not len(own):
        return None
    other = np.interp(own, course.along, course.there)
    apart = np.interp(own, course.along, course.apart_mm)
    diameters = [_diameter(branch, at) for branch, at in ((first, own), (second, other))]
    reasons = np.full(len(own), "", object)
    usual = median_filter(np.maximum(*diameters), _USUAL, mode="nearest")
    reasons[usual < thin_mm] = f"thinner than {thin_mm:.2g} mm"
    reasons[maximum_filter1d(apart, _AROUND) > _APART_MM] = "the scans do not fit there"
    for branch, at in ((first, own), (second, other)):
        ends = at > branch.length_mm - _END_MM
        if branch.parent < 0:
            ends |= at < _END_MM
        reasons[ends] = "end of the branch"
        reasons[_near(branch, branch.junction, at)] = "bifurcation"
    for branch, at in ((first, own), (second, other)):
        reasons[_near(branch, branch.gap, at)] = "the mask is interrupted there"
    points = at_length(first.points, first.points, own)
    return Places(pair.first, pair.second, own, other, *diameters, apart, points, list(reasons))


def places_of(
    found: Registration, first: Sequence[Branch], second: Sequence[Branch], voxel_mm: float | None = None
) -> list[Places]:
    """The places of every pair of a registration.

    Args:
        found: see `register_trees`.
        first: the branches that it was made of.
        second: likewise.
        voxel_mm: mean edge of a voxel in the coarser scan, where it is known.
    """
    thin_mm = max(_THIN_MM, _THIN_VOXELS * (voxel_mm or 0.0))
    places = (_places(pair, first[pair.first], second[pair.second], thin_mm) for pair in found.pairs)
    return [own for own in places if own is not None]
