import manifold3d
import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree
from shapes import ball, rotation, scan, torus, tube
from vessels import extract_surface

from bundle.geometry.core.mesh import check_mesh, triangles, volume_mm3
from bundle.geometry.core.vessels import find_vessels
from bundle.geometry.surface.extract import level_set, vessel_surface
from bundle.geometry.surface.smoothing import smooth_surface

ISO = np.diag([0.4, 0.4, 0.4])
# Rotated, mirrored and anisotropic scans of the same object.
SCANS = {
    "axial": np.diag([0.4, 0.4, 0.5]),
    "flipped": np.diag([-0.4, 0.4, 0.5]),
    "permuted": np.array([[0, 0, 0.5], [0.4, 0, 0], [0, -0.4, 0]]),
    "oblique": rotation((15, -25, 40)) @ np.diag([0.35, 0.45, 0.5]),
    "oblique and mirrored": rotation((-30, 10, 60)) @ np.diag([0.4, 0.4, -0.6]),
}


def independent_volume_mm3(mesh):
    """Volume by trimesh, after it and manifold3d have agreed that the mesh is a closed, outward solid."""
    other = trimesh.Trimesh(np.asarray(mesh.points), triangles(mesh), process=False)
    assert other.is_watertight and other.is_winding_consistent
    solid = manifold3d.Manifold(
        manifold3d.Mesh(np.asarray(mesh.points, np.float32), triangles(mesh).astype(np.uint32))
    )
    assert solid.status() == manifold3d.Error.NoError
    assert solid.volume() == pytest.approx(other.volume, rel=1e-3)
    return other.volume


@pytest.mark.parametrize("axes", SCANS.values(), ids=SCANS)
def test_a_ball_has_its_volume_and_place_on_any_grid(axes):
    centre = (1.3, -0.7, 0.4)
    mask, affine, _ = scan((44, 44, 40), axes, lambda p: ball(p, centre, 6.0))
    mesh, _ = smooth_surface(extract_surface(mask, affine))
    assert independent_volume_mm3(mesh) == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.01)
    reach = np.linalg.norm(np.asarray(mesh.points) - centre, axis=1)
    assert reach.mean() == pytest.approx(6.0, abs=0.02)
    assert np.abs(reach - 6.0).mean() < 0.05


def test_the_probability_places_the_wall_within_a_fiftieth_of_a_voxel():
    mask, affine, probability = scan((44, 44, 32), ISO, lambda p: torus(p, 6.0, 1.5), edge_mm=0.3)
    mesh = extract_surface(mask, affine, probability, level=0.5)
    assert np.abs(torus(np.asarray(mesh.points), 6.0, 1.5)).mean() < 0.008
    assert independent_volume_mm3(mesh) == pytest.approx(2 * np.pi**2 * 6.0 * 1.5**2, rel=0.015)


def test_a_thin_tube_keeps_its_volume_through_mask_and_smoothing():
    mask, affine, _ = scan((46, 46, 32), ISO, lambda p: torus(p, 7.0, 0.8))
    mesh, report = smooth_surface(extract_surface(mask, affine))
    assert independent_volume_mm3(mesh) == pytest.approx(2 * np.pi**2 * 7.0 * 0.8**2, rel=0.015)
    assert abs(report["volume_change_percent"]) < 0.1


def test_a_vessel_cut_by_the_scan_border_is_closed_there():
    path = np.array([[-40.0, -1.0, 0.0], [40.0, 2.0, 0.0]])
    mask, affine, probability = scan((40, 24, 24), ISO, lambda p: tube(p, path, 2.0), edge_mm=0.3)
    assert mask[0].any() and mask[-1].any()
    for values in (None, probability):
        mesh = extract_surface(mask, affine, values)
        assert check_mesh(mesh)["watertight"]
        assert independent_volume_mm3(mesh) == pytest.approx(np.pi * 4 * 40 * 0.4, rel=0.03)


def test_a_block_that_fills_the_scan_is_a_box():
    mesh = extract_surface(np.ones((10, 12, 9), np.uint8), np.diag([0.5, 0.5, 1.0, 1.0]))
    assert independent_volume_mm3(mesh) == pytest.approx(10 * 12 * 9 * 0.25, rel=0.06)


def test_two_vessels_are_two_parts_and_a_removed_speck_stays_removed():
    up = np.array([0, 0, 2.5])
    mask, affine, probability = scan(
        (40, 40, 36), ISO, lambda p: np.maximum(torus(p + up, 5.0, 1.0), torus(p - up, 5.0, 1.0)), edge_mm=0.3
    )
    probability[2:5, 2:5, 2:5] = 0.9  # sure of something that the mask leaves out
    mesh = extract_surface(mask, affine, probability, level=0.5)
    assert check_mesh(mesh)["parts"] == 2
    independent_volume_mm3(mesh)


def test_both_parts_point_outwards():
    axes = np.diag([-0.4, 0.4, 0.4])
    mask, affine, _ = scan(
        (60, 30, 30), axes, lambda p: np.maximum(ball(p, (-5, 0, 0), 4.0), ball(p, (5, 0, 0), 4.0))
    )
    mesh = extract_surface(mask, affine)
    parts = trimesh.Trimesh(np.asarray(mesh.points), triangles(mesh)).split()
    assert len(parts) == 2 and all(part.volume > 0 for part in parts)


def test_a_cavity_is_filled():
    mask, affine, _ = scan(
        (30, 30, 30), ISO, lambda p: np.minimum(ball(p, (0, 0, 0), 5), -ball(p, (0, 0, 0), 2))
    )
    mesh = extract_surface(mask, affine)
    assert check_mesh(mesh)["parts"] == 1
    assert independent_volume_mm3(mesh) == pytest.approx(4 / 3 * np.pi * 125, rel=0.02)


