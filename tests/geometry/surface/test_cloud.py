import numpy as np
import pytest
import pyvista as pv
from scipy.spatial import cKDTree
from shapes import ball, scan

from bundle.geometry.surface.cloud import distance_to_center_mm, surface_cloud, voxel_cloud

SPHERE = pv.Icosphere(radius=5.0, nsub=4)


def test_points_are_evenly_spaced_on_the_wall():
    points = surface_cloud(SPHERE, spacing_mm=0.6).points
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 5.0, atol=0.02)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    assert nearest.min() >= 0.6
    assert nearest.mean() < 0.9
    wall = np.asarray(SPHERE.points)
    assert cKDTree(points).query(wall)[0].max() < 2 * 0.6


def test_normals_point_out_of_the_ball():
    cloud = surface_cloud(SPHERE, 0.6)
    np.testing.assert_allclose(cloud.normals, cloud.points / 5.0, atol=0.05)


def test_the_same_seed_gives_the_same_cloud():
    np.testing.assert_array_equal(surface_cloud(SPHERE, 1.0).points, surface_cloud(SPHERE, 1.0).points)


def test_an_empty_mesh_gives_an_empty_cloud():
    assert surface_cloud(pv.PolyData()).points.shape == (0, 3)


def test_spacing_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        surface_cloud(SPHERE, 0.0)


def test_voxels_are_where_the_lumen_is():
    mask, affine, _ = scan((20, 22, 24), np.diag([0.5, -0.5, 0.7]), lambda p: ball(p, (0.3, 1, -1), 4.0))
    points = voxel_cloud(mask, affine).points
    assert len(points) == mask.sum()
    np.testing.assert_allclose(points.mean(axis=0), [0.3, 1, -1], atol=0.05)


def test_distance_to_the_centre_line_of_a_tube_is_its_radius():
    line = np.stack([np.zeros(200), np.zeros(200), np.linspace(-10, 10, 200)], axis=1)
    angle = np.linspace(0, 40, 300)
    wall = np.stack([2 * np.cos(angle), 2 * np.sin(angle), np.linspace(-9, 9, 300)], axis=1)
    np.testing.assert_allclose(distance_to_center_mm(wall, line), 2.0, atol=0.01)
    np.testing.assert_allclose(distance_to_center_mm(np.asarray(SPHERE.points), None), 5.0, atol=0.01)
