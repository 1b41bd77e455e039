"""Lengths of centreline that can be read off: a gap, a false blob beside a vein, a branch that is missing."""

import numpy as np
import pytest

from bundle.metrics import TISSUES, case_metrics, line_of_branches
from bundle.metrics.lines import line_of_mask, ostia_of
from bundle.metrics.tree import false_length_by_tissue, tree_metrics

SHAPE = (60, 60, 120)
SPACINGS = [(0.5, 0.5, 0.5), (0.4, 0.4, 0.6)]
by_spacing = pytest.mark.parametrize("spacing", SPACINGS)


def affine_of(spacing):
    """Flipped, so that a forgotten affine shows."""
    return np.diag([-spacing[0], spacing[1], spacing[2], 1.0])


def tube(spacing, x, y, z, radius, shape=SHAPE):
    """Along z from one end to the other, mm, its axis a little off the voxels' centres."""
    grid = np.moveaxis(np.indices(shape), 0, -1) * spacing
    across = np.hypot(grid[..., 0] - x - 0.13, grid[..., 1] - y - 0.17)
    return (across <= radius) & (grid[..., 2] >= z[0]) & (grid[..., 2] <= z[1])


def lines(affine, *masks):
    return [line_of_mask(mask, affine) for mask in masks]


@by_spacing
@pytest.mark.parametrize("radius", [0.6, 1.0, 1.4, 2.0])
def test_length_and_radius_of_a_tube(spacing, radius):
    line = line_of_mask(tube(spacing, 10, 10, (5, 45), radius), affine_of(spacing))
    middle = np.abs(line.points[:, 2] - 25) < 15
    assert np.median(line.radius_mm[middle]) == pytest.approx(radius, abs=0.5 * spacing[0])
    assert 40 - 3 * radius - spacing[2] <= line.length_mm.sum() <= 40 + spacing[2]
    assert line.length_mm[middle].sum() == pytest.approx(30, abs=spacing[2])


@by_spacing
@pytest.mark.parametrize("radius", [0.6, 1.0, 2.0])
def test_an_oblique_tube_has_its_radius_and_reads_at_most_an_eighth_too_long(spacing, radius):
    grid = np.moveaxis(np.indices((80, 80, 80)), 0, -1) * spacing
    direction = np.array([1, 0.7, 0.4]) / np.linalg.norm([1, 0.7, 0.4])
    way = grid - np.array([4.0, 4.0, 4.0])
    along = way @ direction
    across = np.linalg.norm(way - along[..., None] * direction, axis=-1)
    line = line_of_mask((across <= radius) & (along >= 0) & (along <= 28), affine_of(spacing))
    assert 28 - 3 * radius < line.length_mm.sum() < 1.125 * 28
    assert np.median(line.radius_mm) == pytest.approx(radius, abs=0.25 * spacing[0])


@by_spacing
def test_a_gap_costs_recall_what_is_further_than_1_5_mm_from_both_sides(spacing):
    affine = affine_of(spacing)
    whole = tube(spacing, 10, 10, (5, 45), 1)
    cut = whole & ~tube(spacing, 10, 10, (21, 31), 3)
    predicted, true = lines(affine, cut, whole)
    found = tree_metrics(predicted, true)
    missed = (1 - found["tree_recall"]) * true.length_mm.sum()
    # The skeleton ends up to one and a half radii before its part does.
    assert 10 - 3 - spacing[2] <= missed <= 10 - 3 + 3 + 2 * spacing[2]
    assert found["tree_precision"] == 1 and found["false_mm"] == 0
    assert found["missed_middle"] == pytest.approx(1 - found["tree_recall"])
    assert case_metrics(cut, whole, affine)["betti0_error"] == 1


@by_spacing
def test_only_what_hangs_together_with_the_ostium_is_rooted(spacing):
    """Of 40 mm the 16 mm before the gap; the ostium is the thick end."""
    affine = affine_of(spacing)
    whole = tube(spacing, 10, 10, (5, 15), 1.6) | tube(spacing, 10, 10, (5, 45), 1)
    predicted, true = lines(affine, whole & ~tube(spacing, 10, 10, (21, 31), 3), whole)
    ostium = ostia_of(true)
    assert ostium == pytest.approx(np.array([[-10, 10, 5]]), abs=1.5 * 1.6 + 0.3)
    found = tree_metrics(predicted, true)
    assert found["rooted_recall"] == pytest.approx((16 + 1.5) / 40, abs=0.08)
    assert found["rooted_precision"] == 1 and found["rooted_f1"] < found["tree_f1"]


