"""Answers that can be worked out on paper, and agreement with MONAI where it measures the same."""

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

from bundle.metrics.cldice import centerline_dice
from bundle.metrics.one_case import case_metrics, dice
from bundle.metrics.surface_distance import surface_distances
from bundle.metrics.topology import betti_numbers, count_components

SHAPE = (32, 32, 32)


def box(*ranges, shape=SHAPE):
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(a, b) for a, b in ranges)] = 1
    return mask


def ball(center, radius, shape=SHAPE):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return (np.linalg.norm(grid - center, axis=-1) <= radius).astype(np.uint8)


def affine_of(spacing):
    return np.diag([*spacing, 1.0])


def test_two_cubes_that_share_half():
    first, second = box((4, 12), (4, 12), (4, 12)), box((8, 16), (4, 12), (4, 12))
    assert dice(first, second) == pytest.approx(0.5)
    assert case_metrics(first, second, np.eye(4))["betti0_error"] == 0  # both are one piece


def test_shifted_plates_are_their_shift_apart_in_mm():
    """One-voxel plates 3 voxels of 0.7 mm apart: every distance is 2.1 mm."""
    first, second = box((2, 30), (2, 30), (10, 11)), box((2, 30), (2, 30), (13, 14))
    found = surface_distances(first, second, affine_of((0.4, 0.5, 0.7)))
    assert found == {"hd95_mm": pytest.approx(2.1), "assd_mm": pytest.approx(2.1)}


def test_concentric_balls_are_the_difference_of_their_radii_apart():
    found = surface_distances(ball((16, 16, 16), 12), ball((16, 16, 16), 8), affine_of((0.5, 0.5, 0.5)))
    assert found["assd_mm"] == pytest.approx(2.0, abs=0.15)
    assert found["hd95_mm"] == pytest.approx(2.0, abs=0.35)


def test_hd95_ignores_a_speck_that_is_under_five_percent_of_the_surface():
    truth = ball((12, 12, 12), 8)
    speck = truth.copy()
    speck[31, 31, 31] = 1
    found = surface_distances(speck, truth, affine_of((1, 1, 1)))
    assert found["hd95_mm"] == 0
    assert 0 < found["assd_mm"] < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_distances_agree_with_monai(seed):
    rng = np.random.default_rng(seed)
    spacing = (0.4, 0.4, 0.7)
    masks = [
        ball(rng.uniform(12, 20, 3), rng.uniform(5, 9)) | ball(rng.uniform(8, 24, 3), 4) for _ in range(2)
    ]
    ours = surface_distances(*masks, affine_of(spacing))
    tensors = [torch.as_tensor(m)[None, None] for m in masks]
    options = {"include_background": True, "spacing": spacing}
    hd95 = compute_hausdorff_distance(*tensors, percentile=95, **options)
    assd = compute_average_surface_distance(*tensors, symmetric=True, **options)
    assert ours["hd95_mm"] == pytest.approx(float(hd95), abs=1e-4)
    assert ours["assd_mm"] == pytest.approx(float(assd), abs=1e-4)


def test_moving_the_scan_in_the_world_changes_no_distance():
    first, second = ball((14, 16, 16), 7), ball((17, 15, 16), 6)
    angle = 0.6
    turn = np.eye(4)
    turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    turn[:3, 3] = (100, -20, 3)
    flip = np.diag([-1.0, 1, 1, 1])
    straight = affine_of((0.4, 0.6, 0.9))
    expected = surface_distances(first, second, straight)
    assert surface_distances(first, second, turn @ flip @ straight) == pytest.approx(expected)


def test_cldice_counts_length_not_volume():
    """A tube of half the radius on the same centreline: Dice falls to about 0.4, clDice stays 1."""
    thick, thin = box((12, 19), (12, 19), (2, 30)), box((14, 17), (14, 17), (2, 30))
    assert dice(thick, thin) < 0.45
    assert centerline_dice(thin, thick) == pytest.approx(1.0, abs=0.05)


