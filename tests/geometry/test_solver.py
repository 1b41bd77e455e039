import numpy as np
import pytest
import pyvista as pv
import trimesh
from shapes import scan, tube

from bundle.geometry.centerline import centerline_tree
from bundle.geometry.mesh import areas_mm2, check_mesh, triangles, volume_mm3
from bundle.geometry.smoothing import smooth_surface
from bundle.geometry.solver import patch_table, solver_model, write_solver_stl, write_solver_vtp
from bundle.geometry.surface import extract_surface
from bundle.geometry.tree import Tree, make_branch

RADIUS = 1.5


@pytest.fixture(scope="module")
def y_vessel():
    trunk = np.array([[-10.0, 0.5, 0.2], [0, 0, 0], [10, 1, 0]])
    side = np.array([[0.0, 0, 0], [5, 8, 2]])
    mask, affine, _ = scan(
        (64, 44, 30),
        np.diag([0.4, 0.4, 0.4]),
        lambda p: np.maximum(tube(p, trunk, np.linspace(1.8, RADIUS, 3)), tube(p, side, 1.0)),
    )
    wall, _ = smooth_surface(extract_surface(mask, affine))
    tree = centerline_tree(mask, affine)
    tree.branches = [
        make_branch(tree, [i], n, 1.0, p) for i, n, p in ((0, "LM", -1), (1, "LAD", 0), (2, "LCx", 0))
    ]
    return wall, tree


@pytest.mark.parametrize("diameters", [0.0, 3.0])
def test_ends_are_flat_square_named_and_the_model_is_closed(y_vessel, diameters):
    wall, tree = y_vessel
    model = solver_model(wall, tree, diameters)
    assert model.warnings == []
    assert [p.name for p in model.patches] == ["wall", "inlet_LM", "outlet_LAD", "outlet_LCx"]
    report = check_mesh(model.mesh)
    assert report["watertight"] and report["parts"] == 1
    other = trimesh.Trimesh(np.asarray(model.mesh.points), triangles(model.mesh), process=False)
    assert other.is_watertight and other.is_winding_consistent
    for patch in model.patches[1:]:
        own = triangles(model.mesh)[model.mesh.cell_data["ModelFaceID"] == patch.label]
        points = np.asarray(model.mesh.points)[np.unique(own)]
        assert np.abs((points - patch.center) @ patch.normal).max() < 1e-6
        corner = np.asarray(model.mesh.points)[own]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).sum(axis=0)
        assert normal @ patch.normal / np.linalg.norm(normal) > 0.999
        assert areas_mm2(np.asarray(model.mesh.points), own).min() > 0
    inlet = model.patches[1]
    assert inlet.area_mm2 == pytest.approx(np.pi * 1.8**2, rel=0.1)
    assert inlet.normal[0] < -0.95


def test_extensions_have_their_length(y_vessel):
    wall, tree = y_vessel
    short, long = (solver_model(wall, tree, d) for d in (0.0, 5.0))
    for a, b in zip(short.patches[1:], long.patches[1:]):
        diameter = 2 * np.sqrt(a.area_mm2 / np.pi)
        assert np.linalg.norm(b.center - a.center) == pytest.approx(5 * diameter, rel=0.1)
    assert volume_mm3(long.mesh) > volume_mm3(short.mesh) > 0.75 * volume_mm3(wall)


def test_files_name_their_patches(y_vessel, tmp_path):
    model = solver_model(*y_vessel)
    write_solver_vtp(model, tmp_path / "a.vtp")
    write_solver_stl(model, tmp_path / "a.stl")
    assert set(pv.read(tmp_path / "a.vtp").cell_data["ModelFaceID"]) == {0, 1, 2, 3}
    text = (tmp_path / "a.stl").read_text()
    assert [line[6:] for line in text.splitlines() if line.startswith("solid ")] == [
        p.name for p in model.patches
    ]
    rows = patch_table(model)
    assert rows[1]["center_lps_mm"][0] == pytest.approx(-model.patches[1].center[0], abs=1e-3)


def test_thin_tips_stay_closed(y_vessel):
    model = solver_model(*y_vessel, min_outlet_radius_mm=1.2)
    assert [p.name for p in model.patches] == ["wall", "inlet_LM", "outlet_LAD"]
    assert check_mesh(model.mesh)["watertight"]


def test_an_open_wall_or_no_tree_is_refused(y_vessel):
    wall, tree = y_vessel
    with pytest.raises(ValueError, match="open"):
        solver_model(pv.Plane().triangulate(), tree)
    with pytest.raises(ValueError, match="branches"):
        solver_model(wall, Tree())
