"""Headers of files, without their pixels."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import data_element_generator
from pydicom.uid import UID, MediaStorageDirectoryStorage
from pydicom.valuerep import PersonName

from .slice_header import SliceHeader

__all__ = ["UNREADABLE", "headers_of", "is_dicom"]

UNREADABLE = (
    InvalidDicomError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError,
    NotImplementedError, struct.error, RuntimeError,
)  # fmt: skip
"""What pydicom and its plug-ins raise on files that are cut short, damaged or none."""

_ENDINGS = (".dcm", ".ima", ".dicom")
_META, _LAST = 0x0002FFFF, 0x0028FFFF
_PACKED = {"US": "H", "UL": "I", "FD": "d", "FL": "f"}
_PERCENT = re.compile(r"(?<![\d.])(\d{1,2})\s*%")
_FRAME_GROUPS = (
    "FrameContentSequence", "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence",
    "PixelValueTransformationSequence", "CardiacSynchronizationSequence", "CTImageFrameTypeSequence",
    "CTReconstructionSequence",
)  # fmt: skip
# What a frame says in place of a slice.
_OF_FRAME = {
    "ImageType": "FrameType", "InstanceNumber": "InStackPositionNumber",
    "AcquisitionNumber": "FrameAcquisitionNumber", "TemporalPositionIdentifier": "TemporalPositionIndex",
}  # fmt: skip


def is_dicom(path: Path) -> bool:
    """By the four letters behind the preamble, or by an ending of DICOM's where the preamble is missing."""
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or (bool(start) and path.suffix.lower() in _ENDINGS)


def headers_of(path: Path) -> list[SliceHeader] | None:
    """The slices of a file: one, one a frame, or none of a DICOMDIR; None where its header cannot be read."""
    try:
        elements = _leading(path)
        if _text(elements, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return []
        if not (_text(elements, "SOPClassUID") and _text(elements, "SeriesInstanceUID")):
            return None
        if _whole(elements, "NumberOfFrames") is not None:
            return _frames(path, dcmread(path, stop_before_pixels=True, force=True))
        return [_header(path, None, elements)]
    except UNREADABLE:
        return None


def _leading(path: Path) -> dict[int, RawDataElement | DataElement]:
    """The elements up to the description of the pixels, as they stand in the file.

    In half the time of `dcmread`, which makes a data set of them.
    """
    with open(path, "rb") as file:
        if file.read(132)[128:] == b"DICM":
            meta = {
                int(e.tag): e for e in data_element_generator(file, False, True, lambda tag, *_: tag > _META)
            }
            syntax = UID(_text(meta, "TransferSyntaxUID"))
            if syntax.is_transfer_syntax and not syntax.is_deflated:
                coding = (syntax.is_implicit_VR, syntax.is_little_endian)
                elements = data_element_generator(file, *coding, lambda tag, *_: tag > _LAST)
                return meta | {int(element.tag): element for element in elements}
    return _elements(dcmread(path, stop_before_pixels=True, force=True))


def _frames(path: Path, image: Dataset) -> list[SliceHeader]:
    """A header a frame, what all of them share filled in."""
    shared = image.get("SharedFunctionalGroupsSequence") or [Dataset()]
    whole = _elements(image)
    headers = []
    for frame, own in enumerate(image.get("PerFrameFunctionalGroupsSequence") or [Dataset()]):
        elements = dict(whole)
        for name in _FRAME_GROUPS:
            group = own.get(name) or shared[0].get(name)
            elements |= _elements(group[0]) if group else {}
        for keyword, of_frame in _OF_FRAME.items():
            elements[_tag(keyword)[0]] = elements.get(_tag(of_frame)[0])
        headers.append(_header(path, frame, elements))
    return headers


def _header(path: Path, frame: int | None, elements: dict) -> SliceHeader:
    description = _text(elements, "SeriesDescription")
    percent = _number(elements, "NominalPercentageOfCardiacPhase")
    if percent is None and (found := _PERCENT.findall(description)):
        percent = float(found[-1])
    trigger = _number(elements, "NominalCardiacTriggerDelayTime")
    return SliceHeader(
        path=path,
        frame=frame,
        patient=tuple(_text(elements, k) for k in ("PatientID", "PatientName", "PatientBirthDate")),
        study_uid=_text(elements, "StudyInstanceUID"),
        series_uid=_text(elements, "SeriesInstanceUID"),
        sop_uid=_text(elements, "SOPInstanceUID"),
        sop_class=_text(elements, "SOPClassUID"),
        modality=_text(elements, "Modality").upper(),
        image_type=tuple(_text(elements, "ImageType").upper().split("\\")),
        series_number=_whole(elements, "SeriesNumber"),
        acquisition=_whole(elements, "AcquisitionNumber"),
        instance=_whole(elements, "InstanceNumber"),
        rows=_whole(elements, "Rows"),
        columns=_whole(elements, "Columns"),
        samples=_whole(elements, "SamplesPerPixel"),
        position=_numbers(elements, "ImagePositionPatient", 3),
        orientation=_numbers(elements, "ImageOrientationPatient", 6),
        spacing=_numbers(elements, "PixelSpacing", 2),
        thickness_mm=_number(elements, "SliceThickness"),
        slope=_number(elements, "RescaleSlope"),
        intercept=_number(elements, "RescaleIntercept"),
        units=_text(elements, "RescaleType").upper(),
        percent=percent,
        trigger_ms=trigger if trigger is not None else _number(elements, "TriggerTime"),
        interval_ms=_number(elements, "NominalInterval"),
        temporal=_whole(elements, "TemporalPositionIdentifier"),
        contrast=bool(_text(elements, "ContrastBolusAgent"))
        or _tag("ContrastBolusAgentSequence")[0] in elements,
        kernel=_text(elements, "ConvolutionKernel"),
        images_expected=_whole(elements, "ImagesInAcquisition"),
    )


@cache
def _tag(keyword: str) -> tuple[int, str]:
    """The tag of a keyword and its value representation."""
    tag = tag_for_keyword(keyword)
    return tag, dictionary_VR(tag)


def _elements(image: Dataset) -> dict[int, RawDataElement | DataElement]:
    return {int(element.tag): element for element in image.elements()}


def _text(elements: dict[int, RawDataElement | DataElement], keyword: str) -> str:
    """The value of an element as text, several parted by backslashes; "" where it is missing or empty.

    What stands in the file is taken as it is: pydicom's conversion takes longer than reading the file.
    """
    tag, representation = _tag(keyword)
    value = getattr(elements.get(tag), "value", None)
    if isinstance(value, bytes) and representation in _PACKED:
        order = "<" if elements[tag].is_little_endian else ">"
        value = [number for (number,) in struct.iter_unpack(order + _PACKED[representation], value)]
    elif isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    if value is None or isinstance(value, (str, PersonName)) or not isinstance(value, Iterable):
        return "" if value is None else str(value)
    return "\\".join(map(str, value))


def _numbers(elements: dict, keyword: str, count: int) -> tuple[float, ...] | None:
    """So many finite numbers; None where they are not."""
    try:
        values = tuple(float(text) for text in _text(elements, keyword).split("\\"))
    except ValueError:
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def _number(elements: dict, keyword: str) -> float | None:
    values = _numbers(elements, keyword, 1)
    return values[0] if values else None


def _whole(elements: dict, keyword: str) -> int | None:
    value = _number(elements, keyword)
    return None if value is None else int(value)
