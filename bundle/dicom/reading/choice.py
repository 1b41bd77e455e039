"""Which series of a study is the coronary CT angiogram, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from .series import Series
from .stack import step_mm, why_no_volume

__all__ = ["Choice", "choose"]

LEAST_SLICES = 30
LEAST_EXTENT_MM = 60.0
MOST_THICKNESS_MM = 2.0
"""Thicker ones are of calcium scoring, or for reading lungs."""
DIASTOLE = 75.0
"""Per cent of the beat in which the heart moves least, at usual rates."""
_SECONDARY_KINDS = ("SECONDARY", "MPR", "MIP", "PROJECTION IMAGE", "3D", "VRT", "SCREEN SAVE", "REFORMATTED")


@dataclass(frozen=True)
class Choice:
    """What becomes of a study.

    Attributes:
        series: to be taken; None where none is a coronary CT angiogram.
        reason: why it is taken, or why nothing is; one sentence without a person in it.
        others: what is left out, each with the words why.
    """

    series: Series | None
    reason: str
    others: tuple[tuple[Series, str], ...]


def choose(series: Sequence[Series], wanted: str | None = None, phase: float | None = None) -> list[Choice]:
    """A choice for each study of each patient, in their order.

    Without ``wanted``: thin slices of CT over the length of a heart, no localiser, reformation or picture;
    among those with contrast before without, as acquired before derived, the phase nearest to 75 % of the
    beat, the thinner, the more slices.

    Args:
        series: of one listing.
        wanted: a series number, a series UID or the case name of a series, taken whatever it is.
        phase: per cent of the beat, in place of 75.
    """
    studies = [list(own) for _, own in groupby(series, key=lambda s: (s.patient_number, s.study_number))]
    return [_choose(own, wanted, DIASTOLE if phase is None else phase, phase is not None) for own in studies]


def _choose(series: list[Series], wanted: str | None, phase: float, is_asked: bool) -> Choice:
    why_not = {id(s): None if wanted and s.is_called(wanted) else why_left_out(s, wanted) for s in series}
    fitting = [s for s in series if why_not[id(s)] is None]
    percents = _percents(fitting)
    fitting.sort(key=lambda s: _rank(s, percents[id(s)], phase))
    if not fitting:
        others = tuple((s, why_not[id(s)]) for s in series)
        words = "; ".join(f"{s.label} {why}" for s, why in others)
        asked = "has no such series" if wanted else "has no coronary CT angiogram"
        readable = any(why_no_volume(s) is None for s in series)
        hint = "; --series takes one all the same" if readable and not wanted else ""
        return Choice(None, f"{asked}: {words}{hint}", others)
    taken = fitting[0]
    others = [(s, why_not[id(s)]) for s in series if why_not[id(s)] is not None]
    others += [(s, _behind(s, taken)) for s in fitting[1:]]
    nearest = is_asked and taken.percent is not None and f"the nearest to {phase:g} %"
    by_order = taken.percent is None and percents[id(taken)] is not None and "by its place among the phases"
    reason = ", ".join(filter(None, [_about(taken), nearest, by_order]))
    return Choice(taken, reason, tuple(others))


def why_left_out(series: Series, wanted: str | None = None) -> str | None:
    """Why a series is no coronary CT angiogram, in words behind its name; None where it may be one."""
    if wanted:
        return "was not asked for"
    broken = why_no_volume(series)
    if broken:
        return broken
    kinds = set(series.first.image_type[1:]) & set(_SECONDARY_KINDS)
    if kinds:
        return f"is a reformation or picture made of another series ({sorted(kinds)[0]})"
    if series.thickness_mm is not None and series.thickness_mm > MOST_THICKNESS_MM:
        return f"has slices of {series.thickness_mm:.3g} mm, thicker than {MOST_THICKNESS_MM:g} mm"
    if len(series.slices) < LEAST_SLICES:
        return f"has {len(series.slices)} slices, too few for a heart"
    if series.extent_mm < LEAST_EXTENT_MM:
        return f"is {series.extent_mm:.0f} mm long, too short for a heart; perhaps it has not arrived whole"
    return None


def _percents(series: Sequence[Series]) -> dict[int, float | None]:
    """The phase of each by its `id`: where only an order is known, by the place among those of its series."""
    known: dict[int, float | None] = {id(s): s.percent for s in series}
    ordered = [s for s in series if s.percent is None and s.part]
    for uid in {s.series_uid for s in ordered}:
        own = sorted(
            (s for s in ordered if s.series_uid == uid),
            key=lambda s: (s.first.temporal or 0, s.first.trigger_ms or 0.0),
        )
        if len({(s.first.temporal, s.first.trigger_ms) for s in own}) == len(own) > 1:
            known |= {id(s): 100.0 * place / len(own) for place, s in enumerate(own)}
    return known


def _rank(series: Series, percent: float | None, phase: float) -> tuple:
    away = abs(percent - phase) if percent is not None else 50.0
    derived = series.first.image_type[0] == "DERIVED"
    return (not series.first.contrast, derived, away, series.thickness_mm or 9.0, -len(series.slices))


def _behind(series: Series, taken: Series) -> str:
    if series.first.contrast != taken.first.contrast:
        return "names no contrast agent"
    if series.first.image_type[0] != taken.first.image_type[0]:
        return "is derived from other images"
    if series.percent != taken.percent or series.phase != taken.phase:
        return f"is of another phase ({series.phase or 'not told'})"
    if series.thickness_mm != taken.thickness_mm:
        return (
            f"has thicker slices ({series.thickness_mm:.3g} mm)"
            if series.thickness_mm
            else "tells no thickness"
        )
    return "is like the one taken"


def _about(series: Series) -> str:
    words = [f"{series.label}: {len(series.slices)} slices"]
    if series.thickness_mm is not None:
        words[0] += f" of {series.thickness_mm:.3g} mm"
    step = step_mm(series)
    if step is not None and series.thickness_mm and abs(step - series.thickness_mm) > 0.01:
        words[0] += f" every {step:.3g} mm"
    words.append(f"{series.phase} phase" if series.phase else "phase not told")
    words.append("with contrast" if series.first.contrast else "contrast not told")
    return ", ".join(words)
