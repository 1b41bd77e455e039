"""Layers on the wall: thickness, growth, volume, no element inside out, ends flat and named."""

import numpy as np
import pytest
import pyvista as pv
from shapes import scan, tube
from vessels import centerline_tree, extract_surface

from bundle.geometry.core import check_mesh, make_branch, make_mesh, triangles, volume_mm3
from bundle.geometry.solver import tetrahedra as made_by
from bundle.geometry.solver.ends import WALL
from bundle.geometry.solver.layers import GROWTH, SHARE, NoLayers, grow_layers
from bundle.geometry.solver.model import solver_model
from bundle.geometry.solver.simvascular import write_mesh_complete
from bundle.geometry.solver.tetrahedra import NoVolumeMesh, volume_mesh, why_no_mesher
from bundle.geometry.surface.smoothing import smooth_surface

RADIUS, LENGTH, COUNT = 1.5, 12.0, 3
can_mesh = pytest.mark.skipif(why_no_mesher() is not None, reason=str(why_no_mesher()))


def cylinder(radius=RADIUS):
    """Points, faces and labels of a tube along x with flat ends 1 and 2: rings of 36 points 0.25 mm apart."""
    ring, rings, levels = 36, 6, 49
    angle = 2 * np.pi * np.arange(ring) / ring
    wheel = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = [np.column_stack([np.full(ring, x), radius * wheel]) for x in np.linspace(0, LENGTH, levels)]
    faces, labels = [], []

    def band(low, high):
        a, b = np.roll(low, -1), np.roll(high, -1)
        return np.concatenate([np.stack([low, a, high], axis=1), np.stack([a, b, high], axis=1)])

    for n in range(levels - 1):
        faces.append(band(n * ring + np.arange(ring), (n + 1) * ring + np.arange(ring)))
        labels.append(np.full(2 * ring, WALL))
    for label, (x, outer) in enumerate(
        ((0.0, np.arange(ring)), (LENGTH, (levels - 1) * ring + np.arange(ring)))
    ):
        own, count = [], sum(map(len, points))
        for n in range(1, rings):
            points.append(np.column_stack([np.full(ring, x), radius * (1 - n / rings) * wheel]))
            inner = count + np.arange(ring)
            own.append(band(outer, inner))
            outer, count = inner, count + ring
        points.append(np.array([[x, 0.0, 0.0]]))
        own.append(np.stack([outer, np.roll(outer, -1), np.full(ring, count)], axis=1))
        own = np.concatenate(own)
        faces.append(own[:, ::-1] if label == 0 else own)
        labels.append(np.full(len(own), label + 1))
    return np.concatenate(points), np.concatenate(faces), np.concatenate(labels)


def volumes(points, tetrahedra):
    a, b, c, d = (points[tetrahedra[:, i]] for i in range(4))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6


@pytest.fixture(scope="module")
def tube_with_layers():
    points, faces, patch = cylinder()
    assert check_mesh(make_mesh(points, faces))["watertight"]
    return points, faces, patch, grow_layers(points, faces, patch, COUNT)


def test_thickness_is_a_share_of_the_radius_and_grows(tube_with_layers):
    points, *_, layers = tube_with_layers
    assert layers.thickness_mm == pytest.approx(SHARE * RADIUS, rel=0.05) and not layers.thinned.any()
    first = SHARE * RADIUS * (GROWTH - 1) / (GROWTH**COUNT - 1)
    new = layers.points[len(points) :].reshape(COUNT, -1, 3)  # from the wall inwards
    depth = [RADIUS - np.linalg.norm(level[:, 1:], axis=1) for level in new]
    for level, wanted in enumerate((0.0, first, first * (1 + GROWTH))):
        assert depth[level] == pytest.approx(wanted, abs=0.05 * SHARE * RADIUS)


def test_the_layers_hold_the_volume_between_wall_and_inside(tube_with_layers):
    points, faces, _, layers = tube_with_layers
    own = volumes(layers.points, layers.tetrahedra)
    assert own.min() > 0 and set(layers.layer) == {1, 2, 3}
    inside = volume_mm3(make_mesh(layers.points[: len(points)], faces))
    assert own.sum() + inside == pytest.approx(volume_mm3(make_mesh(points, faces)), rel=1e-9)
    assert inside == pytest.approx(np.pi * (RADIUS * (1 - SHARE)) ** 2 * LENGTH, rel=0.03)


def test_the_ends_stay_flat_closed_and_whole(tube_with_layers):
    _, _, patch, layers = tube_with_layers
    outer = make_mesh(layers.points, layers.faces)
    assert check_mesh(outer)["watertight"] and set(layers.patch) == set(patch)
    for label, x in ((1, 0.0), (2, LENGTH)):
        own = layers.faces[layers.patch == label]
        np.testing.assert_allclose(layers.points[own][..., 0], x, atol=1e-9)
        assert make_mesh(layers.points, own).area == pytest.approx(np.pi * RADIUS**2, rel=0.01)


