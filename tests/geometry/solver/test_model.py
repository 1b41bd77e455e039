import numpy as np
import pytest
import pyvista as pv
import trimesh
from shapes import scan, tube
from vessels import centerline_tree, extract_surface

from bundle.geometry.centerline.build import vessel_tree
from bundle.geometry.core.mesh import areas_mm2, check_mesh, triangles, volume_mm3
from bundle.geometry.core.tree import Tree, make_branch
from bundle.geometry.core.vessels import find_vessels
from bundle.geometry.io.meshes import write_vtp
from bundle.geometry.solver.crossing import crossing_faces
from bundle.geometry.solver.model import patch_table, solver_model, write_solver_stl
from bundle.geometry.surface.smoothing import smooth_surface

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
    assert areas_mm2(model.mesh).min() > 0
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
    write_vtp(model.mesh, tmp_path / "a.vtp")
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


def named(tree):
    """The tree with a branch for each of its segments."""
    tree.branches = [make_branch(tree, [i], f"v{i}", 1.0, s.parent) for i, s in enumerate(tree.segments)]
    return tree


def crossings(mesh):
    faces = triangles(mesh)
    return crossing_faces(np.asarray(mesh.points, float), faces, np.arange(len(faces)))


@pytest.fixture(scope="module")
def facing():
    """Two vessels of 1.4 mm whose ends face each other over 8 mm."""
    one, other = np.array([[-18.0, 0.2, 0], [-4, 0, 0]]), np.array([[4.0, 0.1, 0.1], [18, 0.4, 0]])
    mask, affine, _ = scan(
        (104, 24, 24), np.diag([0.4, 0.4, 0.4]), lambda p: np.maximum(tube(p, one, 1.4), tube(p, other, 1.4))
    )
    wall, _ = smooth_surface(extract_surface(mask, affine))
    return wall, named(vessel_tree(find_vessels(mask, affine), wall, max_gap_mm=0.0))


def test_extensions_of_ends_that_face_each_other_do_not_meet(facing):
    wall, tree = facing
    assert len(tree.branches) == 2
    model = solver_model(wall, tree, extension_diameters=5.0)
    assert len(model.patches) == 5
    assert model.warnings and all("would meet another vessel" in w for w in model.warnings)
    assert check_mesh(model.mesh)["parts"] == 2 and check_mesh(model.mesh)["watertight"]
    assert len(crossings(model.mesh)) == 0
    inner = [p.center[0] for p in model.patches[1:] if abs(p.center[0]) < 10]
    outer = [abs(p.center[0]) for p in model.patches[1:] if abs(p.center[0]) > 10]
    assert len(inner) == 2 and max(inner) - min(inner) > 0.5
    assert min(outer) > 28  # what has room keeps its five diameters


def test_a_tube_pushed_through_another_is_seen():
    first, second = pv.Cylinder(radius=1, height=8), pv.Cylinder(radius=1, height=8, direction=(0, 1, 0))
    both = pv.merge([first.triangulate().clean(), second.triangulate().clean()])
    faces = triangles(both.extract_surface(algorithm=None).triangulate())
    assert len(crossing_faces(np.asarray(both.points, float), faces, np.arange(len(faces)))) > 10
    apart = np.asarray(both.points, float)
    apart[first.triangulate().clean().n_points :] += [0, 0, 2.5]
    assert len(crossing_faces(apart, faces, np.arange(len(faces)))) == 0


def test_an_inlet_lies_where_a_ragged_stump_has_become_a_vessel():
    """Where the aorta was taken off, a vessel begins as a sliver of its wall."""
    path = np.array([[-13.0, 0.1, 0.2], [13, 0, 0]])

    def solid(points):
        sliver = (points[:, 0] < -9.5) & (points[:, 1] < 0.8)
        return np.where(sliver, -1.0, tube(points, path, np.array([2.4, 0.8])))

    mask, affine, _ = scan((80, 24, 24), np.diag([0.4, 0.4, 0.4]), solid)
    wall, _ = smooth_surface(extract_surface(mask, affine))
    tree = named(centerline_tree(mask, affine))
    tree.branches[0].name = "LM"
    assert tree.branches[0].points[0, 0] < -11.0
    inlet = next(p for p in solver_model(wall, tree).patches if p.kind == "inlet")
    assert inlet.center[0] > -10.5 and inlet.area_mm2 == pytest.approx(np.pi * 2.2**2, rel=0.2)
