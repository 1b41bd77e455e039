import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from shapes import scan, tube
from vessels import centerline_tree, straight

from bundle.common.polylines import arc_length, resample
from bundle.geometry.core.tree import Segment, Tree, make_branch
from bundle.geometry.measure.branches import measure_branch, measure_tree
from bundle.geometry.measure.stenosis import find_stenoses, reference_radius

ALONG = np.arange(0, 80, 0.5)


def narrowed(percent, at_mm=40.0, length_mm=10.0, start=1.8, end=1.0):
    healthy = np.linspace(start, end, len(ALONG))
    shape = np.where(
        np.abs(ALONG - at_mm) < length_mm / 2, 0.5 + 0.5 * np.cos(2 * np.pi * (ALONG - at_mm) / length_mm), 0
    )
    return healthy, healthy * (1 - percent / 100 * shape)


@pytest.mark.parametrize("percent", [40, 60, 90])
def test_a_stenosis_is_found_with_its_place_and_degree(percent):
    healthy, radius = narrowed(percent)
    rng = np.random.default_rng(percent)
    (lesion,) = find_stenoses(straight(radius + rng.normal(0, 0.02, len(radius))), voxel_mm=0.4)
    assert lesion.at_mm == pytest.approx(40.0, abs=1.0)
    assert lesion.percent_diameter == pytest.approx(percent, abs=5)
    assert 3 < lesion.end_mm - lesion.start_mm < 11
    assert lesion.reference_diameter_mm == pytest.approx(2 * healthy[80], rel=0.05)


def test_taper_is_no_stenosis():
    assert find_stenoses(straight(np.linspace(2.2, 0.9, 160)), voxel_mm=0.3) == []


def test_the_reference_ignores_the_lesion():
    healthy, radius = narrowed(70, length_mm=20)
    np.testing.assert_allclose(reference_radius(straight(radius).branches[0]), healthy, rtol=0.06)


def test_a_wide_bifurcation_makes_no_lesion_beside_it():
    radius = np.linspace(1.8, 1.2, 160)
    radius[70:78] *= 1.4
    junction = np.zeros(160, bool)
    junction[70:78] = True
    assert find_stenoses(straight(radius, junction), voxel_mm=0.4) == []


def test_nothing_is_reported_where_the_scan_is_too_coarse():
    _, radius = narrowed(60)
    assert find_stenoses(straight(radius), voxel_mm=1.4) == []


def test_a_lumen_that_is_lost_in_a_narrowing_is_a_severe_stenosis_and_one_lost_elsewhere_is_none():
    _, radius = narrowed(85)
    lost = np.abs(ALONG - 40) < 1.2
    tree = straight(np.where(lost, 0.7, radius))
    tree.branches[0].gap[:] = lost
    (lesion,) = find_stenoses(tree, voxel_mm=0.4)
    assert lesion.percent_diameter > 80 and lesion.measured_by == "gap"
    tree = straight(np.linspace(1.8, 1.0, len(ALONG)))
    tree.branches[0].gap[:] = lost
    assert find_stenoses(tree, voxel_mm=0.4) == []


def test_grades_follow_the_percentage():
    grades = {}
    for percent in (40, 60, 85):
        (lesion,) = find_stenoses(straight(narrowed(percent)[1]), voxel_mm=0.4)
        grades[percent] = lesion.as_dict("LAD")["severity_research_use"]
    assert grades == {40: "CAD-RADS 2", 60: "CAD-RADS 3", 85: "CAD-RADS 4"}


@pytest.mark.parametrize("kind", ["sections", "fit"])
def test_both_tables_say_the_same_least_diameter(kind):
    _, radius = narrowed(60)
    tree = straight(radius if kind == "sections" else rough(radius, 0, 0.1))
    lesions = find_stenoses(tree, voxel_mm=0.4)
    (branch,) = measure_tree(tree, lesions)
    (row,) = (lesion.as_dict("LAD") for lesion in lesions)
    assert (row["branch_id"], row["measured_by"]) == (branch["branch_id"], kind)
    assert branch["min_diameter_mm"] == row["minimal_lumen_diameter_mm"]


