import subprocess
import sys

import numpy as np
import pytest
import pyvista as pv
from shapes import scan, tube
from vessels import centerline_tree, extract_surface

from bundle.geometry.core.mesh import check_mesh, triangles, volume_mm3
from bundle.geometry.core.tree import make_branch
from bundle.geometry.solver import tetrahedra as made_by
from bundle.geometry.solver.model import solver_model
from bundle.geometry.solver.tetrahedra import (
    NoVolumeMesh,
    quality_of,
    volume_mesh,
    why_no_mesher,
    write_volume_mesh,
)
from bundle.geometry.surface.smoothing import smooth_surface

ISO = np.diag([0.4, 0.4, 0.4])
TRUNK = np.array([[-7.0, 0.5, 0.2], [0, 0, 0], [7, 1, 0]])
SIDE = np.array([[0.0, 0, 0], [3, 6, 1]])
can_mesh = pytest.mark.skipif(why_no_mesher() is not None, reason=str(why_no_mesher()))


def model_of(solid, shape=(48, 24, 18)):
    mask, affine, _ = scan(shape, ISO, solid)
    wall, _ = smooth_surface(extract_surface(mask, affine))
    tree = centerline_tree(mask, affine)
    tree.branches = [make_branch(tree, [i], f"v{i}", 1.0, s.parent) for i, s in enumerate(tree.segments)]
    return solver_model(wall, tree)


@pytest.fixture(scope="module")
def straight():
    return model_of(lambda p: tube(p, TRUNK, 1.6))


def bifurcation():
    return model_of(lambda p: np.maximum(tube(p, TRUNK, 1.6), tube(p, SIDE, 1.1)), (48, 44, 18))


def two_vessels():
    up = np.array([0, 3.5, 0])
    return model_of(lambda p: np.maximum(tube(p, TRUNK + up, 1.4), tube(p, TRUNK - up, 1.2)), (48, 36, 18))


def test_the_worker_finds_the_bundle_from_any_folder(tmp_path, monkeypatch):
    """Without its installation too: -S leaves out what pip has put there."""
    children = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(made_by.subprocess, "run", lambda *words, **how: children.append(how) or done)
    made_by._run_worker([], 1.0)
    monkeypatch.undo()
    code = "import importlib.util as u; assert u.find_spec('bundle').origin and not u.find_spec('metrics')"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, env=children[0]["env"], check=True)


@can_mesh
@pytest.mark.parametrize(
    ("make", "ends", "parts"),
    [(lambda: model_of(lambda p: tube(p, TRUNK, 1.6)), 2, 1), (bifurcation, 3, 1), (two_vessels, 4, 2)],
    ids=["tube", "bifurcation", "two vessels"],
)
def test_the_lumen_is_filled_and_its_ends_are_named(make, ends, parts, tmp_path):
    model = make()
    assert check_mesh(model.mesh)["parts"] == parts
    mesh = volume_mesh(model)
    assert mesh.quality["tetrahedra"] > 1000
    assert mesh.quality["volume_mm3"] == pytest.approx(volume_mm3(model.mesh), rel=1e-4)
    assert mesh.quality["scaled_jacobian_min"] > 0.01 and mesh.quality["poor_percent"] < 0.2
    names = write_volume_mesh(mesh, tmp_path / "a")
    assert sorted(names) == sorted(p.name for p in tmp_path.iterdir())
    grid, surface = pv.read(tmp_path / "a.vtu"), pv.read(tmp_path / "a_surface.vtp")
    assert set(grid.celltypes) == {pv.CellType.TETRA} and grid.volume == pytest.approx(
        model.mesh.volume, rel=1e-4
    )
    assert b"<!-- SPACE=LPS unit=mm -->" in (tmp_path / "a.vtu").read_bytes()[:300]
    np.testing.assert_allclose(
        grid.points.mean(axis=0)[:2], -np.asarray(model.mesh.points).mean(axis=0)[:2], atol=0.5
    )
    assert len(set(surface.cell_data["ModelFaceID"])) == ends + 1
    on_grid = grid.points[surface.point_data["GlobalNodeID"] - 1]
    np.testing.assert_allclose(on_grid, surface.points, atol=1e-5)
    corners = grid.cells_dict[pv.CellType.TETRA][surface.cell_data["GlobalElementID"] - 1]
    rows = surface.point_data["GlobalNodeID"][triangles(surface)] - 1
    assert (rows[:, :, None] == corners[:, None]).any(axis=2).all()  # each triangle is a side of its element
    groups = [line.split()[2] for line in (tmp_path / "a.msh").read_text().splitlines()[5 : 7 + ends]]
    assert groups == [f'"{name}"' for name in [*mesh.names, "lumen"]]


