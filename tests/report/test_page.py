"""The page of a case: one file that asks no network, and holds what the case's files hold."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re

import numpy as np
import pytest
import pyvista as pv
from page_case import BAD_TEXT, data_of, page_case
from PIL import Image
from shapes import centred_affine, rotation

from bundle.common.coordinates import ras_to_lps
from bundle.common.errors import InputError
from bundle.geometry.io import read_branches
from bundle.report import LARGEST_BYTES, write_page
from bundle.report.plain import told, without_folders
from bundle.report.surface import thinned
from bundle.report.volume import HU_RANGE, packed_volume

CASE = "<script>document.title='run'&x"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Folder, report, CT and page of a case whose name and warning try to run a script."""
    folder = tmp_path_factory.mktemp("case")
    report, ct = page_case(folder, CASE)
    return folder, report, ct, folder / f"{CASE}.html"


def arrays(surface):
    points = np.frombuffer(base64.b64decode(surface["points"]), "<u2").reshape(-1, 3)
    faces = np.frombuffer(base64.b64decode(surface["faces"]), "<u4").reshape(-1, 3)
    return surface["low_mm"] + surface["step_mm"] * points.astype(float), faces


def test_the_page_is_a_file_of_the_case(case):
    _, report, _, page = case
    assert report["files"]["page"] == page.name and report["seconds"]["page"] > 0
    assert page.stat().st_size <= LARGEST_BYTES


def test_nothing_in_it_asks_a_network(case):
    text = case[3].read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'" and rules.pop("img-src") == "data:"
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    tags = re.findall(
        r"<(?:link|script|img|iframe|a|form)\b[^>]*>", re.sub(r"<script.*?</script>", "", text, flags=re.S)
    )
    addresses = [re.search(r'(?:src|href|action)="([^"]*)"', tag) for tag in tags]
    assert all(found[1].startswith(("#", "data:")) for found in addresses if found)
    assert set(re.findall(r"https?://[\w./-]+", text)) <= {
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/2000/svg",
    }


def test_only_the_page_s_own_scripts_and_styles_are_allowed(case):
    text = case[3].read_text()
    allowed = set(re.findall(r"'sha256-([^']+)'", text))
    own = re.findall(r"<script>(.*?)</script>", text, re.S) + re.findall(r"<style>(.*?)</style>", text, re.S)
    assert {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in own} == allowed


def test_no_text_of_a_case_is_html(case):
    text = case[3].read_text()
    assert BAD_TEXT not in text and "<title>&lt;script&gt;document.title=&#x27;run&#x27;&amp;x" in text
    data = data_of(case[3])
    assert data["report"]["case"] == CASE and BAD_TEXT in data["report"]["warnings"][-1]


def test_no_folder_of_the_machine_is_told(case):
    data = data_of(case[3])["report"]
    assert data["provenance"]["weights"] == "native_checkpoint.pt" and data["source"] == "a_seg.nii.gz"
    assert "somebody" not in case[3].read_text() and "/data/who" not in case[3].read_text()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("'/data/scans/7.nii.gz' is empty (0 bytes)", "'7.nii.gz' is empty (0 bytes)"),
        ("'../who was it/7.nii' is no image", "'7.nii' is no image"),
        ("/data/scans/7.nii.gz: it is empty", "7.nii.gz: it is empty"),
        (r"C:\scans\who\7.nii.gz is empty", "7.nii.gz is empty"),
        (
            "3 gaps of up to 1.2 mm bridged; HU/mm and 1/2 stay",
            "3 gaps of up to 1.2 mm bridged; HU/mm and 1/2 stay",
        ),
    ],
)
def test_paths_in_sentences_become_names(said, kept):
    assert without_folders(said) == kept


def test_a_report_keeps_its_fingerprints_without_sizes():
    record = {"weights_sha256": "ab", "file_bytes": {"a.stl": 1}}
    kept = told({"case": "a", "record": record, "scan": {"threshold": 0.5, "warnings": ["x"]}})
    assert told({"case": "a", "mesh": {"area_mm2": float("nan")}})["mesh"] == {"area_mm2": None}
    assert kept["record"] == {"weights_sha256": "ab"} and kept["scan"] == {"threshold": 0.5}


