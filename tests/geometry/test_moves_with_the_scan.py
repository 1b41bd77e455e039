"""Turning, mirroring or re-spacing the scan's grid: everything stays where the patient is."""

import csv

import numpy as np
import pytest
import pyvista as pv
import trimesh
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from shapes import rotation, scan, tube

from bundle.geometry.case.export import export_case
from bundle.geometry.io.trees import read_branches

FILES = ("mesh.vtp", "points.vtp", "centerline.vtp")
SETTINGS = {"pictures": False, "formats": ("vtp",), "cloud_formats": ("vtp",), "colour_by": "branch"}


def curve(*knots):
    """Points (80, 3) on a smooth line through knots, RAS mm."""
    knots = np.array(knots, float)
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return CubicSpline(at, knots)(np.linspace(0, at[-1], 80))


def coronaries():
    """Signed distance to a left tree with a lesion in the LAD and to a right coronary artery, RAS mm."""
    along = np.linspace(0, 1, 80)
    fork = (-14.0, 12.0, 28.0)
    lad = curve(fork, (-29.0, 30.0, 8.0), (-36.0, 36.0, -38.0))
    lcx = curve(fork, (-36.0, 3.0, 21.0), (-43.0, -20.0, 0.0), (-34.0, -34.0, -17.0))
    rca = curve((12, 14, 26), (31, 25, 14), (37, 13, -12), (28, -4, -31))
    vessels = (
        (curve((1.0, 9.0, 30.0), (-7.0, 11.0, 29.6), fork), np.full(80, 2.6)),
        (lad, 2.2 - 0.5 * along - np.exp(-(((along - 0.45) / 0.05) ** 2))),
        (lcx, 1.9 - 0.3 * along),
        (rca, 2.2 - 0.4 * along),
    )

    def inside(points):
        found = np.full(len(points), -3.0)
        for path, radius in vessels:
            near = ((points > path.min(axis=0) - 5) & (points < path.max(axis=0) + 5)).all(axis=1)
            found[near] = np.maximum(found[near], tube(points[near], path, radius))
        return found

    return inside


def export(folder, axes, reach_mm=(48.0, 40.0, 43.0)):
    """The files and the report of a scan of `coronaries` on a grid with these axes that holds them."""
    corners = np.array(np.meshgrid(*[(-r, r) for r in reach_mm])).reshape(3, -1)
    shape = np.ceil(2 * np.abs(np.linalg.inv(axes) @ corners).max(axis=1)).astype(int) + 3
    mask, affine, probability = scan(tuple(shape), axes, coronaries(), edge_mm=0.5)
    report = export_case(mask, affine, folder, "a", probability, level=0.5, **SETTINGS)
    parts = {name: pv.read(folder / f"a_{name}") for name in FILES}
    branches = {branch.name: branch for branch in read_branches(folder / "a_centerline.vtp")}
    return {"report": report, "folder": folder, "parts": parts, "branches": branches}


@pytest.fixture(scope="module")
def upright(tmp_path_factory):
    return export(tmp_path_factory.mktemp("upright"), np.diag([0.8, 0.8, 0.8]))


def offsets(a, b):
    """Distance of points to a triangle mesh (N,)."""
    return np.abs(pv.PolyData(np.asarray(a.points)).compute_implicit_distance(b)["implicit_distance"])


def line_offsets(a, b):
    """Distance of the points of one centreline to the segments of another (N,)."""
    ids = b.lines.reshape(-1)
    found, at = [], 0
    while at < len(ids):
        found.append(b.points[ids[at + 1 : at + 1 + ids[at]]])
        at += 1 + ids[at]
    starts, ends = (np.concatenate([line[s] for line in found]) for s in (slice(None, -1), slice(1, None)))
    way = ends - starts
    share = np.einsum("nsd,sd->ns", a.points[:, None] - starts[None], way)
    share /= np.maximum((way**2).sum(axis=1), 1e-9)
    nearest = starts[None] + np.clip(share, 0, 1)[..., None] * way[None]
    return np.linalg.norm(a.points[:, None] - nearest, axis=2).min(axis=1)


def assert_same_patient(one, other, voxel_mm):
    """All files of two exports of one patient agree within a tenth of a voxel on average."""
    tenth = 0.1 * voxel_mm
    a, b = one["parts"], other["parts"]
    wall = offsets(b["mesh.vtp"], a["mesh.vtp"])
    assert wall.mean() < tenth
    assert abs(b["mesh.vtp"].volume - a["mesh.vtp"].volume) / a["mesh.vtp"].area < tenth
    assert offsets(b["points.vtp"], a["mesh.vtp"]).mean() < tenth
    middle = line_offsets(b["centerline.vtp"], a["centerline.vtp"])
    assert np.mean(middle) < tenth and np.percentile(middle, 90) < 3 * tenth
    lengths = [part["report"]["centerline_length_mm"] for part in (one, other)]
    assert lengths[0] == pytest.approx(lengths[1], abs=4 * voxel_mm)
    assert sorted(one["branches"]) == sorted(other["branches"])
    for name, first in one["branches"].items():
        second = other["branches"][name]
        radii = [np.median(branch.radius[~branch.junction]) for branch in (first, second)]
        assert radii[0] == pytest.approx(radii[1], abs=tenth)
    lesions = [part["report"]["stenoses"] for part in (one, other)]
    assert [s["branch"] for s in lesions[0]] == [s["branch"] for s in lesions[1]]
    for first, second in zip(*lesions):
        degree = [lesion["percent_diameter_stenosis"] for lesion in (first, second)]
        assert degree[0] == pytest.approx(degree[1], abs=5.0)
        places = [[lesion[f"{axis}_lps_mm"] for axis in "xyz"] for lesion in (first, second)]
        assert np.linalg.norm(np.subtract(*places)) < 1.0