def test_a_label_in_pieces_has_the_ostia_of_its_large_parts():
    spacing = SPACINGS[0]
    left = tube(spacing, 5, 10, (5, 15), 1.8) | tube(spacing, 5, 10, (5, 55), 1)
    right = tube(spacing, 20, 10, (40, 55), 1.6) | tube(spacing, 20, 10, (5, 55), 1)
    piece = tube(spacing, 12, 25, (5, 15), 0.7)
    (line,) = lines(affine_of(spacing), left | right | piece)
    found = ostia_of(line)
    assert np.sort(found[:, 2]) == pytest.approx([5, 55], abs=2)
    assert len(found) == 2


@by_spacing
def test_a_missing_thin_branch_is_missed_by_its_radius(spacing):
    affine = affine_of(spacing)
    thick, thin = tube(spacing, 6, 10, (5, 45), 2), tube(spacing, 18, 10, (5, 35), 0.6)
    predicted, true = lines(affine, thick, thick | thin)
    found = tree_metrics(predicted, true)
    assert (found["missed_thin"], found["missed_wide"]) == (1, 0)
    thin_mm = line_of_mask(thin, affine).length_mm.sum()
    assert found["tree_recall"] == pytest.approx(1 - thin_mm / true.length_mm.sum())


@by_spacing
def test_a_false_blob_beside_a_vein_is_length_beside_a_vein(spacing):
    affine = affine_of(spacing)
    vessel, vein = tube(spacing, 5, 10, (5, 45), 1), tube(spacing, 18, 10, (5, 45), 1.5)
    in_vein = tube(spacing, 18, 10, (20, 32), 1)
    in_fat = tube(spacing, 11, 22, (20, 30), 1)
    tissue = np.select([vessel, vein], [1, 2], 0).astype(np.uint8)
    found = case_metrics(vessel | in_vein | in_fat, vessel, affine, tissue=tissue)
    blob, speck = (line_of_mask(mask, affine).length_mm.sum() for mask in (in_vein, in_fat))
    assert found["false_vein_mm"] == pytest.approx(blob) and found["false_other_mm"] == pytest.approx(speck)
    assert 12 - 3 - spacing[2] <= blob <= 12 + spacing[2]
    assert found["false_mm"] == pytest.approx(blob + speck)
    assert sum(found[f"false_{name}_mm"] for name in TISSUES) == pytest.approx(found["false_mm"])
    assert found["tree_recall"] == 1 and found["parts"] == 3


def test_a_tissue_2_mm_away_is_beside_and_one_at_3_mm_is_not():
    spacing, affine = SPACINGS[0], affine_of(SPACINGS[0])
    predicted = line_of_mask(tube(spacing, 10, 10, (20, 30), 1), affine)
    none = predicted.at(np.zeros(len(predicted), bool))
    for distance, name in ((1.9, "bone"), (3.0, "other")):
        tissue = np.zeros(SHAPE, np.uint8)
        tissue[int((10 + distance) / 0.5) :] = 5
        found = false_length_by_tissue(predicted, none, tissue, affine)
        assert found[f"false_{name}_mm"] == pytest.approx(predicted.length_mm.sum())


def test_an_analytic_line_has_its_own_length_radius_and_ostia():
    way = np.stack([np.zeros(41), np.zeros(41), np.arange(41)], 1)
    trunk = {"name": "a", "parent": "", "points_ras_mm": way.tolist(), "radius_mm": [2.0] * 41}
    side = {
        "name": "b",
        "parent": "a",
        "points_ras_mm": (way[:11] + [5, 0, 0]).tolist(),
        "radius_mm": [0.5] * 11,
    }
    unseen = {"name": "c", "parent": "a", "points_ras_mm": [], "radius_mm": []}
    line = line_of_branches([trunk, side, unseen])
    assert line.length_mm.sum() == 50 and ostia_of(line).tolist() == [[0, 0, 0]]
    found = tree_metrics(line.at(line.radius_mm > 1), line)
    assert (found["tree_recall"], found["missed_thin"], found["tree_precision"]) == (0.8, 1, 1)
    assert np.isnan(found["missed_middle"])
    assert len(line_of_branches([unseen])) == 0


def test_axes_in_another_order_or_turned_around_change_little():
    spacing = (0.4, 0.5, 0.6)
    truth = tube(spacing, 10, 10, (5, 15), 1.6) | tube(spacing, 10, 10, (5, 45), 1)
    truth |= tube(spacing, 18, 12, (5, 35), 0.7)
    mask = tube(spacing, 10, 10, (5, 30), 1) | tube(spacing, 14, 25, (5, 15), 1)
    affine = affine_of(spacing)
    plain = case_metrics(mask, truth, affine)
    turned = affine[:, [2, 0, 1, 3]] @ np.diag([-1.0, 1, 1, 1])
    turned[:3, 3] += affine[:3, 2] * (SHAPE[2] - 1)
    other = case_metrics(*(m.transpose(2, 0, 1)[::-1] for m in (mask, truth)), turned)
    assert other == pytest.approx(plain, abs=0.05, rel=0.05)
