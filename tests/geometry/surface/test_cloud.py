import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree
from shapes import ball, scan

from bundle.geometry.surface.cloud import surface_cloud, voxel_cloud

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


def test_voxels_are_where_the_lumen_is():
    mask, affine, _ = scan((20, 22, 24), np.diag([0.5, -0.5, 0.7]), lambda p: ball(p, (0.3, 1, -1), 4.0))
    points = voxel_cloud(mask, affine).points
    assert len(points) == mask.sum()
    np.testing.assert_allclose(points.mean(axis=0), [0.3, 1, -1], atol=0.05)