def test_the_upright_scan_is_what_it_was_drawn_as(upright):
    assert sorted(upright["branches"]) == ["LAD", "LCx", "LM", "RCA"]
    (lesion,) = upright["report"]["stenoses"]
    assert lesion["branch"] == "LAD" and lesion["percent_diameter_stenosis"] == pytest.approx(50, abs=8)


@pytest.mark.parametrize("axes", [(-1, -2, 3), (3, 1, -2), (-1, 2, 3)], ids=["LPS", "SRP", "mirrored"])
def test_a_reordered_or_mirrored_scan_gives_the_same(upright, tmp_path, axes):
    columns = [np.sign(axis) * 0.8 * np.eye(3)[abs(axis) - 1] for axis in axes]
    assert_same_patient(upright, export(tmp_path, np.stack(columns, axis=1)), 0.8)


# Without shrinking: a failing example costs seconds, and is as good as a smaller one.
@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(
    st.tuples(*[st.floats(-60, 60)] * 3),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
    st.tuples(*[st.sampled_from([0.7, 0.8, 0.9])] * 3),
)
def test_a_turned_and_respaced_scan_gives_the_same(upright, tmp_path_factory, angles, signs, spacing):
    axes = rotation(angles) @ np.diag(np.multiply(signs, spacing))
    assert_same_patient(upright, export(tmp_path_factory.mktemp("turned"), axes), max(spacing))


def test_every_table_and_file_says_the_same_lengths(upright):
    with open(upright["folder"] / "a_branches.csv", newline="") as file:
        rows = {row["name"]: float(row["length_mm"]) for row in csv.DictReader(file)}
    for branch in upright["branches"].values():
        assert rows[branch.name] == pytest.approx(branch.length_mm, abs=0.02)


READERS = {
    "stl": lambda path: trimesh.load(path),
    "ply": lambda path: trimesh.load(path),
    "obj": lambda path: trimesh.load(path, force="mesh"),
    "glb": lambda path: trimesh.load(path).to_geometry(),
}


@pytest.fixture(scope="module")
def all_formats(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    axes = rotation((15, -25, 40)) @ np.diag([0.9, -0.9, 1.0])
    mask, affine, _ = scan((96, 96, 96), axes, coronaries())
    formats = ("stl", "ply", "vtp", "obj", "glb")
    report = export_case(mask, affine, folder, "a", pictures=False, centerline=False, formats=formats)
    return folder, report["mesh"], pv.read(folder / "a_mesh.vtp")


def is_outward(points, faces, volume_mm3):
    """Closed, consistently wound, every part with a positive volume, of this volume in all."""
    solid = trimesh.Trimesh(points, faces, process=False)
    solid.merge_vertices(merge_norm=True, merge_tex=True)
    assert solid.is_watertight and solid.is_winding_consistent
    assert min(part.volume for part in solid.split()) > 0
    assert solid.volume == pytest.approx(volume_mm3, rel=1e-4)


@pytest.mark.parametrize("kind", list(READERS))
def test_trimesh_reads_the_same_closed_solid(all_formats, kind):
    folder, report, vtp = all_formats
    mesh = READERS[kind](folder / f"a_mesh.{kind}")
    points = np.asarray(mesh.vertices)
    if kind == "glb":  # metres, Y up, Z to the front
        points = 1000 * points[:, [0, 2, 1]] * [1, -1, 1]
    is_outward(points, mesh.faces, report["volume_mm3"])
    np.testing.assert_allclose(
        np.r_[points.min(0), points.max(0)], np.array(vtp.bounds)[[0, 2, 4, 1, 3, 5]], atol=2e-3
    )
    assert len(mesh.faces) == report["triangles"]


@pytest.mark.parametrize("kind", ["stl", "ply", "vtp", "obj", "glb"])
def test_vtk_reads_the_same_closed_solid(all_formats, kind):
    folder, report, vtp = all_formats
    mesh = pv.read(folder / f"a_mesh.{kind}")
    if isinstance(mesh, pv.MultiBlock):
        mesh = mesh.combine(merge_points=False).extract_surface(algorithm=None)
        unit = 1000.0 if np.ptp(mesh.points) < 1 else 1.0
        mesh.points = unit * np.asarray(mesh.points, float)[:, [0, 2, 1]] * [1, -1, 1]
    mesh = mesh.clean()
    assert mesh.n_open_edges == 0 and mesh.is_manifold
    is_outward(np.asarray(mesh.points, float), mesh.regular_faces, report["volume_mm3"])
    np.testing.assert_allclose(mesh.bounds, vtp.bounds, atol=2e-3)
