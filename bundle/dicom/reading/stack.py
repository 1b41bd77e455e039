"""Slices in the order of their places, on one even grid, or one sentence that says why they are on none."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from bundle.common.coordinates import ras_to_lps
from bundle.common.errors import RunFailed

from .series import Series
from .slice_header import CT_STORAGE, SliceHeader

__all__ = ["stacked", "why_no_volume"]

_APART = 0.1  # of a voxel's shortest edge: the most by which a slice may lie beside the grid
_UNIT = 2e-3  # of the squared length of a direction, and of the cosine of two at a right angle
_TILT_DEG = 0.5
_MOST_VOXELS = 1024**3
_HU = ("", "HU", "US")


def why_no_volume(series: Series) -> str | None:
    """What keeps a series from being a volume of CT, in words behind its name; None where nothing does.

    Of its headers alone, and without the places of its slices (`stacked`).
    """
    first, slices = series.first, series.slices
    lacking = next(
        (
            name
            for name, values in _NEEDED.items()
            if any(getattr(header, values) is None for header in slices)
        ),
        None,
    )
    units = next((header.units for header in slices if header.units not in _HU), None)
    if not (first.rows and first.columns):
        return "holds no images"
    if "LOCALIZER" in first.image_type:
        return "is a localiser"
    if first.modality not in ("CT", ""):
        return f"is of modality {first.modality[:16]}, not CT"
    if first.sop_class not in CT_STORAGE:
        return "is a secondary capture or another kind of image that is no CT"
    if first.samples not in (1, None):
        return "is in colour, so its values are no Hounsfield units"
    if lacking:
        return f"has slices without {lacking}"
    if units:
        return f"has values in units of {units[:16]}, not Hounsfield units"
    if len(slices) < 2:
        return "has a single slice"
    if first.rows * first.columns * len(slices) > _MOST_VOXELS:
        return f"declares {first.columns} x {first.rows} x {len(slices)} voxels, more than can be read"
    directions = np.array(first.orientation).reshape(2, 3)
    if np.abs(directions @ directions.T - np.eye(2)).max() > _UNIT or min(first.spacing) <= 0:
        return "has an ImageOrientationPatient or a PixelSpacing that no image can have"
    return None


_NEEDED = {
    "ImagePositionPatient": "position",
    "ImageOrientationPatient": "orientation",
    "PixelSpacing": "spacing",
    "RescaleSlope": "slope",
    "RescaleIntercept": "intercept",
}


def stacked(series: Series) -> tuple[list[SliceHeader], np.ndarray]:
    """The slices by their place along the normal, and the affine (4, 4), voxel to RAS mm.

    The normal is that of rows and columns in this order, so the affine keeps its hand.

    Raises:
        RunFailed: what `why_no_volume` finds; two slices at one place, missing or
            unevenly spaced ones, or slices that are shifted against each other, as by a tilted gantry.
    """
    why = why_no_volume(series)
    if why is not None:
        raise RunFailed(f"{series.label} {why}")
    first = series.first
    rows, columns = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    order = np.argsort(series.along, kind="stable")
    slices, along = [series.slices[n] for n in order], series.along[order]
    edge = _check_steps(series, slices, along)
    places = np.array([header.position for header in slices])
    step = (places[-1] - places[0]) / (len(slices) - 1)
    _check_tilt(series, step, np.cross(rows, columns))
    beside = np.linalg.norm(places - places[0] - np.arange(len(slices))[:, None] * step, axis=1).max()
    if beside > _APART * edge:
        raise RunFailed(
            f"{series.label} has slices that lie up to {beside:.2g} mm beside a straight, even row; nothing "
            "can be measured on it, so export or reconstruct it again"
        )
    affine = np.eye(4)
    affine[:3, 0] = rows * first.spacing[1]
    affine[:3, 1] = columns * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = step, places[0]
    affine[:3] = ras_to_lps(affine[:3].T).T
    return slices, affine


def _check_steps(series: Series, slices: list[SliceHeader], along: np.ndarray) -> float:
    """That every slice has its own place, at one distance to the next; returns a voxel's shortest edge."""
    steps = np.diff(along)
    edge = min(*series.first.spacing, float(np.median(steps)) or np.inf)
    doubled = int((steps < _APART * edge).sum())
    if doubled:
        at = int(np.argmin(steps))
        raise RunFailed(
            f"{series.label} has {doubled} of {len(slices)} slices at a place where another one is, first "
            f"{_named(slices[at])} and {_named(slices[at + 1])}, and no header tells them apart; export one "
            "reconstruction or phase alone"
        )
    # The distance that most slices have: where some are missing, the median may be of the gaps.
    step = _commonest(steps, _APART * edge)
    uneven = np.abs(steps - step) > _APART * edge
    if not uneven.any():
        return edge
    gaps = steps[uneven] / step
    at = int(np.argmax(uneven))
    between = f"between {_named(slices[at])} and {_named(slices[at + 1])}"
    if (np.abs(gaps - np.rint(gaps)) * step < 2 * _APART * edge).all() and gaps.min() > 1.5:
        missing = int(np.rint(gaps - 1).sum())
        noun = "slice" if missing == 1 else "slices"
        raise RunFailed(
            f"{series.label} lacks {missing} {noun} among the {len(slices)} that are there, first "
            f"{between}; perhaps it has not arrived whole, so send or copy it again{_also(series)}"
        )
    raise RunFailed(
        f"{series.label} has unevenly spaced slices, {steps.min():.3g} to {steps.max():.3g} mm apart, first "
        f"{between}; export a reconstruction with even spacing{_also(series)}"
    )


def _commonest(steps: np.ndarray, tolerance: float) -> float:
    counts: dict[int, list[float]] = defaultdict(list)
    for step in steps:
        counts[round(step / tolerance / 2)].append(step)
    return float(np.mean(max(counts.values(), key=len)))


def _check_tilt(series: Series, step: np.ndarray, normal: np.ndarray) -> None:
    tilt = np.degrees(np.arccos(min(abs(step @ normal) / np.linalg.norm(step), 1.0)))
    if tilt > _TILT_DEG:
        raise RunFailed(
            f"{series.label} was taken with a tilted gantry: its slices are shifted against each other by "
            f"{tilt:.1f} degrees; reconstruct it without tilt, or resample it to an upright grid first"
        )


def _named(header: SliceHeader) -> str:
    """A slice by numbers alone: the name of its file may hold a person's."""
    if header.frame is not None:
        return f"frame {header.frame + 1}"
    return "a slice without a number" if header.instance is None else f"instance {header.instance}"


def _also(series: Series) -> str:
    return "".join(f" ({remark})" for remark in series.remarks)


def step_mm(series: Series) -> float | None:
    """The commonest distance of two slices; None where there is none."""
    if series.along is None or len(series.slices) < 2:
        return None
    steps = np.round(np.diff(np.sort(series.along)), 3)
    return float(Counter(steps).most_common(1)[0][0])
