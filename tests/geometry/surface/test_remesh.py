import numpy as np
import pytest
from shapes import scan, torus
from vessels import extract_surface

from bundle.geometry.core.mesh import check_mesh
from bundle.geometry.surface.remesh import decimate, mean_edge_mm, to_edge_length
from bundle.geometry.surface.smoothing import smooth_surface

UP = np.array([0, 0, 2.6])


@pytest.fixture(scope="module")
def rings():
    mask, affine, _ = scan(
        (46, 46, 44),
        np.diag([0.4, 0.4, 0.4]),
        lambda p: np.maximum(torus(p + UP, 6.0, 1.4), torus(p - UP, 6.0, 0.8)),
    )
    return smooth_surface(extract_surface(mask, affine))[0]


def test_half_of_the_triangles_hold_the_same_volume_and_both_vessels(rings):
    fewer = decimate(rings, 0.5)
    before, after = check_mesh(rings), check_mesh(fewer)
    assert after["watertight"] and after["parts"] == 2
    assert after["triangles"] < 0.6 * before["triangles"]
    assert after["volume_mm3"] == pytest.approx(before["volume_mm3"], rel=0.002)
    wall = np.maximum(torus(fewer.points + UP, 6.0, 1.4), torus(fewer.points - UP, 6.0, 0.8))
    assert np.abs(wall).mean() < 0.06


@pytest.mark.parametrize("edge_mm", [0.15, 0.25, 0.6])
def test_edges_get_the_length_that_was_asked_for(rings, edge_mm):
    other = to_edge_length(rings, edge_mm)
    assert mean_edge_mm(other) == pytest.approx(edge_mm, rel=0.15)
    after = check_mesh(other)
    assert after["watertight"] and after["parts"] == 2
    assert after["volume_mm3"] == pytest.approx(check_mesh(rings)["volume_mm3"], rel=1e-3)


def test_an_edge_length_that_cannot_be_is_refused(rings):
    with pytest.raises(ValueError, match="million triangles"):
        to_edge_length(rings, 0.001)
