"""What a case leaves for a flow solver, and the lengths of edges that are tried for it."""

import csv

import numpy as np
import pytest
import pyvista as pv
from shapes import scan, tube

from bundle.geometry.case import export_case, solver_files
from bundle.geometry.solver import NoVolumeMesh, why_no_mesher

RADII = (1.8, 1.5)


@pytest.fixture(scope="module")
def straight():
    """A tube of 24 mm along x, from 1.8 to 1.5 mm of radius."""
    path = [[-12, 0, 0], [12, 1, 1]]
    mask, affine, _ = scan((60, 30, 30), np.diag([0.5, 0.5, 0.5]), lambda p: tube(p, path, np.array(RADII)))
    return mask, affine


def exported(vessel, folder, **settings):
    return export_case(*vessel, folder, "7", pictures=False, **{"solver": True} | settings)


def test_inlets_and_outlets_are_a_table_with_area_direction_and_flow(straight, tmp_path):
    report = exported(straight, tmp_path)
    with open(tmp_path / "7_ends.csv", newline="") as file:
        inlet, outlet = csv.DictReader(file)
    assert (inlet["name"], outlet["name"]) == ("inlet_branch_0", "outlet_branch_0")  # a branch without a name
    assert outlet["branch"] == "unknown" and outlet["branch_id"] == "0"
    areas = sorted(float(row["area_mm2"]) for row in (inlet, outlet))
    assert areas == pytest.approx(sorted(np.pi * np.square(RADII)), rel=0.15)
    assert [float(row["flow_share"]) for row in (inlet, outlet)] == [1, 1]
    normals = np.array([[float(row[f"normal_{axis}_lps"]) for axis in "xyz"] for row in (inlet, outlet)])
    assert np.linalg.norm(normals, axis=1) == pytest.approx([1, 1], abs=1e-4)
    places = np.array([[float(row[f"{axis}_lps_mm"]) for axis in "xyz"] for row in (inlet, outlet)])
    assert (np.sign(normals[:, 0]) == np.sign(places[:, 0])).all()  # out of the tube at either end
    model = pv.read(tmp_path / "7_solver.vtp")
    assert list(model.field_data["face_names"]) == ["wall", inlet["name"], outlet["name"]]
    cap = model.extract_cells(model.cell_data["ModelFaceID"] == int(outlet["ModelFaceID"]))
    assert cap.area == pytest.approx(float(outlet["area_mm2"]), rel=1e-3)
    assert cap.center == pytest.approx(places[1], abs=0.1)
    edges = report["solver_settings"]
    assert edges["asked_mm"] is None and edges["remeshed_to_mm"] is None and 0.2 < edges["mean_mm"] < 0.6


def test_metres_are_millimetres_by_a_thousand(straight, tmp_path):
    exported(straight, tmp_path / "mm")
    exported(straight, tmp_path / "m", unit="m")
    for file in ("7_solver.vtp", "7_solver.stl"):
        mm, m = (pv.read(tmp_path / unit / file) for unit in ("mm", "m"))
        np.testing.assert_allclose(np.array(m.bounds) * 1000, mm.bounds, atol=1e-3)
    assert pv.read(tmp_path / "m" / "7_solver.vtp").field_data["unit"][0] == "m"
    assert (tmp_path / "m" / "7_ends.csv").read_bytes() == (tmp_path / "mm" / "7_ends.csv").read_bytes()
    with pytest.raises(ValueError, match="mm, m"):
        exported(straight, tmp_path, unit="inch")


def test_where_gmsh_fails_other_lengths_of_edges_are_tried(straight, tmp_path, monkeypatch):
    tried = []

    def fails(model, **_):
        tried.append(model.mesh.n_cells)
        raise NoVolumeMesh("gmsh crashed")

    monkeypatch.setattr(solver_files, "volume_mesh", fails)
    report = exported(straight, tmp_path, volume_mesh=True)
    assert len(set(tried)) == 3 and "volume_mesh" not in report
    assert [w for w in report["warnings"] if "volume" in w] == ["no volume mesh: gmsh crashed"]


@pytest.mark.skipif(why_no_mesher() is not None, reason=str(why_no_mesher()))
def test_the_length_that_worked_is_said(straight, tmp_path, monkeypatch):
    make, calls = solver_files.volume_mesh, []

    def fails_at_first(model, **settings):
        calls.append(model)
        if len(calls) == 1:
            raise NoVolumeMesh("gmsh crashed")
        return make(model, **settings)

    monkeypatch.setattr(solver_files, "volume_mesh", fails_at_first)
    report = exported(straight, tmp_path, volume_mesh=True, mesh_complete=True)
    assert report["solver_settings"]["remeshed_to_mm"] == 0.5
    assert report["solver_settings"]["mean_mm"] == pytest.approx(0.5, abs=0.1)
    assert any("edges of 0.5 mm" in w and "gmsh crashed" in w for w in report["warnings"])
    assert report["volume_mesh"]["tetrahedra"] > 100
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == set(report["files"].values())
    assert {"inlet_branch_0.vtp", "outlet_branch_0.vtp", "wall.vtp"} == {
        p.name for p in (tmp_path / "7_mesh-complete" / "mesh-surfaces").iterdir()
    }
    exported(straight, tmp_path)
    assert not (tmp_path / "7_mesh-complete").exists()


@pytest.mark.parametrize(
    "layers, words", [(-1, "0 to 10"), (11, "0 to 10"), (1.5, "0 to 10"), (2, "volume_mesh")]
)
def test_layers_that_cannot_be_are_refused(straight, tmp_path, layers, words):
    with pytest.raises(ValueError, match=words):
        exported(straight, tmp_path, boundary_layers=layers)


@pytest.mark.skipif(why_no_mesher() is not None, reason=str(why_no_mesher()))
def test_layers_on_the_wall_are_in_the_files_and_the_report(straight, tmp_path):
    report = exported(straight, tmp_path, volume_mesh=True, boundary_layers=2)
    about = report["boundary_layers"]
    assert about["layers"] == 2 and about["bare_percent"] == 0
    assert about["total_mm"] == pytest.approx(0.25 * np.mean(RADII), rel=0.15)
    assert about["first_mm"] == pytest.approx(about["total_mm"] / 2.3, abs=1e-4)
    assert set(pv.read(tmp_path / "7_volume.vtu").cell_data["BoundaryLayer"]) == {0, 1, 2}
    assert report["volume_mesh"]["scaled_jacobian_min"] > 0


def test_an_end_that_stays_closed_is_tried_with_other_edges(straight, tmp_path, monkeypatch):
    make, calls = solver_files.solver_model, []

    def closed_at_first(*arguments, **settings):
        model = make(*arguments, **settings)
        calls.append(model)
        if len(calls) == 1:
            model.closed.append("inlet_RCA")
        return model

    monkeypatch.setattr(solver_files, "solver_model", closed_at_first)
    report = exported(straight, tmp_path)
    assert len(calls) == 2 and report["solver_settings"]["remeshed_to_mm"] == 0.5
    assert any("inlet_RCA would stay closed" in warning for warning in report["warnings"])
