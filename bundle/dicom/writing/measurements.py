"""The measurements as a structured report: TID 1500 "Measurement Report", in a Comprehensive 3D SR."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import bundle
from bundle.common.coordinates import ras_to_lps

from .case import FinishedCase
from .codes import CORONARY, code_of_branch, code_of_segment, unit
from .equipment import ALGORITHM, RESEARCH_USE, about
from .source import Source

__all__ = ["measurements"]

_LENGTH, _VOLUME = codes.SCT.Length, codes.DCM.LumenVolume
_DIAMETER, _STENOSIS = codes.SCT.VesselLumenDiameter, codes.SCT.LumenDiameterStenosis
_MEAN, _LEAST = codes.SCT.Mean, codes.SCT.Minimum
# How a reference diameter comes about: what the vessel would measure there without the narrowing.
_REFERENCE = codes.cid3465.InterpolatedLocalReference

# A column of the branch table: the concept, its unit, how it was derived.
_OF_BRANCH = {
    "length_mm": (_LENGTH, "mm", {}),
    "mean_diameter_mm": (_DIAMETER, "mm", {"derivation": _MEAN}),
    "min_diameter_mm": (_DIAMETER, "mm", {"derivation": _LEAST}),
    "volume_mm3": (_VOLUME, "mm3", {}),
}
_OF_NARROWING = {
    "percent_diameter_stenosis": (_STENOSIS, "%", {}),
    "minimal_lumen_diameter_mm": (_DIAMETER, "mm", {"derivation": _LEAST}),
    "reference_diameter_mm": (_DIAMETER, "mm", {"method": _REFERENCE}),
    "length_mm": (_LENGTH, "mm", {}),
}
_OF_TREE = {"mask_volume_mm3": (_VOLUME, "mm3", {}), "centerline_length_mm": (_LENGTH, "mm", {})}


def measurements(case: FinishedCase, source: Source, segmentation: Dataset) -> hd.sr.Comprehensive3DSR:
    """A measurement group for the tree, each branch, its centreline, and each narrowing that can be judged.

    A group refers to the segment of the SEG that it measures, where there is one. The centreline is the
    polyline (LPS mm, in the frame of reference of the images) that the path length is inferred from.
    """
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=case.uid("device"),
        manufacturer_name=f"{ALGORITHM} developers",
        model_name=ALGORITHM,
        serial_number=bundle.__version__,
    )
    observer = hd.sr.ObserverContext(codes.DCM.Device, device)
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.cid3757.CTAngiographyOfCoronaryArteries,
        imaging_measurements=list(_groups(case, source, segmentation)),
    )
    report[0].ContentSequence.append(
        hd.sr.TextContentItem(
            name=codes.DCM.Comment,
            value=" ".join([f"{RESEARCH_USE}.", *_sentences(case.report)]),
            relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
        )
    )
    _keep_apart(report[0])
    return hd.sr.Comprehensive3DSR(
        evidence=[*source.images, segmentation],
        content=report[0],
        is_complete=True,
        **about(case, "measurements"),
    )


def _keep_apart(item: Dataset) -> None:
    """Say of every container that its items stand each for itself; highdicom says that they are one text.

    Of a text, programs that show a report (DCMTK's dsr2html) leave out what a number is called.
    """
    if "ContinuityOfContent" in item:
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", ()):
        _keep_apart(child)


def _sentences(report: dict[str, Any]) -> Iterator[str]:
    for text in (report.get("statement", ""), *report["warnings"]):
        if text:
            yield text if text.endswith(".") else f"{text[0].upper()}{text[1:]}."


def _groups(
    case: FinishedCase, source: Source, segmentation: Dataset
) -> Iterator[hd.sr.content.ContentSequence]:
    def tracking(label: str) -> hd.sr.TrackingIdentifier:
        return hd.sr.TrackingIdentifier(case.uid(f"tracking {label}"), label)

    def referring(
        label: str, segment: int | None, site: Code, numbers: list
    ) -> hd.sr.content.ContentSequence:
        about_it = {
            "tracking_identifier": tracking(label),
            "finding_category": codes.cid7150.AnatomicalStructure,
            "finding_type": site,
            "finding_sites": [hd.sr.FindingSite(site)],
            "measurements": numbers,
        }
        if segment is None:
            return hd.sr.MeasurementsAndQualitativeEvaluations(**about_it)
        reference = hd.sr.ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            segment,
            source_series=hd.sr.SourceSeriesForSegmentation(source.first.SeriesInstanceUID),
        )
        return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=reference, **about_it
        )

    frame = source.first.FrameOfReferenceUID
    yield referring("Coronary arteries", 1, CORONARY, _numbers(case.report, _OF_TREE))
    for number, row in enumerate(case.report.get("branches", ())):
        label, (site, _) = case.label_of(number), code_of_branch(case.branches, number)
        yield referring(label, case.segments.get(number), site, _numbers(row, _OF_BRANCH))
        line = _drawn("POLYLINE", ras_to_lps(case.branches[number].points), frame)
        length = _number(codes.DCM.PathLength, row["length_mm"], "mm", referenced_coordinates=[line])
        yield hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking(f"{label}, centreline"),
            finding_type=codes.cid219.Centerline,
            finding_sites=[hd.sr.FindingSite(site)],
            measurements=[length],
        )
    judged = [row for row in case.report.get("stenoses", ()) if row["assessable"]]
    for row in judged:
        number = row["branch_id"]
        place = np.array([[row[f"{axis}_lps_mm"] for axis in "xyz"]])
        point = {"minimal_lumen_diameter_mm": [_drawn("POINT", place, frame)]}
        site = code_of_segment(row["scct_segment"], case.branches, number)
        yield hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking(f"{case.label_of(number)}, narrowing at {row['at_mm']:g} mm"),
            finding_category=codes.cid7150.MorphologicallyAbnormalStructure,
            finding_type=codes.SCT.Stenosis,
            finding_sites=[hd.sr.FindingSite(site)],
            measurements=_numbers(row, _OF_NARROWING, point),
        )


def _drawn(kind: str, points: np.ndarray, frame: str) -> hd.sr.CoordinatesForMeasurement3D:
    """Points (N, 3) LPS mm that a number was measured at."""
    return hd.sr.CoordinatesForMeasurement3D(kind, np.asarray(points, np.float32), frame)


def _numbers(row: dict[str, Any], concepts: dict, drawn: dict | None = None) -> list[hd.sr.Measurement]:
    """The numbers of a row that are known, coded; `drawn`: the coordinates of some of them, by column."""
    found = []
    for column, (name, ucum, how) in concepts.items():
        value = row.get(column)
        if value is not None and math.isfinite(value):
            where = {"referenced_coordinates": drawn[column]} if drawn and column in drawn else {}
            found.append(_number(name, value, ucum, **how, **where))
    return found


def _number(name: Code, value: float, ucum: str, **how) -> hd.sr.Measurement:
    return hd.sr.Measurement(name, value, unit(ucum), **how)
