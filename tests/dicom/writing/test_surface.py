"""The encapsulated STL, and what a validator says of all three objects."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
import pyvista as pv
from ct_series import ct_series

from bundle.dicom import write_dicom


def test_the_surface_is_the_stl_of_the_case_in_the_frame_of_the_images(objects, tmp_path):
    folder, volume, paths = objects
    data = pydicom.dcmread(paths[2])
    stl = (folder / "a_mesh.stl").read_bytes()
    assert data.EncapsulatedDocument[: data.EncapsulatedDocumentLength] == stl
    assert data.SOPClassUID.name == "Encapsulated STL Storage" and data.Modality == "M3D"
    assert data.MIMETypeOfEncapsulatedDocument == "model/stl"
    assert data.MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert data.FrameOfReferenceUID == pydicom.dcmread(volume.slices[0].path).FrameOfReferenceUID
    (tmp_path / "back.stl").write_bytes(data.EncapsulatedDocument)
    mesh = pv.read(tmp_path / "back.stl")
    places = [pydicom.dcmread(part.path).ImagePositionPatient for part in volume.slices]
    low, high = mesh.bounds[4:6]
    heights = np.array(places, float)[:, 2]
    assert heights.min() < low < high < heights.max(), "it lies among the slices"


def test_a_case_without_stl_has_no_surface_object(finished):
    folder, volume = finished
    report = json.loads((folder / "a.json").read_text())
    del report["files"]["mesh_stl"]
    (folder / "a.json").write_text(json.dumps(report))
    assert [path.name for path in write_dicom(volume, folder, "a")] == ["a_seg.dcm", "a_sr.dcm"]


def complaints(path):
    """The errors and warnings of dciodvfy."""
    told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, timeout=60).stderr.splitlines()
    return [line for line in told if line.startswith(("Error", "Warning"))]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of dicom3tools is not installed")
@pytest.mark.parametrize("multi_frame", [False, True], ids=["files", "multi-frame"])
def test_dciodvfy_finds_nothing(finished, tmp_path, multi_frame):
    folder, volume = finished
    if multi_frame:
        volume = ct_series(tmp_path / "ct", volume.array, volume.affine, multi_frame=True)
    paths = write_dicom(volume, folder, "a")
    assert len(paths) == 3
    for path in paths:
        assert complaints(path) == [], path.name
        data = pydicom.dcmread(path)
        del data.StudyInstanceUID
        data.save_as(path)
        assert any("StudyInstanceUID" in line for line in complaints(path)), "it does look"
