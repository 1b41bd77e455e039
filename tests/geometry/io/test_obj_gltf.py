import numpy as np
import pytest
import pyvista as pv
import trimesh

from bundle.geometry.core.mesh import volume_mm3
from bundle.geometry.io.meshes import write_glb, write_obj

CENTRE = np.array([30.0, -20.0, 100.0])  # RAS


@pytest.fixture
def mesh():
    return pv.Icosphere(radius=5.0, nsub=3, center=CENTRE)


def test_obj_is_the_same_solid_in_lps(mesh, tmp_path):
    write_obj(mesh, tmp_path / "a.obj")
    other = trimesh.load(tmp_path / "a.obj", force="mesh")
    assert other.is_watertight and other.volume == pytest.approx(volume_mm3(mesh), rel=1e-4)
    np.testing.assert_allclose(other.center_mass, [-30, 20, 100], atol=1e-2)
    assert "SPACE=LPS" in (tmp_path / "a.obj").read_text()[:40]


def test_glb_is_in_metres_with_the_head_up_and_the_face_forward(mesh, tmp_path):
    rgb = np.tile(np.array([[200, 10, 20]], np.uint8), (mesh.n_points, 1))
    write_glb(mesh, tmp_path / "a.glb", rgb)
    scene = trimesh.load(tmp_path / "a.glb")
    solid = scene.to_geometry()
    assert solid.is_watertight and solid.volume == pytest.approx(1e-9 * volume_mm3(mesh), rel=1e-4)
    np.testing.assert_allclose(solid.center_mass, [-0.030, 0.100, -0.020], atol=1e-5)  # left, up, front
    (part,) = scene.geometry.values()
    np.testing.assert_array_equal(part.visual.vertex_attributes["color"][0], [200, 10, 20, 255])
