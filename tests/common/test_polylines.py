import numpy as np
import pytest

from bundle.common.polylines import arc_length, frames, resample, smooth, tangents

ANGLE = np.linspace(0, 1.5 * np.pi, 200)
ARC = 10.0 * np.stack([np.cos(ANGLE), np.sin(ANGLE), np.zeros(200)], axis=1)


def test_length_of_an_arc():
    assert arc_length(ARC)[-1] == pytest.approx(15 * np.pi, rel=1e-3)


def test_resampled_points_are_evenly_spaced_and_keep_the_ends():
    points = resample(ARC, 0.5)
    steps = np.diff(arc_length(points))
    assert steps == pytest.approx(0.5, rel=0.02)
    np.testing.assert_allclose(points[[0, -1]], ARC[[0, -1]])


def test_smoothing_takes_off_noise_and_does_not_cut_the_bend():
    rng = np.random.default_rng(0)
    points = resample(ARC, 0.5)
    smoothed = smooth(points + rng.normal(0, 0.2, points.shape), 2.0)
    off = np.linalg.norm(smooth(points, 2.0), axis=1) - 10.0
    assert np.abs(off[5:-5]).max() < 0.005
    assert np.abs(np.linalg.norm(smoothed, axis=1) - 10.0).mean() < 0.12


def test_frames_are_orthonormal_and_do_not_twist_in_a_plane():
    tangent, u, v = frames(resample(ARC, 0.5))
    for a, b in ((tangent, u), (tangent, v), (u, v)):
        assert np.abs((a * b).sum(axis=1)).max() < 0.02
    up = np.abs(u[:, 2])
    assert np.ptp(up) < 1e-6


def test_tangents_are_unit_vectors():
    np.testing.assert_allclose(np.linalg.norm(tangents(ARC), axis=1), 1.0)