def test_a_narrowing_that_cannot_be_judged_is_not_the_least_diameter():
    healthy, radius = narrowed(85)
    lost = np.abs(ALONG - 40) < 1.2
    tree = straight(np.where(lost, 0.7, radius))
    tree.branches[0].gap[:] = lost
    lesions = find_stenoses(tree, voxel_mm=0.4)
    (row,) = measure_tree(tree, lesions)
    assert [(lesion.assessable, lesion.measured_by) for lesion in lesions] == [(False, "gap")]
    assert row["min_diameter_mm"] == pytest.approx(2 * healthy[-1], abs=0.05)


def test_a_few_free_sections_do_not_stand_for_a_vessel():
    """A left main of 4.4 mm from the aorta to its bifurcation; four sections of the aorta's rim are free."""
    radius = np.r_[np.full(4, 0.3), np.full(16, 2.2)]
    row = measure_branch(straight(radius, junction=np.arange(20) > 3).branches[0])
    assert row["proximal_diameter_mm"] == pytest.approx(4.4) and row["mean_diameter_mm"] > 3.5
    row = measure_branch(straight(radius, junction=np.arange(20) < 10).branches[0])  # enough of them do
    assert row["mean_diameter_mm"] == pytest.approx(4.4)


def test_the_place_is_said_as_the_viewers_read_it():
    (lesion,) = find_stenoses(straight(narrowed(60)[1]), voxel_mm=0.4)
    row = lesion.as_dict("LAD")
    assert row["x_lps_mm"] == pytest.approx(-40, abs=1) and row["at_mm"] == pytest.approx(40, abs=1)


def test_from_a_mask():
    along = np.linspace(-14, 14, 120)
    healthy = np.linspace(1.7, 1.4, 120)
    radius = healthy * (1 - 0.55 * np.exp(-0.5 * (along / 1.5) ** 2))
    path = np.stack([along, 0.1 * along, 0.05 * along], axis=1)
    mask, affine, _ = scan((80, 24, 20), np.diag([0.4, 0.4, 0.4]), lambda p: tube(p, path, radius))
    tree = centerline_tree(mask, affine)
    tree.branches = [make_branch(tree, [0], "RCA", 1.0, -1)]
    (lesion,) = find_stenoses(tree, voxel_mm=0.4)
    assert lesion.percent_diameter == pytest.approx(55, abs=7)
    assert np.linalg.norm(lesion.point_ras_mm) < 1.0


def test_measurements_of_a_cone():
    branch = straight(np.linspace(2.0, 1.0, 161)).branches[0]
    row = measure_branch(branch)
    assert row["length_mm"] == pytest.approx(80) and row["tortuosity"] == pytest.approx(1)
    assert row["volume_mm3"] == pytest.approx(np.pi / 3 * 80 * (4 + 2 + 1), rel=1e-3)
    assert row["taper_mm_per_10mm"] == pytest.approx(0.25, abs=1e-3)
    assert row["min_diameter_mm"] == pytest.approx(2.0) and row["mean_diameter_mm"] == pytest.approx(3.0)
    assert row["proximal_diameter_mm"] == pytest.approx(3.875, abs=0.02)


def rough(radius, seed, rms_mm):
    """The radius with the dips and bumps of a millimetre that noise at the wall makes."""
    noise = gaussian_filter1d(np.random.default_rng(seed).normal(size=len(radius)), 0.8)
    return radius + noise * rms_mm / noise.std()


def test_a_rough_wall_is_no_stenosis():
    healthy = np.linspace(1.2, 0.75, 400)
    seen = [find_stenoses(straight(rough(healthy, seed, 0.1)), voxel_mm=0.4) for seed in range(10)]
    assert sum(map(len, seen)) <= 1


