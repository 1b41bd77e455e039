import json
import struct

import numpy as np
import pytest
import pyvista as pv
import trimesh

from bundle.common.files import replacing, write_json
from bundle.geometry.core.mesh import volume_mm3
from bundle.geometry.io.meshes import write_cloud_ply, write_cloud_vtp, write_ply, write_stl, write_vtp
from bundle.geometry.surface.cloud import PointCloud, surface_cloud

CENTRE = np.array([30.0, -20.0, 100.0])  # RAS: 30 mm to the right, 20 mm to the back, 100 mm up
IN_LPS = [-30.0, 20.0, 100.0]


@pytest.fixture
def mesh():
    sphere = pv.Icosphere(radius=5.0, nsub=3, center=CENTRE)
    sphere.clear_data()
    sphere.point_data["radius_mm"] = np.linspace(1, 2, sphere.n_points)
    return sphere


@pytest.mark.parametrize(("write", "suffix"), [(write_stl, "stl"), (write_ply, "ply")])
def test_other_libraries_read_the_same_solid_in_lps(mesh, tmp_path, write, suffix):
    path = tmp_path / f"a.{suffix}"
    write(mesh, path)
    other = trimesh.load(path)
    assert other.is_watertight and other.volume == pytest.approx(volume_mm3(mesh), rel=1e-5)
    np.testing.assert_allclose(other.center_mass, IN_LPS, atol=1e-3)
    vtk = pv.read(path)
    assert vtk.clean().volume == pytest.approx(volume_mm3(mesh), rel=1e-5)


def test_stl_is_binary_and_says_its_space(mesh, tmp_path):
    write_stl(mesh, tmp_path / "a.stl")
    data = (tmp_path / "a.stl").read_bytes()
    assert b"SPACE=LPS" in data[:80] and not data.startswith(b"solid")
    assert struct.unpack("<I", data[80:84])[0] == mesh.n_cells
    assert len(data) == 84 + 50 * mesh.n_cells


def test_ply_carries_colours_values_and_outward_normals(mesh, tmp_path):
    rgb = np.tile(np.array([[10, 200, 30]], np.uint8), (mesh.n_points, 1))
    write_ply(mesh, tmp_path / "a.ply", rgb)
    back = pv.read(tmp_path / "a.ply")
    assert b"comment SPACE=LPS" in (tmp_path / "a.ply").read_bytes()[:200]
    np.testing.assert_array_equal(back.point_data["RGB"], rgb)
    np.testing.assert_allclose(back.point_data["Normals"], (back.points - IN_LPS) / 5.0, atol=0.02)


def test_vtp_keeps_every_array_and_says_its_space(mesh, tmp_path):
    mesh.point_data["Normals"] = (mesh.points - CENTRE) / 5.0
    write_vtp(mesh, tmp_path / "a.vtp")
    back = pv.read(tmp_path / "a.vtp")
    assert list(back.field_data["SPACE"]) == ["LPS"]
    np.testing.assert_allclose(back.point_data["radius_mm"], mesh.point_data["radius_mm"])
    np.testing.assert_allclose(back.point_data["Normals"], (back.points - IN_LPS) / 5.0, atol=1e-4)


def test_clouds_keep_values(mesh, tmp_path):
    cloud = surface_cloud(mesh, 1.0)
    cloud.values["distance_mm"] = np.arange(len(cloud.points), dtype=float)
    write_cloud_ply(cloud, tmp_path / "c.ply", np.zeros((len(cloud.points), 3), np.uint8))
    write_cloud_vtp(cloud, tmp_path / "c.vtp")
    np.testing.assert_allclose(trimesh.load(tmp_path / "c.ply").centroid, IN_LPS, atol=0.3)
    back = pv.read(tmp_path / "c.vtp")
    np.testing.assert_array_equal(back.point_data["distance_mm"], cloud.values["distance_mm"])


def test_an_empty_cloud_is_a_valid_file(tmp_path):
    write_cloud_ply(PointCloud(np.zeros((0, 3))), tmp_path / "e.ply")
    assert pv.read(tmp_path / "e.ply").n_points == 0


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_takes_numpy_and_nan(tmp_path):
    write_json({"a": np.float32(1.5), "b": np.arange(2), "c": float("nan")}, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1.5, "b": [0, 1], "c": None}
