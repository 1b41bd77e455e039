"""Where a calibre has changed, and where the difference is what measuring gives anyway.

Two scanners differ by an offset, most of all through their blur: the commonest difference of all places is
taken off. What is left where nothing changed is noise, correlated along the vessel. How much it is after
averaging over 5, 9, 15 and 25 mm is read from the two scans themselves: the spread of all such means about
their branch's usual difference, by the median of absolute values, which local changes of up to a quarter of
the tree hardly move. A change is claimed where such a mean lies so far from zero that noise is ruled out, and
a change of less than a quarter of a voxel or 3 % too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label, uniform_filter1d

from .places import PLACE_MM, Places

__all__ = ["WINDOWS", "Noise", "claimed", "noise_of"]

WINDOWS = (5, 9, 15, 25)
"""Places that are averaged: an odd number of millimetres."""
_SURE, _BEYOND = 4.0, 2.0  # standard errors from zero, and from the least change
# The least change that is of interest: in mm, in voxels, as a part of the diameter.
_LEAST_MM, _LEAST_VOXELS, _LEAST_PART = 0.1, 0.25, 0.03
_WIDE_MM = 4.0  # wider vessels are measured less well in mm, since what leaves them disturbs more of them
_FILLED = 0.6  # of a window that has to be compared
_CORRELATED_MM = 2.0  # at least over so much a wall's errors hang together
_PEAK, _WIDTH_MM = 9, 0.06  # places averaged, and width of the kernel, for the commonest difference
_LONG = 25  # places of a pair that tell its own median
_RUN = 3  # places: a change is at least 3 mm long
_LOCAL = 5  # places averaged to say where a change begins and ends


@dataclass(frozen=True)
class Noise:
    """What measuring does to a difference of diameters.

    offset_mm: the commonest difference. place_mm: standard deviation of a single place. mean_mm: of the
    mean over each of `WINDOWS`. least_mm: the smallest change that could be claimed without noise.
    """

    offset_mm: float
    place_mm: float
    mean_mm: dict[int, float]
    least_mm: float

    def of_mean(self, count: np.ndarray | int) -> np.ndarray | float:
        """Standard error of the mean of so many places in a row."""
        at = np.array([1, *WINDOWS])
        known = np.array([self.place_mm, *(self.mean_mm[w] for w in WINDOWS)])
        longest = np.maximum(np.asarray(count) / at[-1], 1.0) ** -0.5  # beyond: as independent stretches
        return np.interp(count, at, known) * longest


def _spread(values: np.ndarray) -> float:
    """Standard deviation of normal values about zero, by the median of their absolute values."""
    return float(1.4826 * np.median(np.abs(values))) if len(values) else 0.0


def _means(values: np.ndarray, known: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the known (N,) among `window` values in a row, and how many these are, (N - window + 1,)."""
    if len(values) < window:
        return np.zeros(0), np.zeros(0, int)
    ones = np.ones(window)
    count = np.rint(np.convolve(known, ones, "valid")).astype(int)
    total = np.convolve(np.where(known, values, 0.0), ones, "valid")
    return total / np.maximum(count, 1), count


def _offset(places: Sequence[Places], every: np.ndarray) -> float:
    """The commonest difference, mm: the peak of the density of means over 9 mm.

    A median would go half-way along with a vessel that has changed throughout and is a third of the tree.
    """
    means = []
    for own in places:
        mean, count = _means(own.difference_mm, own.compared, _PEAK)
        means.append(mean[count >= _FILLED * _PEAK])
    means = np.concatenate(means) if means else every
    if len(means) < 3 * _PEAK or np.ptp(means) < 1e-6:
        return float(np.median(every))
    at = np.linspace(*np.percentile(means, [2, 98]), 401)
    density = np.exp(-0.5 * ((at[:, None] - means[None]) / _WIDTH_MM) ** 2).sum(axis=1)
    return float(at[np.argmax(density)])


