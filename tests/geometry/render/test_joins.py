"""A vessel that runs along z for 40 mm, of which 10 to 18 mm are not in the mask."""

import numpy as np
import pytest
import pyvista as pv

from bundle.geometry.core import Branch
from bundle.geometry.render import opengl
from bundle.geometry.render.joins import dashed_joins
from bundle.geometry.render.stage import Stage
from bundle.geometry.render.views import ANTERIOR

can_draw = pytest.mark.skipif(opengl.why_no_pictures() is not None, reason=str(opengl.why_no_pictures()))


def vessel(first_mm, last_mm):
    z = np.arange(0, 40.5, 0.5)
    gap = (z > first_mm) & (z < last_mm)
    fields = dict.fromkeys(Branch.__dataclass_fields__)
    count = len(z)
    fields |= {
        "points": np.stack([0 * z, 0 * z, z], axis=-1), "radius": np.full(count, 1.5), "gap": gap,
    }  # fmt: skip
    branch = object.__new__(Branch)
    for name, value in fields.items():
        object.__setattr__(branch, name, value)
    return branch


def test_dashes_lie_in_the_gap_and_nowhere_else():
    dashes = dashed_joins([vessel(10, 18), vessel(99, 99)])
    parts = dashes.connectivity("all")
    ends = dashes.points[:, 2]
    assert ends.min() == pytest.approx(10, abs=0.01) and ends.max() == pytest.approx(18, abs=0.01)
    assert np.hypot(*dashes.points[:, :2].T).max() == pytest.approx(0.5 * 1.5, abs=0.01)
    assert 4 <= len(np.unique(parts["RegionId"])) <= 6
    assert dashed_joins([vessel(99, 99)]) is None and dashed_joins([]) is None


@can_draw
def test_dashes_are_seen_between_the_pieces():
    pieces = [
        pv.Cylinder(center=(0, 0, z), direction=(0, 0, 1), radius=1.5, height=length, resolution=32)
        for z, length in ((5, 10), (29, 22))
    ]
    mesh = pv.merge([piece.triangulate() for piece in pieces])
    rgb = np.full((mesh.n_points, 3), 200, np.uint8)
    pictures = []
    for joins in (None, dashed_joins([vessel(10, 18)])):
        with Stage(mesh, rgb, (60, 240), joins) as stage:
            pictures.append(stage.seen_from(ANTERIOR, 0.25))
    plain, dashed = pictures
    changed = np.abs(plain.astype(int) - dashed).sum(axis=2) > 60
    rows = np.flatnonzero(changed.any(axis=1))
    # 20 mm is in the middle, up is up: 10 to 18 mm lie 8 to 40 pixels below it.
    assert 125 <= rows.min() <= 131 and 156 <= rows.max() <= 163
    gaps = np.count_nonzero(np.diff(rows) > 1)
    assert gaps >= 3, "dashes, not a line"
