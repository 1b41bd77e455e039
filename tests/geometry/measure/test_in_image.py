"""What the CT shows of a narrowing of the mask: the lumen narrows too, or it does not; calcium beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from shapes import centred_affine, grid_points, rotation
from vessels import straight

from bundle.common.coordinates import voxel_size_mm, voxel_to_world
from bundle.common.polylines import arc_length
from bundle.geometry.core.tree import Tree
from bundle.geometry.measure import find_stenoses, seen_in_image
from bundle.geometry.measure.in_image import NOT_IN_IMAGE

ALONG = np.arange(0, 60, 0.5)
MIDDLE = np.array([30.0, 0.0, 0.0])
LUMEN_HU, FAT_HU, PLAQUE_HU = 400.0, -80.0, 50.0
FLIPPED = np.array([[0, -0.4, 0], [0, 0, 0.5], [-0.4, 0, 0]])  # axes in another order, two of them reversed


def radius_of(percent, length_mm=8.0, healthy=1.6):
    away = np.clip(2 * np.abs(ALONG - 30) / length_mm, 0, 1)
    return healthy * (1 - percent / 100 * (0.5 + 0.5 * np.cos(np.pi * away)))


def ct(percent, axes=FLIPPED, bright=(), noise_hu=20.0, lumen_hu=LUMEN_HU):
    """A vessel of 3.2 mm along x whose lumen is narrowed by plaque, blurred by 0.9 mm (FWHM) as by a scanner.

    bright: functions of points (N, 3) to bool, drawn with 1000 HU.
    """
    size = np.abs(np.linalg.inv(axes) @ [66.0, 24.0, 24.0])
    shape = tuple(np.ceil(size).astype(int))
    affine = centred_affine(shape, axes)
    affine[:3, 3] += MIDDLE
    points = grid_points(shape, affine)
    away = np.hypot(points[:, 1], points[:, 2])
    inside, healthy = (np.interp(points[:, 0], ALONG, radius_of(p)) for p in (percent, 0))
    hu = np.select([away < inside, away < healthy], [lumen_hu, PLAQUE_HU], FAT_HU)
    for is_bright in bright:
        hu[is_bright(points)] = 1000.0
    image = gaussian_filter(hu.reshape(shape), 0.9 / 2.355 / voxel_size_mm(affine))
    return image + np.random.default_rng(0).normal(0, noise_hu, shape), affine


def ball_at(place, radius):
    return lambda points: np.linalg.norm(points - place, axis=1) < radius


def looked_at(percent_of_mask, image):
    tree = straight(radius_of(percent_of_mask))
    (lesion,) = seen_in_image(tree, find_stenoses(tree, 0.4), *image)
    return lesion


@pytest.mark.parametrize("percent", [50, 70])
@pytest.mark.parametrize("axes", [np.diag([0.4, 0.4, 0.4]), FLIPPED, 0.45 * rotation((20, 35, -15))])
def test_a_true_narrowing_is_one_in_the_image_on_any_grid(percent, axes):
    lesion = looked_at(percent, ct(percent, axes))
    assert lesion.narrows_in_image and lesion.assessable and lesion.calcium_mm3 == 0.0
    assert lesion.percent_in_image == pytest.approx(percent, abs=15)


@pytest.mark.parametrize("axes", [FLIPPED, 0.45 * rotation((20, 35, -15))])
def test_a_notch_in_the_mask_alone_is_none_and_cannot_be_judged(axes):
    lesion = looked_at(60, ct(0, axes))
    assert lesion.percent_in_image < 20 and lesion.narrows_in_image is False
    assert lesion.not_assessable_because == NOT_IN_IMAGE and lesion.grade == ""


def test_calcium_beside_a_narrowing_is_found_with_about_its_volume():
    lesion = looked_at(60, ct(60, bright=[ball_at([30, 1.6, 0], 0.9)]))
    assert 1.0 < lesion.calcium_mm3 < 10.0  # 3.1 in truth; it blooms
    assert lesion.narrows_in_image and lesion.assessable


def test_a_lumen_that_seems_wide_beside_calcium_proves_nothing():
    lesion = looked_at(60, ct(0, bright=[ball_at([30, 1.6, 0], 0.9)]))
    assert lesion.calcium_mm3 > 0 and lesion.assessable


@pytest.mark.parametrize(
    "bright",
    [
        ball_at([30, 7.0, 0], 1.0),  # 4.4 mm from the wall
        ball_at([12, 1.8, 0], 1.0),  # beside the vessel, far from the narrowing
        lambda points: points[:, 1] > 2.6,  # a chamber
    ],
)
def test_what_is_bright_elsewhere_is_no_calcium(bright):
    assert looked_at(60, ct(60, bright=[bright])).calcium_mm3 == 0.0


def test_where_the_image_does_not_reach_or_has_no_contrast_nothing_is_said():
    image, affine = ct(60)
    away = affine + np.pad([[200.0], [0], [0], [0]], ((0, 0), (3, 0)))
    lesion = looked_at(60, (image, away))
    assert (lesion.percent_in_image, lesion.narrows_in_image, lesion.calcium_mm3) == (None, None, None)
    lesion = looked_at(60, ct(60, lumen_hu=90.0))
    assert (lesion.percent_in_image, lesion.narrows_in_image) == (None, None) and lesion.assessable


def test_without_a_ct_the_columns_are_empty():
    tree = straight(radius_of(60))
    (lesion,) = find_stenoses(tree, 0.4)
    row = lesion.as_dict("LAD")
    assert [row[key] for key in ("percent_in_image", "narrows_in_image", "calcium_mm3")] == [None] * 3
    assert seen_in_image(Tree(), [], *ct(0)) == []


def test_what_could_not_be_judged_keeps_its_reason():
    tree = straight(radius_of(60))
    (lesion,) = find_stenoses(tree, 0.4)
    vague = replace(lesion, not_assessable_because="the branch ends there")
    (seen,) = seen_in_image(tree, [vague], *ct(0))
    assert seen.not_assessable_because == "the branch ends there" and seen.percent_in_image < 20


@pytest.mark.slow
def test_on_a_phantom():
    """Seed 57: the RCA is narrowed by 76 % with calcium, the LCx by 48 % without; the LAD is healthy."""
    from vessels import centerline_tree

    from bundle.geometry.naming import name_branches
    from bundle.phantom import make_phantom

    phantom = make_phantom(57, workers=2)
    truth = {branch["name"]: branch for branch in phantom.tree["branches"]}
    mask = phantom.label.copy()
    lad, radius = (np.asarray(truth["LAD"][key]) for key in ("points_ras_mm", "radius_mm"))
    voxels = np.argwhere(mask)
    distance, nearest = cKDTree(lad).query(voxel_to_world(voxels, phantom.affine))
    away = np.abs(arc_length(lad)[nearest] - 45.0) / 3.5
    left = 1 - 0.6 * (0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0, 1)))
    notch = (away < 1) & (distance < 1.6 * radius[nearest]) & (distance > left * radius[nearest])
    mask[tuple(voxels[notch].T)] = 0
    tree = name_branches(centerline_tree(mask, phantom.affine))
    lesions = find_stenoses(tree, float(voxel_size_mm(phantom.affine).mean()))
    found = seen_in_image(tree, lesions, phantom.image, phantom.affine)

    def at(name, place):
        (one,) = [s for s in found if np.linalg.norm(s.point_ras_mm - place) < 6]
        assert tree.branches[one.branch].name == name
        return one

    def lesion_at(name):
        points = np.asarray(truth[name]["points_ras_mm"])
        worst = max(truth[name]["lesions"], key=lambda lesion: lesion["percent_diameter_stenosis"])
        return at(name, points[np.argmin(np.abs(arc_length(points) - worst["at_mm"]))])

    assert lesion_at("RCA").narrows_in_image and lesion_at("RCA").calcium_mm3 > 5
    assert lesion_at("LCx").narrows_in_image and lesion_at("LCx").calcium_mm3 == 0
    cut = at("LAD", lad[np.argmin(np.abs(arc_length(lad) - 45.0))])
    assert cut.percent_diameter > 40 and cut.not_assessable_because == NOT_IN_IMAGE
