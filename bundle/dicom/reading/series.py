"""A series: the slices that make one volume, and what a person may be told of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from pydicom import dcmread

from .slice_header import SliceHeader

__all__ = ["Series", "identity_of"]


@dataclass(frozen=True)
class Series:
    """Slices of one patient, study and series, of one size and direction; one phase of a scan with several.

    Nothing that is shown of it unasked tells who the patient is: no UID, no free text, no path.

    Attributes:
        slices: as they were found, in no order.
        part: what sets it apart from the rest of its series, such as "40 %"; "" where there is no rest.
        patient_number, study_number: from 1, in this listing.
        remarks: what was found about its files, a sentence each.
        twin: from 0; more where another patient's files have the same series UID.
    """

    slices: tuple[SliceHeader, ...] = field(repr=False)
    part: str = ""
    patient_number: int = 1
    study_number: int = 1
    remarks: tuple[str, ...] = ()
    twin: int = 0

    @property
    def first(self) -> SliceHeader:
        return self.slices[0]

    @property
    def series_uid(self) -> str:
        return self.first.series_uid

    @property
    def number(self) -> int | None:
        """SeriesNumber."""
        return self.first.series_number

    @cached_property
    def case(self) -> str:
        """A name that tells nothing: "ct-" and ten digits of the SHA-256 of series UID and part."""
        text = f"{self.series_uid}\n{self.part}" if self.part else self.series_uid
        name = f"ct-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        return name if not self.twin else f"{name}-{self.twin + 1}"

    @property
    def label(self) -> str:
        """What sentences call it: "series 5", "series 5 (40 %)"."""
        name = "a series without a number" if self.number is None else f"series {self.number}"
        return f"{name} ({self.part})" if self.part else name

    def is_called(self, wanted: str) -> bool:
        """Whether it has this number, UID or case name."""
        return wanted in (str(self.number), self.series_uid, self.case)

    @property
    def thickness_mm(self) -> float | None:
        return Counter(header.thickness_mm for header in self.slices).most_common(1)[0][0]

    @cached_property
    def along(self) -> np.ndarray | None:
        """Places along the normal of the slices, (N,) mm, in the order of `slices`; None without geometry."""
        if any(header.position is None or header.orientation is None for header in self.slices):
            return None
        normal = np.cross(self.first.orientation[:3], self.first.orientation[3:])
        return np.array([header.position for header in self.slices]) @ normal

    @property
    def extent_mm(self) -> float | None:
        """From the first slice to the last, with their thickness."""
        if self.along is None:
            return None
        return float(np.ptp(self.along)) + (self.thickness_mm or 0.0)

    @property
    def percent(self) -> float | None:
        """The cardiac phase in per cent of the beat, of most slices; None where nothing says it."""
        stated = Counter(header.percent for header in self.slices).most_common(1)[0][0]
        if stated is not None:
            return stated
        delays = [
            h.trigger_ms / h.interval_ms for h in self.slices if h.trigger_ms is not None and h.interval_ms
        ]
        return float(round(100 * np.median(delays))) if delays else None

    @property
    def phase(self) -> str:
        """The cardiac phase in words: "75 %", "312 ms", or ""."""
        if self.percent is not None:
            return f"{self.percent:g} %"
        triggers = {header.trigger_ms for header in self.slices}
        return f"{triggers.pop():g} ms" if len(triggers) == 1 and None not in triggers else ""


def identity_of(series: Series) -> dict[str, str]:
    """Who a series says it is of, for a person who asked for it, with the folder of its first file."""
    image = dcmread(series.first.path, stop_before_pixels=True, force=True)
    keywords = ("PatientID", "PatientName", "SeriesDescription", "SeriesInstanceUID")
    found = {keyword: str(image.get(keyword) or "") for keyword in keywords}
    return found | {"folder": str(series.first.path.parent)}
