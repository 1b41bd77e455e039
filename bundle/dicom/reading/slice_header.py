"""What the header of a slice says that sorting and choosing need."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

__all__ = ["CT_STORAGE", "SliceHeader"]

CT_STORAGE = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """One slice: a file, or a frame of one. What a header lacks is None, or "" of a text.

    Attributes:
        path, frame: as of `SliceSource`.
        patient: PatientID, PatientName and PatientBirthDate as they stand in the file. Not for people's eyes.
        position, orientation, spacing: ImagePositionPatient (3), ImageOrientationPatient (6) and PixelSpacing
            (2) in LPS mm.
        percent: NominalPercentageOfCardiacPhase, or a percentage that the series' description holds.
        trigger_ms, interval_ms: after the R wave, and from it to the next one.
        temporal: TemporalPositionIdentifier.
        contrast: whether an agent is named.
    """

    path: Path
    frame: int | None
    patient: tuple[str, str, str] = field(repr=False)
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    sop_uid: str = field(repr=False)
    sop_class: str
    modality: str
    image_type: tuple[str, ...]
    series_number: int | None
    acquisition: int | None
    instance: int | None
    rows: int | None
    columns: int | None
    samples: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness_mm: float | None
    slope: float | None
    intercept: float | None
    units: str
    percent: float | None
    trigger_ms: float | None
    interval_ms: float | None
    temporal: int | None
    contrast: bool
    kernel: str
    images_expected: int | None