@pytest.mark.parametrize("voxels", [0, 1])
def test_nothing_and_one_voxel_give_no_surface(voxels):
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[4, 4, 4] = voxels
    assert extract_surface(mask, np.diag([0.4, 0.4, 0.4, 1])).n_cells == 0


def test_forty_specks_are_dropped_beside_a_vessel():
    rng = np.random.default_rng(0)
    mask, affine, _ = scan((60, 60, 40), ISO, lambda p: torus(p, 7.0, 1.2))
    free = np.argwhere(np.abs(np.arange(40) - 19.5)[None, None] * np.ones(mask.shape) > 16)
    mask[tuple(free[rng.choice(len(free), 40, replace=False)].T)] = 1
    mesh = extract_surface(mask, affine)
    assert check_mesh(mesh)["parts"] == 1
    independent_volume_mm3(mesh)


def test_a_part_stays_unless_it_is_asked_to_go_but_a_single_voxel_is_no_vessel():
    mask, affine, _ = scan((60, 60, 40), ISO, lambda p: torus(p, 7.0, 1.2))
    mask[2:4, 2, 2] = mask[2, 56, 2] = 1  # two voxels of 0.064 mm3, and one
    assert check_mesh(extract_surface(mask, affine))["parts"] == 2
    assert check_mesh(extract_surface(mask, affine, min_part_mm3=0.2))["parts"] == 1


def test_noise_gives_a_closed_surface_whatever_the_mask():
    rng = np.random.default_rng(3)
    probability = rng.random((20, 20, 20)).astype(np.float32)
    mask = probability > 0.6
    for values in (None, probability):
        assert check_mesh(extract_surface(mask, np.eye(4), values))["watertight"]


def test_the_mask_decides_what_is_inside():
    rng = np.random.default_rng(1)
    mask, probability = rng.random((8, 8, 8)) > 0.5, rng.random((8, 8, 8))
    np.testing.assert_array_equal(level_set(mask, probability, 0.4) > 0, mask)
    np.testing.assert_array_equal(level_set(mask.T, probability.T, 0.4) > 0, mask.T)


def test_the_same_wall_from_every_grid():
    """Surfaces of one object from five scans lie within a tenth of a voxel of each other."""
    path = np.array([[-6.0, -3, -4], [0, 2, 0], [5, 0, 5]])
    clouds = []
    for axes in SCANS.values():
        mask, affine, probability = scan((52, 52, 48), axes, lambda p: tube(p, path, 1.6), edge_mm=0.3)
        clouds.append(np.asarray(extract_surface(mask, affine, probability, level=0.5).points))
    for cloud in clouds[1:]:
        assert np.abs(tube(cloud, path, 1.6)).mean() < 0.02
        assert cKDTree(clouds[0]).query(cloud)[0].mean() < 0.2


@pytest.mark.parametrize(
    ("mask", "affine", "probability", "words"),
    [
        (np.ones((4, 4)), np.eye(4), None, "three axes"),
        (np.ones((4, 4, 4)), np.zeros((4, 4)), None, "last row|singular"),
        (np.ones((4, 4, 4)), np.eye(4), np.ones((4, 4, 5)), "one grid"),
    ],
)
def test_bad_input_is_named(mask, affine, probability, words):
    with pytest.raises(ValueError, match=words):
        extract_surface(mask, affine, probability)


def test_a_filled_cavity_does_not_lower_the_threshold():
    shape = (30, 30, 30)
    affine = np.diag([0.4, 0.4, 0.4, 1.0])
    distance = np.linalg.norm(np.stack(np.indices(shape)) - 14.6, axis=0) * 0.4
    probability = (1 / (1 + np.exp(-(3.0 - distance) / 0.2))).astype(np.float32)
    probability[14, 14, 14] = 0.2
    vessels = find_vessels(probability >= 0.5, affine, probability)
    assert vessels.level == pytest.approx(0.5, abs=0.02) and vessels.mask[vessels.mask.shape[0] // 2].any()
    volume = volume_mm3(vessel_surface(vessels))
    assert volume == pytest.approx(4 / 3 * np.pi * 27, rel=0.02)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_threshold_of_a_mask_is_found_although_a_gap_was_bridged(threshold):
    """A tube whose probability falls with the distance from its middle, and to a third over three voxels."""
    x, y, _ = np.indices((30, 30, 60))
    away = np.hypot(x - 15, y - 15)
    probability = np.clip(1 - (away - 3) / 4, 0, 1).astype(np.float32)
    whole = find_vessels(probability >= threshold, np.eye(4), probability)
    probability[:, :, 28:31] *= 0.3
    mask = probability >= threshold
    mask[:, :, 28:31] = (away <= 1)[:, :, 28:31]
    bridged = find_vessels(mask, np.eye(4), probability)
    assert bridged.level == whole.level and threshold <= whole.level <= threshold + 0.06
    # A mask from elsewhere says nothing of the probability's wall.
    noise = np.random.default_rng(0).random(mask.shape).astype(np.float32)
    assert find_vessels(mask, np.eye(4), noise).level == 0.5


def test_the_wall_lies_where_the_probability_says_unless_the_mask_says_otherwise():
    probability = np.array([0.9, 0.401, 0.45, 0.1, 0.9, 0.399, 0.1], np.float32)[None, None]
    mask = np.array([1, 1, 1, 1, 0, 0, 0], bool)[None, None]  # 0.401 and 0.399 are the level, to a byte
    expected = [0.5, 0.02, 0.05, 0.6, -0.4, -0.02, -0.3]
    np.testing.assert_allclose(level_set(mask, probability, 0.4).ravel(), expected, atol=1e-6)