@pytest.mark.parametrize("table", ["branches", "stenoses"])
def test_the_tables_are_those_of_the_csv(case, table):
    folder, report, _, page = case
    with open(folder / report["files"][table], newline="") as file:
        rows = list(csv.DictReader(file))
    held = data_of(page)["report"][table]
    assert len(rows) == len(held) > 0
    for row, own in zip(rows, held):
        assert row == {key: "" if own[key] is None else str(own[key]) for key in row}


def test_the_surface_is_that_of_the_mesh(case):
    folder, report, _, page = case
    mesh, data = pv.read(folder / report["files"]["mesh_vtp"]), data_of(page)
    points, faces = arrays(data["surface"])
    assert len(faces) == data["surface"]["triangles"] == mesh.n_cells  # few enough to stay
    assert np.abs(points - np.asarray(mesh.points)).max() <= data["surface"]["step_mm"]
    low, high = data["surface"]["diameter_mm"]
    shown = low + (high - low) / 255 * np.frombuffer(base64.b64decode(data["surface"]["diameter"]), np.uint8)
    assert np.abs(shown - np.clip(2 * mesh.point_data["radius_mm"], low, high)).max() < 0.02
    assert (
        np.frombuffer(base64.b64decode(data["surface"]["branch"]), np.uint8) == mesh.point_data["branch_id"]
    ).all()


def test_a_fine_mesh_is_thinned_and_stays_in_place():
    fine = pv.Sphere(radius=20, theta_resolution=250, phi_resolution=250)
    small = thinned(fine, 10_000)
    assert 5_000 < small.n_cells < 14_000
    assert np.linalg.norm(np.asarray(small.points), axis=1) == pytest.approx(20, abs=0.15)


def test_the_lines_are_those_of_the_centreline(case):
    folder, report, _, page = case
    branches = read_branches(folder / report["files"]["centerline"])
    for own, branch in zip(data_of(page)["branches"], branches, strict=True):
        assert np.abs(own["points"] - ras_to_lps(branch.points)).max() <= 0.0051
        assert own["diameter_mm"] == pytest.approx(2 * branch.radius, abs=1e-3)


def test_the_reference_is_the_one_of_the_table(case):
    data = data_of(case[3])
    assert data["report"]["stenoses"]
    for row in data["report"]["stenoses"]:
        branch = data["branches"][row["branch_id"]]
        at = np.argmin(np.abs(np.array(branch["along_mm"]) - row["at_mm"]))
        assert branch["reference_mm"][at] == pytest.approx(row["reference_diameter_mm"], abs=2e-3)


