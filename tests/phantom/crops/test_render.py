"""Crops drawn in PyTorch against the NumPy renderer, and against volumes known on paper."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from bundle.phantom.anatomy import draw_chest
from bundle.phantom.core import Grid, draw_contrast
from bundle.phantom.crops import draw_patient, draw_plan, make_plan, render, stack_plans
from bundle.phantom.crops.patient import GROUPS, Patient
from bundle.phantom.crops.scan import resampling, scan_of
from bundle.phantom.crops.segments import segments_near, widened
from bundle.phantom.crops.tissue import KINDS, ORGANS, SLOT, node_hu, physical
from bundle.phantom.scanner import acquire, draw_protocol, paint_organs, paint_vessels
from bundle.phantom.vessels import add_disease, draw_coronaries

SEED = 5_000_001
SHAPE = (64, 56, 48)


@pytest.fixture(scope="module")
def patient():
    return draw_patient(SEED, variants=False, extra_veins=False)


def quiet(**changes):
    """A protocol without noise, motion or slab steps."""
    protocol = draw_protocol(np.random.default_rng(0))
    still = {"noise_hu": 0.0, "motion_mm": 0.0, "slab_steps": [], "psf_fwhm_mm": 0.9, "psf_z_fwhm_mm": 0.9}
    return replace(protocol, **(still | changes))


def sharp_scan(grid):
    """No blur and no noise."""
    return scan_of(quiet(psf_fwhm_mm=0.01, psf_z_fwhm_mm=0.01), grid, grid.origin, grid.far_corner)


@pytest.fixture(scope="module")
def numpy_patient():
    """The parts of the same patient as the renderer of whole phantoms takes them."""
    stream, machine = (np.random.default_rng([SEED, k]) for k in range(2))
    protocol = draw_protocol(machine)
    contrast = draw_contrast(stream)
    chest = draw_chest(stream, protocol.extent(), contrast)
    tree = draw_coronaries(stream, chest)
    deposits = add_disease(stream, tree, contrast)
    for organ in chest.organs:
        organ.texture = 0.0
    return chest, tree, deposits, contrast


@pytest.mark.parametrize("place", ["left ostium", "right ostium", "middle of the heart"])
def test_a_crop_equals_the_numpy_renderer_on_the_same_draw(patient, numpy_patient, place):
    chest, tree, deposits, contrast = numpy_patient
    spacing = np.array([0.5, 0.48, 0.55])
    centre = {"left ostium": patient.ostia[0], "right ostium": patient.ostia[1]}.get(
        place, patient.heart.mean(0)
    )
    grid = Grid(centre - spacing * (np.array(SHAPE) - 1) / 2, spacing, SHAPE)
    protocol = quiet()

    nothing = np.zeros(chest.grid.zyx, np.float32)
    image = paint_organs(np.random.default_rng(0), chest, grid, nothing)
    share = paint_vessels(np.random.default_rng([SEED, 2]), image, chest, grid, contrast, tree, deposits)
    before = image.copy()
    acquire(np.random.default_rng(0), image, grid, protocol)

    hu = np.array([organ.hu for organ in chest.organs])
    values = node_hu(contrast, patient.node_kind, patient.nodes[:, 4])

    def crop(scan):
        plan = make_plan(patient, grid, hu, np.zeros_like(hu), values, scan=scan)
        return render(stack_plans([plan]))

    drawn = crop(sharp_scan(grid))
    np.testing.assert_allclose(drawn.share[0, 0].numpy().T, share, atol=0.04)
    assert drawn.share.sum() == pytest.approx(share.sum(), rel=0.01)
    error = np.abs(drawn.image[0, 0].numpy().T - before)
    assert error.mean() < 2.0 and np.quantile(error, 0.999) < 40
    blurred = crop(scan_of(protocol, grid, patient.low, patient.high))
    inside = (slice(8, -8),) * 3  # the NumPy scanner's blur comes round from the other side
    error = np.abs(blurred.image[0, 0].numpy().T - image)[inside]
    assert error.mean() < 2.0 and np.quantile(error, 0.999) < 25


def a_tube(points, radius, group="lumen"):
    """A patient that is nothing but one tube, far from any organ."""
    points = np.asarray(points, np.float32)
    nodes = np.column_stack([points, np.full(len(points), radius), np.zeros(len(points))])
    empty = np.full((1, 24, 24, 24), 127, np.int8)
    kind = KINDS.index("coronary" if group == "lumen" else "vein")
    return Patient(
        seed=0,
        organs=np.array([SLOT["aorta"]], np.uint8),
        distance=empty,
        origin=np.full(3, -10.0),
        step=2.5,
        low=np.zeros(3),
        high=np.full(3, 30.0),
        heart=np.array([[0.0] * 3, [30.0] * 3]),
        svc=np.zeros(3),
        ostia=np.zeros((2, 3)),
        nodes=nodes.astype(np.float32),
        tube_start=np.array([0, len(points)], np.int32),
        tube_group=np.array([GROUPS.index(group)], np.uint8),
        node_kind=np.full(len(points), kind, np.uint8),
    )


def drawn(patient, grid, value=400.0):
    zero = np.zeros(1)
    plan = make_plan(patient, grid, zero, zero, np.full(len(patient.nodes), value), scan=sharp_scan(grid))
    return render(stack_plans([plan]))


NARROWER = [(1, 0.7, 0.7), (0.5, 0.62, 0.4), (0.3, 0.62, 0.3)]


@pytest.mark.parametrize(("radius", "factor", "drawn_radius"), NARROWER)
def test_a_narrower_vessel_stays_visible(radius, factor, drawn_radius):
    grid = Grid(np.zeros(3), np.full(3, 0.5), (32, 32, 32))
    nodes = a_tube(np.linspace([2, 8, 8], [14, 8, 8], 20), radius)
    values = np.full(20, 400.0)
    segments, _ = segments_near(nodes, widened(nodes, {"coronary": factor}), grid, values)
    narrow = a_tube(nodes.nodes[:, :3], drawn_radius)
    plain, _ = segments_near(narrow, widened(narrow, {}), grid, values)
    np.testing.assert_allclose(segments[:, 3], plain[:, 3], rtol=1e-5)


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("spacing", [(0.4, 0.4, 0.4), (0.5, 0.48, 0.6)])
def test_the_share_of_lumen_of_a_slanted_tube_integrates_to_its_volume(radius, spacing):
    path = np.linspace([5.3, 4.9, 4.2], [12.1, 13.7, 15.0], 40)
    spacing = np.array(spacing)
    grid = Grid(spacing / 2, spacing, (48, 48, 48))
    length = np.linalg.norm(path[-1] - path[0])
    volume = np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3
    share = drawn(a_tube(path, radius), grid).share
    assert float(share.sum() * spacing.prod()) == pytest.approx(volume, rel=0.06)


def test_a_vein_is_painted_and_is_no_lumen():
    grid = Grid(np.zeros(3), np.full(3, 0.5), (32, 32, 32))
    crops = drawn(a_tube(np.linspace([2, 8, 8], [14, 8, 8], 20), 1.5, "vein"), grid)
    assert crops.share.sum() == 0 and crops.vein.max() == 1
    assert float(crops.image[0, 0, 16, 16, 16]) == pytest.approx(400, abs=1)
    assert int(crops.classes[0, 0, 16, 16, 16]) == 2


def a_diseased_vessel(note):
    """A vessel of 1.6 mm with a lumen of 0.8 mm; plaque in its wall where `note` is 1."""
    path = np.linspace([2.3, 8.1, 7.8], [17.1, 9.0, 8.6], 40).astype(np.float32)
    vessel, lumen = a_tube(path, 1.6, "wall"), a_tube(path, 0.8)
    vessel.nodes[:, 4] = note
    return replace(
        vessel,
        nodes=np.concatenate([vessel.nodes, lumen.nodes]),
        tube_start=np.array([0, 40, 80], np.int32),
        tube_group=np.concatenate([vessel.tube_group, lumen.tube_group]),
        node_kind=np.concatenate([vessel.node_kind, lumen.node_kind]),
    )


def test_plaque_is_what_lies_between_lumen_and_wall():
    grid = Grid(np.zeros(3), np.full(3, 0.4), (48, 48, 40))
    crops = drawn(a_diseased_vessel(1.0), grid)
    length = np.linalg.norm([14.8, 0.9, 0.8])
    volume = np.pi * (1.6**2 - 0.8**2) * length + 4 / 3 * np.pi * (1.6**3 - 0.8**3)
    assert float(crops.plaque.sum() * 0.4**3) == pytest.approx(volume, rel=0.06)
    assert float((crops.plaque + crops.share).max()) <= 1 + 1e-6
    healthy = drawn(a_diseased_vessel(0.0), grid)
    assert float(healthy.plaque.sum()) == 0
    torch.testing.assert_close(healthy.share, crops.share)


@pytest.mark.parametrize("factor", [0.62, 1.45])
def test_calcium_stays_in_the_wall_of_a_wider_or_narrower_vessel(factor):
    patient = draw_patient(2_900_013)
    calcium, lumen, wall = (patient.tube_nodes(name) for name in ("calcium", "lumen", "wall"))
    from_middle = []
    for w in (1.0, factor):
        nodes = widened(patient, {"coronary": w})
        distance, nearest = cKDTree(nodes[lumen, :3]).query(nodes[calcium, :3])
        assert calcium.sum() > 50 and (distance < nodes[lumen, 3][nearest]).mean() < 0.02
        distance, nearest = cKDTree(nodes[wall, :3]).query(nodes[calcium, :3])
        from_middle.append(distance / nodes[wall, 3][nearest])
    np.testing.assert_allclose(*from_middle, atol=0.1)


def test_crops_at_plaque_show_it():
    patient, rng = draw_patient(2_900_034), np.random.default_rng(0)
    plans = [draw_plan(rng, patient, (64, 64, 64), plaque_share=1.0) for _ in range(4)]
    shown = render(stack_plans(plans)).plaque.sum((1, 2, 3, 4))
    assert float(shown.min()) > 10


def test_centreline_voxels_follow_the_axis_x_y_z():
    grid = Grid(np.zeros(3), np.full(3, 0.5), (32, 24, 16))
    crops = drawn(a_tube([[2.0, 6, 3], [8, 6, 3], [14, 6, 3]], 1.0), grid)
    assert crops.centreline.shape == (1, 1, 32, 24, 16)
    assert crops.centreline[0, 0].nonzero().tolist() == [[4, 12, 6], [16, 12, 6], [28, 12, 6]]


def test_a_batch_holds_the_same_crops_as_one_by_one_and_a_seed_gives_the_same(patient):
    plans = [draw_plan(np.random.default_rng(k), patient, (32, 32, 32)) for k in range(4)]
    again = [draw_plan(np.random.default_rng(k), patient, (32, 32, 32)) for k in range(4)]
    together = render(stack_plans(plans))
    for k, plan in enumerate(again):
        alone = render(stack_plans([plan]))
        torch.testing.assert_close(alone.image[0], together.image[k], atol=0.05, rtol=1e-4)
        torch.testing.assert_close(alone.share[0], together.share[k], atol=1e-4, rtol=0)
        assert torch.equal(alone.centreline[0], together.centreline[k])


def test_noise_is_as_strong_as_drawn(patient):
    spacing = np.full(3, 0.5)
    grid = Grid((patient.low + patient.high) / 2 - 16, spacing, (64, 64, 64))
    flat = np.full(len(patient.organs), 50.0)
    values = np.full(len(patient.nodes), 50.0)
    scan = scan_of(quiet(noise_hu=30.0), grid, patient.low, patient.high)
    plan = make_plan(patient, grid, flat, 0 * flat, values, scan=scan)
    image = render(stack_plans([plan])).image
    tissue = image[image > -300]
    assert float(tissue.std()) == pytest.approx(33, rel=0.2)
    assert float(tissue.mean()) == pytest.approx(50, abs=3)


def test_every_organ_of_a_patient_has_a_place_in_the_table(patient):
    contrast, hu, texture = physical(np.random.default_rng(3))
    assert len(hu) == len(texture) == len(ORGANS)
    lumen = patient.node_kind == KINDS.index("coronary")
    values = node_hu(contrast, patient.node_kind, patient.nodes[:, 4])[lumen]
    assert values.max() == pytest.approx(contrast.coronary, rel=0.02)
    assert values.min() >= 0.35 * contrast.coronary - 1


def test_a_crop_of_the_wrong_size_is_refused(patient):
    grid = Grid(np.zeros(3), np.full(3, 0.5), (30, 32, 32))
    with pytest.raises(ValueError, match="multiples of 8"):
        make_plan(patient, grid, np.zeros(1), np.zeros(1), np.zeros(1), scan=None)


@given(st.integers(16, 96), st.floats(0.4, 0.6), st.floats(0.3, 2.0))
def test_coarser_voxels_keep_means_and_slopes_and_lose_detail(count, spacing, voxel):
    matrix = resampling(count, spacing, voxel)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    at = np.arange(count) * spacing
    inner = (at > voxel) & (at < at[-1] - voxel)
    np.testing.assert_allclose((matrix @ at)[inner], at[inner], atol=1e-3)
    alternating = (-1.0) ** np.arange(count)
    left = np.abs(matrix @ alternating)[inner]
    if voxel <= spacing:
        np.testing.assert_array_equal(matrix, np.eye(count))
    elif voxel > 3 * spacing:
        assert left.max(initial=0) < 0.5


def test_a_scanner_with_coarse_voxels_shows_the_same_vessel_blunter(patient):
    grid = Grid(patient.ostia[0] - 16, np.full(3, 0.5), (64, 64, 64))
    rng = np.random.default_rng(0)
    contrast, hu, texture = physical(rng)
    values = node_hu(contrast, patient.node_kind, patient.nodes[:, 4])
    plans = []
    for voxel in (None, np.array([1.5, 1.5, 1.5])):
        scan = sharp_scan(grid)
        if voxel is not None:
            scan.sampling = tuple(resampling(64, 0.5, v) for v in voxel)
        plans.append(
            make_plan(patient, grid, hu[patient.organs], 0 * texture[patient.organs], values, scan=scan)
        )
    crops = render(stack_plans(plans))
    fine, coarse = crops.image[:, 0]
    assert torch.equal(crops.share[0], crops.share[1])
    assert float((fine - coarse).abs().max()) > 100
    assert float(fine.mean()) == pytest.approx(float(coarse.mean()), abs=5)
    slope = [float(image.diff(dim=0).abs().max()) for image in (fine, coarse)]
    assert slope[1] < 0.6 * slope[0]