def test_no_layer_is_thicker_than_the_edges_of_the_wall_are_long():
    points, faces, patch = cylinder(radius=6.0)
    edges = make_mesh(points, faces[patch == WALL]).extract_all_edges().compute_cell_sizes()["Length"]
    layers = grow_layers(points, faces, patch, 1)
    assert layers.thickness_mm.max() < 1.1 * edges.mean() < SHARE * 6.0


def test_a_dent_that_the_layers_would_cross_makes_them_thinner():
    """Two walls nearly touch where the tube is pressed flat: the radius there is not the tube's."""
    points, faces, patch = cylinder()
    points = points.copy()
    pressed = 1 - 0.9 * np.exp(-(((points[:, 0] - LENGTH / 2) / 1.0) ** 2))
    points[:, 2] *= pressed
    layers = grow_layers(points, faces, patch, COUNT)
    wall = np.unique(faces[patch == WALL])
    at = np.abs(points[wall, 0] - LENGTH / 2) < 0.2
    flat = at & (np.abs(points[wall, 1]) < 0.3)
    assert layers.thickness_mm[flat].max() < 0.12 < 0.3 < layers.thickness_mm[points[wall, 0] < 2].min()
    assert volumes(layers.points, layers.tetrahedra).min() > 0


def test_a_wall_on_which_nothing_fits_gives_a_sentence():
    points, faces, patch = cylinder()
    crumpled = points + np.random.default_rng(0).normal(0, 0.25, points.shape)
    with pytest.raises(NoLayers, match="too thin or too rough"):
        grow_layers(crumpled, faces, patch, COUNT)


@pytest.fixture(scope="module")
def bifurcation():
    trunk = np.array([[-7.0, 0.5, 0.2], [0, 0, 0], [7, 1, 0]])
    side = np.array([[0.0, 0, 0], [3, 6, 1]])
    mask, affine, _ = scan(
        (48, 44, 18), np.diag([0.4] * 3), lambda p: np.maximum(tube(p, trunk, 1.6), tube(p, side, 0.9))
    )
    tree = centerline_tree(mask, affine)
    tree.branches = [make_branch(tree, [i], f"v{i}", 1.0, s.parent) for i, s in enumerate(tree.segments)]
    return solver_model(smooth_surface(extract_surface(mask, affine))[0], tree, extension_diameters=1)


@can_mesh
def test_a_bifurcation_with_layers_is_filled_and_named(bifurcation, tmp_path):
    mesh = volume_mesh(bifurcation, boundary_layers=COUNT)
    value = mesh.grid.cell_quality("scaled_jacobian").cell_data["scaled_jacobian"]
    assert value.min() > 0 and set(mesh.grid.celltypes) == {pv.CellType.TETRA}
    assert mesh.quality["volume_mm3"] == pytest.approx(volume_mm3(bifurcation.mesh), rel=1e-6)
    assert set(mesh.grid.cell_data["BoundaryLayer"]) == {0, 1, 2, 3}
    assert mesh.layers["layers"] == COUNT and mesh.layers["bare_percent"] < 0.1
    assert check_mesh(mesh.surface)["watertight"]
    face = np.asarray(mesh.surface.cell_data["ModelFaceID"])
    for patch in bifurcation.patches:
        own = triangles(mesh.surface)[face == patch.label]
        assert make_mesh(mesh.surface.points, own).area == pytest.approx(patch.area_mm2, rel=1e-5)
    touching = mesh.grid.cell_data["BoundaryLayer"][mesh.surface.cell_data["GlobalElementID"] - 1][
        face == WALL
    ]
    assert (touching == 1).all()  # the wall's elements are of the first layer
    files = write_mesh_complete(mesh, tmp_path)
    assert {"inlet_v0.vtp", "wall.vtp"} <= {file.name for file in files}


@can_mesh
def test_the_msh_has_the_layers_and_the_groups(bifurcation, tmp_path):
    meshio = pytest.importorskip("meshio")
    mesh = volume_mesh(bifurcation, boundary_layers=2)
    (tmp_path / "a.msh").write_bytes(mesh.msh)
    read = meshio.read(tmp_path / "a.msh")
    assert len(read.get_cells_type("tetra")) == mesh.quality["tetrahedra"]
    assert len(read.get_cells_type("triangle")) == mesh.surface.n_cells
    assert set(read.field_data) == {*mesh.names, "lumen"}


def test_thinner_layers_are_tried_before_a_sentence(bifurcation, monkeypatch):
    tried = []

    def fails(points, faces, patch, count, share):
        tried.append(share)
        raise NoLayers("they do not fit")

    monkeypatch.setattr(made_by, "why_no_mesher", lambda: None)
    monkeypatch.setattr(made_by, "grow_layers", fails)
    with pytest.raises(
        NoVolumeMesh, match="3 layers on the wall cannot be made, even thin ones: they do not fit"
    ):
        volume_mesh(bifurcation, boundary_layers=3)
    assert tried == [SHARE, SHARE / 2, SHARE / 4]
