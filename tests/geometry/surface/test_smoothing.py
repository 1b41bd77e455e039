import numpy as np
import pytest
import trimesh
from shapes import scan, torus
from vessels import extract_surface

from bundle.geometry.core.mesh import check_mesh, triangles
from bundle.geometry.core.vessels import find_vessels
from bundle.geometry.surface.extract import vessel_surface
from bundle.geometry.surface.smoothing import smooth_surface

RING, RADIUS = 7.0, 1.4
TRUE_MM3 = 2 * np.pi**2 * RING * RADIUS**2


@pytest.fixture(scope="module")
def stair_steps():
    mask, affine, _ = scan((50, 50, 34), np.diag([0.4, 0.4, 0.4]), lambda p: torus(p, RING, RADIUS))
    return extract_surface(mask, affine)


def distance_to_wall(mesh):
    return np.abs(torus(np.asarray(mesh.points), RING, RADIUS))


def test_sinc_takes_off_stair_steps_and_keeps_the_volume(stair_steps):
    mesh, report = smooth_surface(stair_steps)
    assert distance_to_wall(mesh).mean() < 0.6 * distance_to_wall(stair_steps).mean()
    assert report["volume_after_mm3"] == pytest.approx(TRUE_MM3, rel=0.02)
    assert abs(report["volume_change_percent"]) < 0.1
    assert check_mesh(mesh)["watertight"]


def test_laplacian_shrinks_a_coronary_and_the_report_says_how_much(stair_steps):
    mesh, report = smooth_surface(stair_steps, "laplacian")
    assert -40 < report["volume_change_percent"] < -10
    assert check_mesh(mesh)["volume_mm3"] == pytest.approx(report["volume_after_mm3"], rel=1e-5)


def test_none_changes_nothing(stair_steps):
    mesh, report = smooth_surface(stair_steps, "none")
    np.testing.assert_array_equal(mesh.points, stair_steps.points)
    assert report["volume_change_percent"] == 0


def test_an_unknown_method_is_named(stair_steps):
    with pytest.raises(ValueError, match="sinc, laplacian, none"):
        smooth_surface(stair_steps, "gauss")


@pytest.mark.parametrize("method", ["sinc", "laplacian"])
def test_a_part_one_voxel_thick_stays_closed_where_a_format_joins_equal_vertices(method):
    mask = np.zeros((12, 12, 12), bool)
    mask[2:10, 5, 5] = mask[5, 2:10, 6] = True
    mesh, _ = smooth_surface(vessel_surface(find_vessels(mask, np.eye(4))), method)
    points = np.asarray(mesh.points, np.float32)
    assert len(np.unique(points, axis=0)) == len(points)
    joined = trimesh.Trimesh(points, triangles(mesh), process=True, merge_norm=True)
    assert joined.is_watertight and joined.volume > 0
