"""The structured report: the numbers of the case's tables, coded, on the segments of the segmentation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from bundle.common.coordinates import ras_to_lps
from bundle.dicom import write_dicom
from bundle.geometry.io import read_branches

NUMBERS = {  # concept, derivation or method, unit: column
    (codes.SCT.Length, None, "mm"): "length_mm",
    (codes.SCT.VesselLumenDiameter, "Mean", "mm"): "mean_diameter_mm",
    (codes.SCT.VesselLumenDiameter, "Minimum", "mm"): "min_diameter_mm",
    (codes.DCM.LumenVolume, None, "mm3"): "volume_mm3",
}
NARROWING = {
    (codes.SCT.Length, None, "mm"): "length_mm",
    (codes.SCT.LumenDiameterStenosis, None, "%"): "percent_diameter_stenosis",
    (codes.SCT.VesselLumenDiameter, "Minimum", "mm"): "minimal_lumen_diameter_mm",
    (codes.SCT.VesselLumenDiameter, "Interpolated Local Reference", "mm"): "reference_diameter_mm",
}


def read(folder, paths):
    """The report's groups by their tracking identifier, the segmentation, and the case's JSON."""
    report = hd.sr.srread(paths[1])
    groups = {g.tracking_identifier: g for g in report.content.get_image_measurement_groups()}
    groups |= {g.tracking_identifier: g for g in report.content.get_volumetric_roi_measurement_groups()}
    return groups, pydicom.dcmread(paths[0]), json.loads((folder / "a.json").read_text())


def said(group):
    """(concept, how, unit) to value."""
    found = {}
    for number in group.get_measurements():
        how = number.derivation or number.method
        assert number.unit.scheme_designator == "UCUM"
        key = (number.name, None if how is None else how.meaning, number.unit.value)
        found[next(k for k in (NUMBERS | NARROWING) if k[0] == key[0] and k[1:] == key[1:])] = number.value
    return found


def containers(item):
    yield from [item] if item.get("ValueType") == "CONTAINER" else []
    for child in item.get("ContentSequence", ()):
        yield from containers(child)


def test_the_items_are_no_running_text_so_that_readers_name_the_numbers(objects):
    report = pydicom.dcmread(objects[2][1])
    assert {item.ContinuityOfContent for item in containers(report)} == {"SEPARATE"}
    assert len(list(containers(report))) > 20


@pytest.mark.skipif(shutil.which("dsr2html") is None, reason="dsr2html (Debian's dcmtk) is not installed")
def test_dcmtk_shows_each_number_with_its_name(objects):
    done = subprocess.run(["dsr2html", objects[2][1]], capture_output=True, check=True)
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", done.stdout.decode()).splitlines()]
    row = json.loads((objects[0] / "a.json").read_text())["branches"][0]
    for name, value in (("Length:", f"{row['length_mm']} mm"), ("Lumen Volume:", f"{row['volume_mm3']} mm3")):
        assert lines[lines.index(value) - 1] == name


def test_each_branch_has_its_numbers_and_its_segment(objects):
    folder, _, paths = objects
    groups, seg, report = read(folder, paths)
    labels = {int(item.SegmentNumber): item.SegmentLabel for item in seg.SegmentSequence}
    assert len(report["branches"]) == 9
    for row in report["branches"]:
        group = groups[row["name"]]
        wanted = {key: row[column] for key, column in NUMBERS.items() if row[column] is not None}
        assert said(group) == pytest.approx(wanted)
        segment = group.referenced_segment
        assert segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        assert labels[segment[0].referenced_segment_numbers[0]] == row["name"]
        assert group.finding_sites[0].value.scheme_designator == "SCT"


def test_the_whole_tree_is_measured_on_the_first_segment(objects):
    folder, _, paths = objects
    groups, _, report = read(folder, paths)
    group = groups["Coronary arteries"]
    assert said(group) == pytest.approx(
        {
            (codes.DCM.LumenVolume, None, "mm3"): report["mask_volume_mm3"],
            (codes.SCT.Length, None, "mm"): report["centerline_length_mm"],
        }
    )
    assert group.referenced_segment[0].referenced_segment_numbers == [1]


def test_the_centerline_is_there_in_patient_coordinates(objects):
    folder, _, paths = objects
    groups, _, _ = read(folder, paths)
    branches = read_branches(folder / "a_centerline.vtp")
    for branch in branches:
        (length,) = groups[f"{branch.name}, centreline"].get_measurements()
        assert length.name == codes.DCM.PathLength
        (line,) = length.referenced_coordinates
        assert line.GraphicType == "POLYLINE" and line.ReferencedFrameOfReferenceUID == "1.2.3.9"
        assert np.allclose(line.value, ras_to_lps(branch.points), atol=1e-4)
        walked = np.linalg.norm(np.diff(line.value, axis=0), axis=1).sum()
        assert length.value == pytest.approx(walked, abs=0.01)


def test_narrowings_that_can_be_judged_are_reported_and_no_others(finished):
    folder, volume = finished
    report = json.loads((folder / "a.json").read_text())
    (row,) = (row for row in report["stenoses"] if row["assessable"])
    vague = row | {"assessable": False, "at_mm": 3.0, "percent_diameter_stenosis": 88.0}
    (folder / "a.json").write_text(json.dumps(report | {"stenoses": [row, vague]}))
    groups, _, _ = read(folder, write_dicom(volume, folder, "a"))
    (group,) = (group for name, group in groups.items() if "narrowing" in name)
    assert group.tracking_identifier == f"LAD, narrowing at {row['at_mm']:g} mm"
    assert said(group) == pytest.approx({key: row[column] for key, column in NARROWING.items()})
    assert group.finding_type == codes.SCT.Stenosis
    assert (
        group.finding_sites[0].value.meaning
        == {
            6: "Proximal Left Anterior Descending Coronary Artery",
            7: "Mid Left Anterior Descending Coronary Artery",
            8: "Distal Left Anterior Descending Coronary Artery",
        }[row["scct_segment"]]
    )
    places = [c.value for number in group.get_measurements() for c in number.referenced_coordinates]
    assert np.allclose(places, [[row["x_lps_mm"], row["y_lps_mm"], row["z_lps_mm"]]], atol=1e-3)


def test_a_case_without_a_centerline_has_the_tree_alone(finished):
    folder, volume = finished
    report = json.loads((folder / "a.json").read_text())
    del report["files"]["centerline"], report["branches"], report["stenoses"], report["centerline_length_mm"]
    (folder / "a.json").write_text(json.dumps(report))
    groups, seg, _ = read(folder, write_dicom(volume, folder, "a"))
    assert set(groups) == {"Coronary arteries"} and len(seg.SegmentSequence) == 1


def test_the_report_refers_to_images_and_segmentation_and_carries_the_warnings(finished):
    folder, volume = finished
    report = json.loads((folder / "a.json").read_text())
    (folder / "a.json").write_text(json.dumps(report | {"warnings": ["2 gaps bridged"]}))
    path = write_dicom(volume, folder, "a")[1]
    data = pydicom.dcmread(path)
    (study,) = data.CurrentRequestedProcedureEvidenceSequence
    counts = {
        series.SeriesInstanceUID: len(series.ReferencedSOPSequence)
        for series in study.ReferencedSeriesSequence
    }
    assert counts.pop(volume.series_uid) == len(volume.slices)
    assert list(counts.values()) == [1]
    (comment,) = (
        item for item in data.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121106"
    )
    assert comment.TextValue.startswith("For research use only. ")
    assert report["statement"] in comment.TextValue and comment.TextValue.endswith("2 gaps bridged.")
    assert path.stat().st_size < 200_000
