"""What the study of joins counts, on vessels whose right answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from studies.degrade import Gap
from studies.joins import figures_table, gap_rows, rooted_mm
from studies.joins_scans import drawn_case, fade, has_both_sides
from study_vessels import case_of, tree_along, tube

VOXEL_MM = 0.4
SHAPE = (180, 24, 24)
FAT, LUMEN = -100.0, 400.0


def grid(radius_mm, *stretches):
    """Voxels of a tube along x between pairs of mm, and their affine."""
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[1:3, 3] = -4.7
    x, y, z = np.indices(SHAPE) * VOXEL_MM + affine[:3, 3, None, None, None]
    inside = np.hypot(y, z) <= radius_mm
    return inside & np.logical_or.reduce([(x >= a) & (x <= b) for a, b in stretches]), affine


def test_a_gap_of_a_network_is_vessel_without_mask_between_two_pieces():
    mask, affine = grid(1.8, (0, 20), (26, 60))
    case = drawn_case(mask, affine, mask.astype(np.float32), [tube()])
    (gap,) = case.gaps
    assert gap.start[0] == pytest.approx(20, abs=1) and gap.end[0] == pytest.approx(26, abs=1)
    assert has_both_sides(case, gap)
    short, _ = grid(1.8, (0, 20), (26, 27))
    (gap,) = drawn_case(short, affine, short.astype(np.float32), [tube()]).gaps
    assert not has_both_sides(drawn_case(short, affine, short.astype(np.float32), [tube()]), gap)
    whole, _ = grid(1.8, (0, 60))
    assert not drawn_case(whole, affine, whole.astype(np.float32), [tube()]).gaps


@pytest.mark.parametrize("left", [0.4, 0.0])
def test_of_a_faded_vessel_a_part_of_the_contrast_is_left(left):
    lumen, affine = grid(1.8, (0, 60))
    blur = np.full(3, 0.4)
    image = FAT + (LUMEN - FAT) * gaussian_filter(lumen.astype(np.float32), 0.4 / VOXEL_MM)
    before, vessel = image.copy(), tube()
    first, last = 400, 600  # from 20 to 30 mm
    gap = Gap(vessel.points[first], vessel.points[last], 0, first, last, 10.0)
    fade(image, affine, vessel, gap, left, FAT, blur)
    line = image[:, 12, 12]
    assert line[round(25 / VOXEL_MM)] == pytest.approx(FAT + left * (LUMEN - FAT), abs=15)
    for mm in (15, 35):
        assert line[round(mm / VOXEL_MM)] == before[round(mm / VOXEL_MM), 12, 12]


def test_rooted_is_what_hangs_together_with_a_true_ostium():
    case = case_of(tube())
    assert rooted_mm(tree_along((0, 60)), case) == pytest.approx((60, 60), abs=1.5)
    assert rooted_mm(tree_along((0, 20), (25, 60)), case)[1] == pytest.approx(21, abs=1.5)
    assert rooted_mm(tree_along((25, 60)), case)[1] == 0


def test_the_table_has_the_mask_beside_the_scan():
    case = case_of(tube(), breaks_mm=[6.0])
    start, end = (float(case.gaps[0].start[0]), float(case.gaps[0].end[0]))
    apart, together = tree_along((0, start), (end, 60)), tree_along((0, 60), gap=(start, end))
    rows = []
    for name, tree in (("mask", apart), ("scan", together)):
        true, rooted = rooted_mm(tree, case)
        gaps = gap_rows(tree, case, [0.4])
        counts = {"gaps": 1, "gaps_joined": int(gaps[0]["joined"]), "joins": 1, "false_joins": 0}
        names = {"right_mm": rooted, "wrong_mm": 0.0, "unknown_mm": true - rooted}
        rows.append({"masks": "spoilt", "with": name, "true_mm": true, "rooted_mm": rooted, "cpu_s": 1.0}
                    | counts | names | {"all_gaps": gaps})  # fmt: skip
    table = figures_table(rows)
    assert "| gaps joined | 0/1 | 1/1 |" in table
    assert "| - longer than 4 mm, contrast left: 0.4 | 0/1 | 1/1 |" in table
    assert "contrast left: 1" not in table