def _usual(own: Places, offset_mm: float) -> float:
    """The difference that places of a pair vary about: its own median where it is long, else the offset."""
    known = own.difference_mm[own.compared]
    return float(np.median(known)) if len(known) >= _LONG else offset_mm


def noise_of(places: Sequence[Places], voxel_mm: float | None = None) -> Noise:
    """The noise of two scans, from the differences themselves.

    Args:
        places: see `places_of`.
        voxel_mm: mean edge of a voxel in the coarser scan, where it is known.

    Raises:
        ValueError: fewer than ten places can be compared.
    """
    every = np.concatenate([np.zeros(0), *(own.difference_mm[own.compared] for own in places)])
    if len(every) < 10:
        raise ValueError(
            f"of both scans only {len(every)} places can be compared; the vessels are too short or too thin"
        )
    offset = _offset(places, every)
    usual = [_usual(own, offset) for own in places]
    about = [own.difference_mm[own.compared] - middle for own, middle in zip(places, usual)]
    single = _spread(np.concatenate(about))
    spreads, before = {}, single
    for window in WINDOWS:
        found = [np.zeros(0)]
        for own, middle in zip(places, usual):
            mean, count = _means(own.difference_mm - middle, own.compared, window)
            found.append(mean[count >= _FILLED * window])
        means = np.concatenate(found)
        least = single * min(1.0, (_CORRELATED_MM / (window * PLACE_MM)) ** 0.5)
        before = max(_spread(means), least) if len(means) >= 2 * window else max(least, before)
        spreads[window] = before
    least = max(_LEAST_MM, _LEAST_VOXELS * voxel_mm) if voxel_mm else _LEAST_MM
    return Noise(offset, single, spreads, least)


def claimed(own: Places, noise: Noise) -> np.ndarray:
    """Where a change of calibre is claimed: 1 for wider in the second scan, -1 for narrower, else 0, (N,)."""
    known = own.compared
    change = own.difference_mm - noise.offset_mm
    rough = _roughness(change[known])
    worse = max(1.0, rough / noise.place_mm) if noise.place_mm > 0 else 1.0
    wide = 0.5 * (own.diameter_first + own.diameter_second)

    def beyond(error: np.ndarray | float, diameter: np.ndarray | float) -> np.ndarray | float:
        """From where on a mean with this standard error is a change."""
        least = np.maximum(noise.least_mm, _LEAST_PART * diameter)
        error = worse * error * np.maximum(1.0, diameter / _WIDE_MM)
        return np.maximum(_SURE * error, least + _BEYOND * error)

    strongest = np.zeros((2, len(change)))  # of the means beyond noise that a place belongs to
    for window in WINDOWS:
        mean, count = _means(change, known, window)
        error = noise.mean_mm[window] * np.sqrt(window / np.maximum(count, 1))
        limit = beyond(error, _means(wide, known, window)[0])
        for row, sign in enumerate((1, -1)):
            for start in np.flatnonzero((sign * mean > limit) & (count >= _FILLED * window)):
                part = strongest[row, start : start + window]
                np.maximum(part, sign * mean[start], out=part)
    weight = uniform_filter1d(known.astype(float), _LOCAL, mode="constant")
    local = uniform_filter1d(np.where(known, change, 0.0), _LOCAL, mode="constant") / np.maximum(weight, 1e-9)
    said = np.zeros(len(change), int)
    for row, sign in enumerate((1, -1)):
        # A change reaches as far as half of its mean, and has to be one by itself.
        runs, count = label((strongest[row] > 0) & known & (sign * local > 0.5 * strongest[row]))
        for run in range(1, count + 1):
            at = runs == run
            enough = sign * change[at].mean() > beyond(noise.of_mean(at.sum()), wide[at].mean())
            if at.sum() >= _RUN and enough:
                said[at] = sign
    return said


def _roughness(change: np.ndarray) -> float:
    """Standard deviation of single places about their neighbours, which a change of the branch leaves out."""
    if len(change) < 15:
        return 0.0
    beside = change[1:-1] - 0.5 * (change[:-2] + change[2:])
    return _spread(beside)
