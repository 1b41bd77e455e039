"""Which interruptions of a mask are bridged: by length, direction and calibre of both ends."""

import numpy as np
import pytest
from shapes import scan, tube
from vessels import centerline_tree

from bundle.common.polylines import arc_length

ISO = np.diag([0.4, 0.4, 0.4])
SHAPE = (110, 40, 40)


def straight(first_mm, last_mm, y=0.0):
    return np.array([[first_mm, y, 0.0], [last_mm, y, 0.0]])


def trees(*vessels):
    """The centrelines of tubes (path, radius), as numbers of trees and lengths of what was bridged, mm."""
    mask, affine, _ = scan(SHAPE, ISO, lambda p: np.max([tube(p, path, r) for path, r in vessels], axis=0))
    found = centerline_tree(mask, affine).segments
    bridged = sum(float(np.diff(arc_length(s.points))[s.gap[1:]].sum()) for s in found)
    return len({s.tree for s in found}), bridged


@pytest.mark.parametrize(
    ("radius", "gap_mm", "parts"), [(1.5, 10.0, 1), (0.7, 10.0, 2), (0.7, 4.0, 1), (1.5, 18.0, 2)]
)
def test_a_wide_vessel_is_joined_over_a_longer_gap(radius, gap_mm, parts):
    """Up to about 12 mm at a radius of 1.5 mm, to nearly 8 mm at any."""
    inner = gap_mm / 2 + radius  # the ends are round
    count, bridged = trees((straight(-20, -inner), radius), (straight(inner, 20), radius))
    assert count == parts
    if parts == 1:
        assert bridged == pytest.approx(gap_mm, abs=1.6)


def test_vessels_side_by_side_are_not_joined():
    assert trees((straight(-15, 15, -4.0), 1.2), (straight(-15, 15, 4.0), 1.2))[0] == 2


def test_ends_of_unlike_calibre_are_not_joined():
    assert trees((straight(-20, -4), 1.8), (straight(4, 20), 0.7))[0] == 2
    assert trees((straight(-20, -4), 1.8), (straight(4, 20), 1.4))[0] == 1


def test_a_long_gap_is_not_bridged_round_a_corner():
    """Ten millimetres, the ends a right angle apart."""
    corner = np.array([[7.0, 0.0, 0.0], [7.0, 7.0, 0.0]])
    assert trees((straight(-20, -5), 1.5), (corner + [0, 2, 0], 1.5))[0] == 2