@can_mesh
@pytest.mark.parametrize(("unit", "size"), [("mm", 1.0), ("m", 1e-3)])
def test_other_programs_read_what_is_written(straight, tmp_path, unit, size):
    meshio, gmsh = pytest.importorskip("meshio"), pytest.importorskip("gmsh")
    mesh = volume_mesh(straight, unit=unit)
    write_volume_mesh(mesh, tmp_path / "a", unit)
    low, high = (size * f(np.asarray(mesh.grid.points), axis=0) for f in (np.min, np.max))
    for file in ("a.vtu", "a.msh"):
        read = meshio.read(tmp_path / file)
        assert len(read.get_cells_type("tetra")) == mesh.quality["tetrahedra"]
        np.testing.assert_allclose([read.points.min(axis=0), read.points.max(axis=0)], [low, high], rtol=1e-5)
    gmsh.initialize(["gmsh", "-nopopup"])
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.open(str(tmp_path / "a.msh"))
        names = [gmsh.model.getPhysicalName(*group) for group in gmsh.model.getPhysicalGroups()]
        assert names == [*mesh.names, "lumen"]
        points = gmsh.model.mesh.getNodes()[1].reshape(-1, 3)
    finally:
        gmsh.finalize()
    np.testing.assert_allclose(points.max(axis=0), high, rtol=1e-5)


@can_mesh
def test_the_same_model_gives_the_same_mesh(straight):
    first, second = volume_mesh(straight), volume_mesh(straight)
    np.testing.assert_array_equal(first.grid.points, second.grid.points)
    assert first.msh == second.msh


def test_a_regular_element_has_quality_one_and_a_flat_one_none():
    corners = np.array([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1], [0, 0.001, 1]])
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: np.array([[0, 1, 2, 3]])}, corners)
    report = quality_of(grid, 8 / 3)
    assert report["scaled_jacobian_min"] == pytest.approx(1.0) and report["poor_percent"] == 0
    assert report["volume_difference_percent"] == pytest.approx(0, abs=1e-6)
    flat = pv.UnstructuredGrid({pv.CellType.TETRA: np.array([[0, 1, 2, 3], [0, 4, 1, 2]])}, corners)
    assert quality_of(flat, 8 / 3)["poor_percent"] == 50


def as_if(monkeypatch, code):
    """A worker that runs `code` in place of gmsh."""
    run = subprocess.run
    monkeypatch.setattr(made_by, "why_no_mesher", lambda: None)
    monkeypatch.setattr(
        made_by.subprocess, "run", lambda command, **options: run([sys.executable, "-c", code], **options)
    )


LIBRARY = (
    "import sys; sys.exit('OSError: libGLU.so.1: cannot open shared object file: No such file or directory')"
)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "crashed"),
        ("import time; time.sleep(60)", "stopped after 1 s"),
        (LIBRARY, "libGLU.so.1.*libglu1-mesa"),
        ("import sys; sys.exit('Exception: Invalid boundary mesh')", "Invalid boundary mesh"),
    ],
)
def test_a_mesher_that_dies_hangs_or_fails_gives_a_sentence(straight, monkeypatch, code, words):
    as_if(monkeypatch, code)
    with pytest.raises(NoVolumeMesh, match=words):
        volume_mesh(straight, time_limit_s=1.0 if "sleep" in code else 30.0)


def test_without_gmsh_the_extra_is_named(straight, monkeypatch):
    monkeypatch.setattr(made_by.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoVolumeMesh, match=r"pip install gmsh"):
        volume_mesh(straight)


@can_mesh
def test_a_surface_that_cuts_through_itself_gives_a_sentence(straight):
    points = np.asarray(straight.mesh.points).copy()
    points[np.argmax(points[:, 1])] -= [0, 9.0, 0]  # a spike through the wall on the other side
    straight = type(straight)(straight.mesh.copy(), straight.patches, [])
    straight.mesh.points = points
    with pytest.raises(NoVolumeMesh, match="gmsh"):
        volume_mesh(straight, time_limit_s=60.0)