def test_a_stenosis_in_a_rough_wall_keeps_its_degree():
    _, radius = narrowed(60, length_mm=14)
    found = [find_stenoses(straight(rough(radius, seed, 0.1)), voxel_mm=0.4) for seed in range(10)]
    assert [len(lesions) for lesions in found] == [1] * 10
    assert np.mean([lesions[0].percent_diameter for lesions in found]) == pytest.approx(60, abs=7)


def test_a_lumen_lost_in_the_middle_of_a_narrowing_leaves_one_lesion():
    _, radius = narrowed(95, length_mm=16)
    tree = straight(radius)
    tree.branches[0].gap[:] = np.abs(ALONG - 40) < 0.6
    (lesion,) = find_stenoses(tree, voxel_mm=0.4)
    assert lesion.percent_diameter > 75


def test_a_severe_stenosis_is_reported_in_a_vessel_of_three_to_four_voxels():
    _, radius = narrowed(65, start=0.75, end=0.68)
    (lesion,) = find_stenoses(straight(radius), voxel_mm=0.4)
    assert lesion.percent_diameter == pytest.approx(65, abs=5)
    _, radius = narrowed(40, start=0.75, end=0.68)
    assert find_stenoses(straight(radius), voxel_mm=0.4) == []


def test_a_short_severe_lesion_in_a_rough_wall_keeps_its_degree():
    """A running median over 3.5 mm would make 40 % of it."""
    _, radius = narrowed(75, length_mm=5)
    found = [find_stenoses(straight(rough(radius, seed, 0.1)), voxel_mm=0.4) for seed in range(10)]
    assert sum(map(len, found)) >= 9
    reported = [lesion.percent_diameter for lesions in found for lesion in lesions]
    assert np.mean(reported) == pytest.approx(75, abs=8)


def test_a_lesion_of_a_short_left_main_is_reported():
    """A left main of 11 mm whose last third belongs to the bifurcation."""
    along = np.arange(0, 11, 0.5)
    radius = 2.6 * (1 - 0.55 * np.exp(-0.5 * ((along - 4) / 0.9) ** 2))
    (lesion,) = find_stenoses(straight(radius, junction=along > 7.5), voxel_mm=0.4)
    assert lesion.percent_diameter == pytest.approx(55, abs=8)
    assert find_stenoses(straight(np.full(22, 2.6), junction=along > 7.5), voxel_mm=0.4) == []


def test_a_narrowing_where_one_branch_becomes_another_is_found_once():
    """An RCA that runs into its PDA without a bifurcation, narrowed by 60 % beside that place or at it."""
    points = resample(np.array([[0.0, 0, 0], [80, 0, 0]]), 0.5)
    along = arc_length(points)
    flags = np.zeros(len(points), bool)
    for middle in (30.0, 39.0, 41.0, 50.0):
        radius = 1.6 * (1 - 0.6 * np.exp(-0.5 * ((along - middle) / 2.0) ** 2))
        tree = Tree([Segment(points, radius, radius, flags, flags, -1, 0)])
        first, second = slice(0, 81), slice(80, None)
        whole = tree.segments[0]
        tree.segments = [
            Segment(**whole.arrays(first), parent=-1, tree=0),
            Segment(**whole.arrays(second), parent=0, tree=0),
        ]
        tree.branches = [make_branch(tree, [0], "RCA", 1.0, -1), make_branch(tree, [1], "PDA", 1.0, 0)]
        (lesion,) = find_stenoses(tree, 0.4)
        assert lesion.assessable and lesion.percent_diameter == pytest.approx(60, abs=6)
        assert lesion.branch == int(middle > 40) and lesion.point_ras_mm[0] == pytest.approx(middle, abs=1.0)
        assert lesion.at_mm == pytest.approx(middle - 40 * (middle > 40), abs=1.0)
