import csv

import numpy as np
import pytest
import pyvista as pv
from shapes import scan, tube

from bundle.geometry.case import export_case
from bundle.geometry.solver import why_no_mesher

RADIUS = 11.0


@pytest.fixture(scope="module")
def aorta_with_a_coronary():
    """An aorta of 11 mm along z with flat ends, and a vessel of 2 mm that leaves it near the lower one."""

    def solid(points):
        up = np.array([[0.3, 0, -40], [-0.3, 0, 40]])
        aorta = np.minimum(tube(points, up, RADIUS), 24.0 - np.abs(points[:, 2]))
        return np.maximum(aorta, tube(points, np.array([[8.0, 0, -8], [18, 2, -9], [36, 4, -14]]), 2.0))

    mask, affine, _ = scan((110, 44, 90), np.diag([0.7, 0.7, 0.7]), solid)
    return mask, affine


def test_aorta_and_coronary_are_one_model_with_named_ends(aorta_with_a_coronary, tmp_path):
    settings = {"pictures": False, "solver": True, "formats": ("vtp",)}
    report = export_case(*aorta_with_a_coronary, tmp_path, "a", keep_aorta=True, **settings)
    with open(tmp_path / "a_ends.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["inlet_aorta", "outlet_aorta", "outlet_branch_0"]
    for row in rows[:2]:
        assert float(row["area_mm2"]) == pytest.approx(np.pi * RADIUS**2, rel=0.1)
        assert (row["branch"], row["branch_id"], row["tree"]) == ("aorta", "", "")
    assert [row["flow_share"] for row in rows] == ["1.0", "", "1.0"]
    assert float(rows[0]["z_lps_mm"]) < -18 and float(rows[0]["normal_z_lps"]) < -0.99  # near the coronary
    assert float(rows[1]["z_lps_mm"]) > 18 and float(rows[1]["normal_z_lps"]) > 0.99
    model = pv.read(tmp_path / "a_solver.vtp")
    assert model.is_manifold and report["mesh"]["parts"] == 1
    assert model.volume == pytest.approx(np.pi * RADIUS**2 * 48, rel=0.15)


@pytest.mark.slow
@pytest.mark.skipif(why_no_mesher() is not None, reason=str(why_no_mesher()))
def test_aorta_and_coronary_are_filled_with_tetrahedra(aorta_with_a_coronary, tmp_path):
    settings = {"pictures": False, "volume_mesh": True, "keep_aorta": True}
    report = export_case(*aorta_with_a_coronary, tmp_path, "a", **settings)
    mesh = report["volume_mesh"]
    assert mesh["volume_mm3"] == pytest.approx(np.pi * RADIUS**2 * 48, rel=0.15)
    assert mesh["scaled_jacobian_min"] > 0 and mesh["poor_percent"] < 0.2
    face = pv.read(tmp_path / "a_volume_surface.vtp")
    assert list(face.field_data["face_names"]) == ["wall", "inlet_aorta", "outlet_aorta", "outlet_branch_0"]
    assert set(face.cell_data["ModelFaceID"]) == {0, 1, 2, 3}


def test_without_being_asked_for_the_aorta_is_left_out(aorta_with_a_coronary, tmp_path):
    report = export_case(*aorta_with_a_coronary, tmp_path, "a", pictures=False, solver=True)
    assert [patch["kind"] for patch in report["solver_patches"]] == ["wall", "inlet", "outlet"]
    assert pv.read(tmp_path / "a_solver.vtp").volume < 600


def test_where_there_is_no_aorta_a_sentence_says_so(tmp_path):
    mask, affine, _ = scan(
        (60, 30, 30), np.diag([0.5] * 3), lambda p: tube(p, [[-12, 0, 0], [12, 1, 1]], 1.6)
    )
    report = export_case(mask, affine, tmp_path, "a", pictures=False, solver=True, keep_aorta=True)
    assert "the mask holds no aorta that the solver model could keep" in report["warnings"]
