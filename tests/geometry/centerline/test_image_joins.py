"""Pieces of a vessel that the CT shows to be one, and those that it does not."""

import numpy as np
import pytest
from shapes import scan, tube
from vessels import extract_surface

from bundle.geometry.centerline import vessel_tree
from bundle.geometry.core import find_vessels

ISO = np.diag([0.4, 0.4, 0.4])
SHAPE = (120, 60, 50)
FAT, LUMEN, NOISE = -100.0, 350.0, 20.0
TURN = np.linspace(-1, 1, 41)[:, None]
ARC = np.hstack([20 * np.sin(TURN), 10 - 20 * np.cos(TURN), 0 * TURN])  # 40 mm long, of radius 20 mm
LINE = np.hstack([20 * TURN, 0 * TURN, 0 * TURN])


def joined(path, hole_mm, radius=0.8, shown=tube, level=LUMEN):
    """The tree of a vessel along a path whose mask lacks `hole_mm` in the middle, with and without its CT.

    shown: signed distance of what the CT shows, by points, path and radius.
    """
    half = hole_mm / 40 / 2 * len(path)
    middle = len(path) // 2
    parts = path[: int(middle - half) + 1], path[int(middle + half) :]
    return both_trees(
        lambda p: np.maximum(*(tube(p, part, radius) for part in parts)),
        lambda p: shown(p, path, radius),
        level,
    )


def both_trees(drawn, shown, level=LUMEN):
    """The trees of what a mask has drawn, by signed distance, without a CT and with one that shows this."""
    mask, affine, _ = scan(SHAPE, ISO, drawn)
    image = FAT + (level - FAT) * scan(SHAPE, ISO, shown, edge_mm=0.3)[2]
    image = (image + np.random.default_rng(0).normal(0, NOISE, SHAPE)).astype(np.float32)
    vessels, wall = find_vessels(mask, affine), extract_surface(mask, affine)
    return [vessel_tree(vessels, wall, ct=ct) for ct in (None, (image, affine))]


def count(tree):
    return len({segment.tree for segment in tree.segments})


def dark(points, path, radius):
    """Nothing of the vessel between its pieces."""
    return tube(points, path[:10], radius)


def in_a_chamber(points, path, radius):
    """The pieces end at a wall of contrast 10 mm deep and wider than the scan."""
    return np.maximum(tube(points, path, radius), 5.0 - np.abs(points[:, 0]))


@pytest.mark.parametrize("path", [LINE, ARC], ids=["straight", "bent"])
def test_a_long_gap_is_joined_where_the_ct_shows_the_vessel(path):
    """12 mm at a radius of 0.8 mm: too far for the mask alone."""
    alone, with_ct = joined(path, 12.0)
    assert (count(alone), count(with_ct)) == (2, 1)


def test_the_joined_stretch_follows_the_vessel_and_is_marked():
    tree = joined(ARC, 14.0)[1]
    points = np.concatenate([s.points[s.gap] for s in tree.segments])
    assert 11 < 0.5 * len(points) < 15  # points are half a millimetre apart
    off_mm = np.abs(np.linalg.norm(points - [0, 10, 0], axis=1) - 20)
    assert off_mm.max() < 0.5  # the straight way is off by 1.2


@pytest.mark.parametrize("shown", [dark, in_a_chamber])
def test_pieces_stay_apart_where_the_ct_shows_no_vessel_between_them(shown):
    alone, with_ct = joined(LINE, 14.0, shown=shown)
    assert (count(alone), count(with_ct)) == (2, 2)


def test_a_vessel_with_little_contrast_is_joined_too():
    """150 HU, as where a scan begins late."""
    assert count(joined(LINE, 12.0, level=150.0)[1]) == 1


def test_a_vessel_that_turns_aside_is_not_joined_to_what_lies_ahead():
    def aside(points, path, radius):
        first, last = path[path[:, 0] < -6], path[path[:, 0] > 6]
        away = np.vstack([first, first[-1] + np.outer(np.linspace(0, 10, 20), [0.3, 0.95, 0])])
        return np.maximum(tube(points, away, radius), tube(points, last, radius))

    assert count(joined(LINE, 14.0, shown=aside)[1]) == 2


def test_a_side_branch_whose_beginning_is_missing_is_joined_to_its_vessel():
    """3.5 mm of it; from the mask alone up to 3 mm."""
    main = LINE - [0, 6, 0]
    branch, radius = np.outer(np.arange(15), [0.5, 0.87, 0]) + main[20], np.linspace(1.1, 0.8, 15)
    alone, with_ct = both_trees(
        lambda p: np.maximum(tube(p, main, 1.4), tube(p, branch[6:], radius[6:])),
        lambda p: np.maximum(tube(p, main, 1.4), tube(p, branch, radius)),
    )
    assert (count(alone), count(with_ct)) == (2, 1)
    begin = next(s for s in with_ct.segments if np.linalg.norm(s.points[-1] - branch[-1]) < 2).points[0]
    assert np.linalg.norm(begin - branch[0]) < 2


def test_a_ct_of_another_place_joins_nothing():
    mask, affine, _ = scan(SHAPE, ISO, lambda p: np.maximum(tube(p, LINE[:14], 1.0), tube(p, LINE[27:], 1.0)))
    elsewhere = affine.copy()
    elsewhere[:3, 3] += 500
    image = np.full(SHAPE, LUMEN, np.float32)
    vessels, wall = find_vessels(mask, affine), extract_surface(mask, affine)
    assert count(vessel_tree(vessels, wall, ct=(image, elsewhere))) == 2
