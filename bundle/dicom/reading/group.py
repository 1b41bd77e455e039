"""Slices become series: never two patients in one, and one volume each where their headers allow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from .series import Series
from .slice_header import SliceHeader

__all__ = ["group"]

_SAME = 0.01  # of a direction's cosines, and of a spacing in mm: rounded differently, not another one
_PLACE_MM = 0.01

# What tells two slices at one place apart, in this order.
_APART: tuple[tuple[Callable[[SliceHeader], object], str], ...] = (
    (lambda header: header.percent, "{:g} %"),
    (lambda header: header.temporal, "phase {}"),
    (lambda header: header.trigger_ms, "{:g} ms"),
    (lambda header: header.acquisition, "acquisition {}"),
    (lambda header: header.kernel, "reconstruction {}"),
)


def group(headers: Iterable[SliceHeader]) -> list[Series]:
    """The series of a listing, in the order of patients, studies and series numbers.

    A series is split where its slices differ in direction, size, spacing or kind of image, and where several
    share their places and cardiac phase, acquisition or kernel tell them apart.
    """
    by_uid: dict[tuple, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        by_uid[(*_person(header), header.study_uid, header.series_uid)].append(header)
    patients = _numbers(key[:-2] for key in by_uid)
    studies = _numbers(key[:-1] for key in by_uid)
    twins: dict[str, int] = defaultdict(int)
    found = []
    for key in sorted(by_uid, key=lambda key: (patients[key[:-2]], studies[key[:-1]], _order(by_uid[key]))):
        slices, remarks = _without_copies(by_uid[key])
        twin = twins[key[-1]]
        twins[key[-1]] += 1
        about = {"patient_number": patients[key[:-2]], "study_number": studies[key[:-1]], "twin": twin}
        if twin:
            remarks.append("another patient's files have the same series UID; they were kept apart")
        kinds = _alike(slices)
        if len(kinds) > 1:
            remarks.append(f"its files differ in direction, size or kind, and make {len(kinds)} parts")
        for number, kind in enumerate(kinds, 1):
            name = f"part {number}" if len(kinds) > 1 else ""
            found += [replace(part, remarks=tuple(remarks), **about) for part in _phases(kind, name)]
    return found


def _person(header: SliceHeader) -> tuple[str, ...]:
    """Who a slice belongs to; where the header says nothing, each study counts as a person of its own."""
    return header.patient if any(header.patient[:2]) else (*header.patient, header.study_uid)


def _numbers(keys: Iterable[tuple]) -> dict[tuple, int]:
    """1, 2, 3, ... in an order that does not hang on how the files were found."""
    return {key: number for number, key in enumerate(sorted(set(keys)), 1)}


def _order(slices: list[SliceHeader]) -> tuple:
    number = slices[0].series_number
    return (number is None, number or 0, slices[0].series_uid)


def _without_copies(slices: list[SliceHeader]) -> tuple[list[SliceHeader], list[str]]:
    """Each image once: folders of an export often hold the same file twice."""
    kept = {}
    for header in sorted(slices, key=lambda h: (str(h.path), h.frame or 0)):
        kept.setdefault((header.sop_uid, header.frame, header.position, header.instance), header)
    copies = len(slices) - len(kept)
    remarks = [f"files left out as copies of others: {copies}"] if copies else []
    return list(kept.values()), remarks


def _alike(slices: list[SliceHeader]) -> list[list[SliceHeader]]:
    """Slices of one kind, size, direction and spacing together; the most slices first."""
    exactly: dict[tuple, list[SliceHeader]] = defaultdict(list)
    for h in slices:
        kind = (h.sop_class, h.modality, h.rows, h.columns, h.samples, "LOCALIZER" in h.image_type)
        exactly[(kind, h.orientation, h.spacing)].append(h)
    kinds: list[tuple[tuple, list[SliceHeader]]] = []
    for key, members in exactly.items():
        for like, others in kinds:
            if key[0] == like[0] and _near(key[1], like[1]) and _near(key[2], like[2]):
                others += members
                break
        else:
            kinds.append((key, members))
    return sorted((members for _, members in kinds), key=len, reverse=True)


def _near(some: tuple[float, ...] | None, others: tuple[float, ...] | None) -> bool:
    if some is None or others is None:
        return some is others
    return max(abs(a - b) for a, b in zip(some, others)) < _SAME


def _phases(slices: list[SliceHeader], part: str, keys=_APART) -> list[Series]:
    """One series a phase, where slices share their places."""
    whole = Series(tuple(slices), part)
    if whole.along is None or not keys:
        return [whole]
    places = defaultdict(list)
    for header, place in zip(slices, whole.along):
        places[round(place / _PLACE_MM)].append(header)
    most = max(map(len, places.values()))
    value, words = keys[0]
    parts = defaultdict(list)
    for header in slices:
        parts[value(header)].append(header)
    # A number that changes from slice to slice, as the trigger of a stepping table does, tells nothing apart.
    if most == 1 or not 1 < len(parts) <= most:
        return [whole] if most == 1 else _phases(slices, part, keys[1:])
    found = []
    for own in sorted(parts, key=lambda v: (v is None, v)):
        name = "without a phase" if own is None else words.format(own)
        found += _phases(parts[own], f"{part}, {name}" if part else name, keys[1:])
    return found
