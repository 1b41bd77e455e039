import numpy as np
import pytest

from bundle.geometry.core.mesh import volume_mm3
from bundle.geometry.surface.remesh import preview_surface


def test_a_ball_keeps_its_size_with_few_triangles():
    affine = np.diag([-0.5, 0.5, 0.8, 1.0])
    grid = np.stack(np.meshgrid(*map(np.arange, (60, 60, 40)), indexing="ij"), axis=-1)
    distance = np.linalg.norm((grid - (29.5, 29.5, 19.5)) * (0.5, 0.5, 0.8), axis=-1)
    probability = 1 / (1 + np.exp(2 * (distance - 10.0)))
    mesh = preview_surface(probability >= 0.5, affine, probability, max_triangles=500)
    assert mesh.n_cells <= 500
    assert volume_mm3(mesh) == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.03)
    assert np.linalg.norm(np.asarray(mesh.points).mean(axis=0) - (-14.75, 14.75, 15.6)) < 0.3


def test_specks_are_left_out():
    mask = np.zeros((20, 20, 20), bool)
    mask[5, 5, 5] = True
    assert preview_surface(mask, np.eye(4)).n_points == 0