def test_the_cuts_show_the_branch_in_their_middle(case):
    data = data_of(case[3])
    for number, cut in data["cuts"].items():
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(cut["jpeg"]))))
        length = data["branches"][int(number)]["along_mm"][-1]
        assert picture.shape == (sum(cut["heights"]), pytest.approx(length / cut["pixel_mm"] + 1, abs=1))
        hu = HU_RANGE[0] + picture * (HU_RANGE[1] - HU_RANGE[0]) / 255
        middle = hu[cut["heights"][0] // 2]
        assert np.median(middle) > 250 > 150 > np.median(hu[0])


@pytest.fixture(scope="module")
def oblique():
    """An oblique, flipped, anisotropic CT with a bright ball at LPS (6, -4, 3)."""
    affine = centred_affine((80, 70, 60), rotation((10, 20, 30)) @ np.diag([-0.5, 0.6, 0.7]))
    grid = np.stack(np.meshgrid(*map(np.arange, (80, 70, 60)), indexing="ij"), axis=-1)
    world = ras_to_lps(grid @ affine[:3, :3].T + affine[:3, 3])
    return np.where(np.linalg.norm(world - [6, -4, 3], axis=-1) < 2.5, 800, 0).astype(np.int16), affine


def read_volume(volume):
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(volume["jpeg"]))))
    (x, y, z), columns = volume["size"], volume["columns"]
    tiles = sheet.reshape(sheet.shape[0] // y, y, columns, x).swapaxes(1, 2).reshape(-1, y, x)
    return tiles[:z]


def test_the_ct_lies_where_the_scan_has_it(oblique):
    volume = packed_volume(*oblique, np.array([[-8.0, -8, -8], [8, 8, 8]]), 10**6)
    bright = np.argwhere(read_volume(volume) > 130)[:, ::-1]
    place = volume["low_mm"] + volume["step_mm"] * bright.mean(axis=0)
    assert place == pytest.approx([6, -4, 3], abs=0.1)


def test_a_ct_that_would_not_fit_is_shown_more_coarsely():
    noise = np.random.default_rng(0).integers(-300, 1000, (160, 160, 160)).astype(np.int16)
    bounds = np.array([[-70.0] * 3, [70.0] * 3])
    affine = centred_affine(noise.shape, np.diag([-1.0, -1, 1]))
    fine = packed_volume(noise, affine, bounds, 10**7)
    coarse = packed_volume(noise, affine, bounds, 3 * 10**5)
    assert len(coarse["jpeg"]) <= 3 * 10**5 < len(fine["jpeg"]) and coarse["step_mm"] > fine["step_mm"]


def test_where_not_even_a_coarse_ct_fits_the_page_says_so(case, tmp_path, monkeypatch):
    folder, report, ct, _ = case
    for name in report["files"].values():
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setattr("bundle.report.page.LARGEST_BYTES", 700_000)
    write_page(tmp_path, report, ct)
    data = data_of(tmp_path / f"{CASE}.html")
    assert data["volume"] is None and "shows no slices" in data["report"]["warnings"][-1]


def test_a_ct_of_another_patient_is_refused_and_leaves_the_page_as_it_was(case):
    folder, report, (ct, affine), page = case
    before, elsewhere = page.read_bytes(), affine.copy()
    elsewhere[:3, 3] += 400
    with pytest.raises(InputError, match="shows 0 % of the vessels"):
        write_page(folder, report, (ct, elsewhere))
    assert page.read_bytes() == before


def test_the_same_case_gives_the_same_page(case):
    folder, report, ct, page = case
    first = write_page(folder, report, ct) and page.read_bytes()
    assert write_page(folder, report, ct) and page.read_bytes() == first


def test_without_a_ct_there_are_no_slices(tmp_path):
    page_case(tmp_path, "a", with_ct=False)
    assert {"volume", "cuts"} & set(data_of(tmp_path / "a.html")) == set()


def test_an_unwanted_page_of_an_earlier_run_goes(tmp_path):
    page_case(tmp_path, "a", with_ct=False)
    report, _ = page_case(tmp_path, "a", with_ct=False, page=False)
    assert "page" not in report["files"] and not (tmp_path / "a.html").exists()


def test_a_case_without_vessels_has_a_page_that_says_so(tmp_path):
    report = {
        "case": "a",
        "empty": True,
        "reason": "the mask is empty",
        "files": {},
        "warnings": [],
        "mask_volume_mm3": 0,
    }
    write_page(tmp_path, report)
    data = data_of(tmp_path / "a.html")
    assert json.dumps(data["report"]) and set(data) == {"report", "volumes"}


def test_without_a_mesh_on_the_disk_the_mask_is_shown(tmp_path):
    _, (ct, affine) = page_case(tmp_path, "a", with_ct=False, formats=())
    report = json.loads(json.dumps(data_of(tmp_path / "a.html")["report"]))
    assert "surface" not in data_of(tmp_path / "a.html")
    write_page(tmp_path, report, mask=(ct > 215, affine))
    points, faces = arrays(data_of(tmp_path / "a.html")["surface"])
    lines = np.concatenate([branch["points"] for branch in data_of(tmp_path / "a.html")["branches"]])
    assert len(faces) > 500 and np.linalg.norm(points.mean(axis=0) - lines.mean(axis=0)) < 4