def test_cldice_of_a_tube_that_is_half_missing_is_two_thirds():
    """Precision 1, sensitivity 1/2: 2 * 1 * 0.5 / 1.5."""
    line, half = box((16, 17), (16, 17), (2, 30)), box((16, 17), (16, 17), (2, 16))
    assert centerline_dice(half, line) == pytest.approx(2 / 3)


def test_pieces_are_counted_over_edges_and_corners():
    mask = np.zeros(SHAPE, np.uint8)
    mask[4, 4, 4] = mask[5, 5, 5] = 1  # corner to corner: one piece
    mask[20, 20, 20] = 1
    assert count_components(mask) == 2
    assert case_metrics(mask, np.zeros_like(mask), np.eye(4))["betti0_error"] == 2


def test_a_perfect_prediction():
    tube = box((10, 14), (10, 14), (0, 32))  # it leaves the scan at both ends
    expected = {
        "dice": 1.0,
        "cldice": 1.0,
        "hd95_mm": 0.0,
        "assd_mm": 0.0,
        "betti0_error": 0,
        "betti1_error": 0,
    }
    expected |= {
        f"{which}_{name}": 1.0 for which in ("tree", "rooted") for name in ("precision", "recall", "f1")
    }
    expected |= {"missed_wide": 0.0, "false_mm": 0.0, "parts": 1}
    found = case_metrics(tube, tube, affine_of((1, 1, 1)))
    assert math.isnan(found.pop("missed_thin")) and math.isnan(found.pop("missed_middle"))
    assert found == pytest.approx(expected)


def test_nothing_predicted_is_the_worst_and_finite():
    empty, tube = np.zeros(SHAPE, np.uint8), box((10, 14), (10, 14), (2, 30))
    diagonal_mm = math.sqrt((32 * 0.5) ** 2 * 2 + 32**2)
    for pair in ((empty, tube), (tube, empty)):
        found = case_metrics(*pair, affine_of((0.5, 0.5, 1)))
        zero = ("dice", "cldice", "tree_precision", "tree_recall", "tree_f1", "rooted_f1", "betti1_error")
        expected = dict.fromkeys(zero, 0) | dict.fromkeys(("hd95_mm", "assd_mm"), diagonal_mm)
        expected |= {"betti0_error": 1, "parts": int(pair[0].any())}
        assert {name: found[name] for name in expected} == pytest.approx(expected)
        if not pair[0].any():
            assert found["missed_middle"] == 1 and found["false_mm"] == 0


def test_two_empty_masks_measure_nothing():
    empty = np.zeros(SHAPE, np.uint8)
    found = case_metrics(empty, empty, affine_of((1, 1, 1)))
    counts = ("betti0_error", "betti1_error", "parts", "false_mm")
    assert [found.pop(name) for name in counts] == [0, 0, 0, 0]
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize(
    "mask, numbers",
    [
        (box((4, 20), (4, 20), (4, 6)) & ~box((8, 16), (8, 16), (0, 32)).astype(bool), (1, 1, 0)),  # a frame
        (ball((16, 16, 16), 9) & ~ball((16, 16, 16), 5).astype(bool), (1, 0, 1)),  # a hollow ball
        (ball((8, 8, 8), 4) | ball((24, 24, 24), 4), (2, 0, 0)),
        (np.zeros(SHAPE), (0, 0, 0)),
    ],
)
def test_parts_loops_and_cavities(mask, numbers):
    assert betti_numbers(mask) == numbers


def test_a_loop_that_the_truth_has_not_is_one_betti_1_error():
    rail = box((4, 7), (4, 7), (2, 30)) | box((14, 17), (4, 7), (2, 30)) | box((4, 17), (4, 7), (2, 5))
    loop = rail | box((4, 17), (4, 7), (27, 30))
    found = case_metrics(loop, rail, affine_of((1, 1, 1)))
    assert (found["betti0_error"], found["betti1_error"]) == (0, 1)


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        surface_distances(np.ones((4, 4, 4)), np.ones((4, 4, 5)), np.eye(4))
