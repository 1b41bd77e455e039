"""What a stored patient is, and the stream of crops that comes of many."""

import itertools
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from bundle.phantom import make_phantom
from bundle.phantom.anatomy import draw_chest, mean_frame
from bundle.phantom.core import Grid, draw_contrast, fields
from bundle.phantom.crops import (
    CropStream,
    Patient,
    draw_patient,
    grafts,
    ostia,
    render,
    stream,
    variants,
    veins,
)
from bundle.phantom.crops import patient as patients
from bundle.phantom.crops.patient import GROUPS, QUANTUM_MM
from bundle.phantom.crops.tissue import CHAMBERS, ORGANS, SLOT
from bundle.phantom.scanner import draw_protocol
from bundle.phantom.vessels import STEP, Branch, Coronaries, Epicardium, add_disease, draw_coronaries

SEED = 5_000_002


@pytest.fixture(scope="module")
def patient():
    return draw_patient(SEED)


def test_the_same_seed_gives_the_same_patient(patient):
    again = draw_patient(SEED)
    for name in Patient.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(patient, name), getattr(again, name))


def test_a_patient_survives_the_disk_in_two_megabytes(patient, tmp_path):
    patient.save(tmp_path / "1.npz")
    assert (tmp_path / "1.npz").stat().st_size < 2e6
    loaded = Patient.load(tmp_path / "1.npz")
    np.testing.assert_array_equal(loaded.distance, patient.distance)
    np.testing.assert_array_equal(loaded.nodes, patient.nodes)
    assert loaded.step == patient.step and [p.name for p in tmp_path.iterdir()] == ["1.npz"]


def test_the_tree_is_that_of_the_whole_phantom():
    patient = draw_patient(SEED, variants=False)
    phantom = make_phantom(SEED, (32, 32, 32))
    inside = patient.tube_nodes("lumen")
    radius = np.concatenate([b["radius_mm"] for b in phantom.tree["branches"]])
    assert np.isin(radius.astype(np.float32), patient.nodes[inside, 3]).all()


def test_more_veins_leave_arteries_and_organs_as_they_are(patient):
    plain = draw_patient(SEED, extra_veins=False)
    np.testing.assert_array_equal(plain.distance, patient.distance)
    for group in ("look-alike", "wall", "lumen", "calcium", "metal"):
        a, b = (p.nodes[p.tube_nodes(group)] for p in (plain, patient))
        np.testing.assert_array_equal(a, b)
    assert patient.tube_nodes("vein").sum() > plain.tube_nodes("vein").sum()


def test_veins_run_beside_arteries_and_on_to_the_base():
    near, at_the_base, all_of_them = [], [], 0
    for seed in range(SEED, SEED + 8):
        rng = np.random.default_rng(seed)
        chest = draw_chest(rng, draw_protocol(np.random.default_rng(seed)).extent(), draw_contrast(rng))
        tree = draw_coronaries(rng, chest)
        add_disease(rng, tree, draw_contrast(rng))
        arteries = cKDTree(np.vstack([branch.points for branch in tree.branches]))
        radii = np.concatenate([branch.outer for branch in tree.branches])
        heart = Epicardium(chest)
        for points, radius in veins.companion_veins(np.random.default_rng([seed, 8]), chest, tree):
            assert np.isfinite(points).all() and len(points) == len(radius)
            assert radius.min() > 0.3 and radius.max() < 2.5
            distance, which = arteries.query(points)
            near.append(STEP * np.count_nonzero(distance - radii[which] - radius < 4.0))
            at_the_base.append(abs(heart.coordinates(points[-1])[0] - veins.BASE_Z) < 12)
            all_of_them += 1
    assert all_of_them >= 8
    assert np.median(near) > 15 and min(near) > 8, "mm within 4 mm of an artery's wall"
    assert np.mean(at_the_base) > 0.6


def lumen_tubes(patient):
    """The lumen's tubes as arrays of nodes."""
    tubes = np.split(patient.nodes, patient.tube_start[1:-1])
    return [tube for tube, group in zip(tubes, patient.tube_group) if GROUPS[group] == "lumen"]


def in_chambers(patient):
    """Part of the lumen's nodes that lie in the blood of a chamber, and the greatest depth in mm."""
    points = patient.nodes[patient.tube_nodes("lumen"), :3]
    at = ((points - patient.origin) / patient.step)[:, ::-1].T
    pools = [patient.distance[k] for k, slot in enumerate(patient.organs) if ORGANS[slot] in CHAMBERS]
    depth = [-map_coordinates(pool * QUANTUM_MM, at, order=1, mode="nearest") for pool in pools]
    return np.mean(np.max(depth, axis=0) > 0), np.max(depth)


def test_no_artery_runs_through_the_blood_of_a_chamber(monkeypatch):
    seeds = (2_960_001, 2_960_011)
    for seed in seeds:
        share, deepest = in_chambers(draw_patient(seed))
        assert share < 1e-3 and deepest < 0.3
    monkeypatch.setattr(patients, "make_room", lambda chest, tree: None)
    assert all(in_chambers(draw_patient(seed))[0] > 0.01 for seed in seeds)


def test_chambers_away_from_arteries_stay_as_they_are(monkeypatch):
    made = draw_patient(SEED)
    monkeypatch.setattr(patients, "make_room", lambda chest, tree: None)
    plain = draw_patient(SEED)
    np.testing.assert_array_equal(made.nodes, plain.nodes)
    changed = np.argwhere((made.distance != plain.distance).any(0))[:, ::-1]
    apart, _ = cKDTree(made.nodes[made.tube_nodes("wall"), :3]).query(made.origin + changed * made.step)
    assert 0 < len(changed) < 0.05 * made.distance[0].size and apart.max() < 9
    assert (made.distance >= plain.distance).all()


def test_variants_have_more_branches_that_stand_on_the_tree(monkeypatch):
    monkeypatch.setattr(variants, "DOMINANT", 0.0)
    seeds = range(SEED, SEED + 6)
    pairs = [(draw_patient(s, variants=False), draw_patient(s)) for s in seeds]
    more = [len(lumen_tubes(variant)) - len(lumen_tubes(plain)) for plain, variant in pairs]
    assert max(more) > 1 and min(more) >= 0
    for _, patient in pairs:
        tubes = lumen_tubes(patient)
        for k, tube in enumerate(tubes):
            others = np.concatenate([t for j, t in enumerate(tubes) if j != k])
            first = np.linalg.norm(others[:, :3] - tube[0, :3], axis=1).min()
            ostium = np.linalg.norm(patient.ostia - tube[0, :3], axis=1).min()
            assert min(first, ostium) < 25  # on another vessel, at an ostium, or behind an occlusion


def test_an_occlusion_is_a_piece_of_wall_without_lumen(monkeypatch):
    monkeypatch.setattr(patients, "other_ostia", lambda rng, chest: None)
    monkeypatch.setattr(variants, "OCCLUDED", 1.0)
    for share in ("RICH", "DOMINANT", "LYING", "SWUNG"):
        monkeypatch.setattr(variants, share, 0.0)
    plain, closed = draw_patient(SEED, variants=False), draw_patient(SEED)
    assert len(lumen_tubes(closed)) == len(lumen_tubes(plain)) + 1
    missing = plain.tube_nodes("lumen").sum() - closed.tube_nodes("lumen").sum()
    assert 4 / 0.5 - 1 <= missing <= 20 / 0.5
    walls = [p.nodes[p.tube_nodes("wall")] for p in (plain, closed)]
    np.testing.assert_array_equal(walls[0][:, :4], walls[1][:, :4])
    assert walls[1][:, 4].sum() >= walls[0][:, 4].sum()


@given(length=st.floats(5, 80), seed=st.integers(0, 2**32))
def test_a_vessel_is_closed_away_from_both_its_ends_or_not_at_all(length, seed):
    points = np.zeros((int(length / STEP) + 1, 3))
    branch = Branch("LAD", None, points, points, np.ones(len(points)), np.ones(len(points)))
    tree = Coronaries("right", [branch], [])
    with patch.object(variants, "OCCLUDED", 1.0):
        closed = variants.occluded(np.random.default_rng(seed), tree).get("LAD")
    if closed:
        assert closed.start * STEP >= 11.5 and closed.stop * STEP <= branch.length - 9.5
        assert 3.5 <= (closed.stop - closed.start) * STEP <= 20
    else:
        assert branch.length <= 45


def test_a_left_dominant_circumflex_is_twice_as_long(monkeypatch):
    # A tube of the lumen is a whole vessel; of a right-dominant heart the longest is the right coronary.
    monkeypatch.setattr(variants, "RICH", 0.0)
    monkeypatch.setattr(variants, "OCCLUDED", 0.0)
    circumflex = []
    for chosen in ("right", "left"):
        monkeypatch.setattr(patients, "other_dominance", lambda rng, name=chosen: name)
        circumflex.append(len(lumen_tubes(draw_patient(SEED))[2]))  # after left main and LAD
    assert circumflex[1] > 1.5 * circumflex[0]


@pytest.fixture
def chest():
    return draw_chest(
        np.random.default_rng(0),
        Grid(np.zeros(3), np.ones(3), (256, 256, 192)),
        draw_contrast(np.random.default_rng(1)),
    )


@pytest.mark.parametrize("seed", range(4))
def test_moved_ostia_lie_on_the_wall_of_the_aorta(chest, seed, monkeypatch):
    monkeypatch.setattr(ostia, "APART", 1.0)
    monkeypatch.setattr(ostia, "ANOMALOUS", 0.0)
    chest.ostia, before = dict(chest.ostia), dict(chest.ostia)
    ostia.other_ostia(np.random.default_rng(seed), chest)
    assert list(chest.ostia) == ["left", "right", "circumflex"]
    for side, (point, out) in chest.ostia.items():
        steps = point + np.array([[-1.5], [1.5]]) * out
        within, outside = fields.sample(chest.aorta, chest.grid, steps)
        assert within < 0 < outside and np.linalg.norm(out) == pytest.approx(1)
        if side in before:
            assert out @ before[side][1] > np.cos(np.radians(31))
    apart = np.linalg.norm(chest.ostia["left"][0] - chest.ostia["circumflex"][0])
    assert 3 < apart < 15


def test_without_a_left_main_both_its_branches_begin_at_the_aorta(chest, monkeypatch):
    monkeypatch.setattr(ostia, "APART", 1.0)
    monkeypatch.setattr(ostia, "ANOMALOUS", 0.0)
    ostia.other_ostia(np.random.default_rng(0), chest)
    tree = draw_coronaries(np.random.default_rng(2), chest)
    first = {b.name: b for b in tree.branches if b.parent is None}
    assert list(first) == ["LAD", "LCx", "RCA"]
    for name, ostium in {"LAD": "left", "LCx": "circumflex", "RCA": "right"}.items():
        assert np.linalg.norm(first[name].points - chest.ostia[ostium][0], axis=1).min() < 1
        assert (fields.sample(chest.aorta, chest.grid, first[name].points[20:]) > 0).all()


def test_a_graft_runs_from_the_aorta_to_a_coronary_and_is_no_label(monkeypatch):
    monkeypatch.setattr(variants, "OCCLUDED", 0.0)
    plain = draw_patient(SEED)
    monkeypatch.setattr(grafts, "GRAFTED", 1.0)
    patient = draw_patient(SEED)
    np.testing.assert_array_equal(*(p.nodes[p.tube_nodes("lumen")] for p in (plain, patient)))
    tubes, more = (np.split(p.nodes, p.tube_start[1:-1]) for p in (plain, patient))
    known = {tube.tobytes() for tube in tubes}
    new = [tube for tube in more if tube.tobytes() not in known]
    assert 1 <= len(new) <= 3
    lumen = patient.nodes[patient.tube_nodes("lumen"), :3]
    at = np.rint((np.array([tube[0, :3] for tube in new]) - patient.origin) / patient.step).astype(int)
    aorta = patient.distance[list(patient.organs).index(SLOT["aorta"])]
    for tube, (x, y, z) in zip(new, at):
        assert np.linalg.norm(lumen - tube[-1, :3], axis=1).min() < 0.5
        assert aorta[z, y, x] < 0


def test_a_patient_that_cannot_be_drawn_is_named(monkeypatch):
    def fails(seed):
        raise ValueError("two points are one")

    monkeypatch.setattr(stream, "draw_patient", fails)
    with pytest.raises(RuntimeError, match="seed 7000003"):
        next(iter(CropStream(7_000_000, 1, (32, 32, 32), skip=3)))


def test_the_stream_is_endless_repeatable_and_never_the_same():
    def first(count, **changes):
        stream = CropStream(7_000_000, 2, (32, 32, 32), kept=1, crops_a_patient=2, **changes)
        return list(itertools.islice(stream, count))

    batches, again = first(2), first(2)
    seeds = torch.cat([b["seed"] for b in batches])
    assert torch.equal(seeds, torch.cat([b["seed"] for b in again]))
    assert len(set(seeds.tolist())) == 4
    assert not torch.equal(first(1, skip=5)[0]["seed"], seeds[:2])
    crops = render(batches[0])
    assert crops.image.shape == (2, 1, 32, 32, 32) and crops.image.isfinite().all()
    assert float(crops.share.min()) >= 0 and float(crops.share.max()) <= 1


def test_hearts_lie_as_those_of_patients_do(monkeypatch):
    """Of 20 patients the mean long axis points (-0.76, 0.59, -0.29): a whole phantom's is steeper."""
    monkeypatch.setattr(variants, "LYING", 1.0)
    axes = [variants.other_lie(np.random.default_rng(seed))(mean_frame()).a for seed in range(400)]
    mean = np.mean(axes, axis=0) / np.linalg.norm(np.mean(axes, axis=0))
    assert mean @ (np.array([-0.76, 0.59, -0.29]) / np.linalg.norm([-0.76, 0.59, -0.29])) > np.cos(
        np.radians(5)
    )
    monkeypatch.setattr(variants, "LYING", 0.0)
    assert variants.other_lie(np.random.default_rng(0))(mean_frame()).a @ mean_frame().a == pytest.approx(1)


def test_swung_courses_lie_beside_the_grooves(chest):
    heart = Epicardium(chest)
    before = heart.place(30, 95)
    chest = replace(chest, swing=np.array([[0.0, 10.0], [0, 0], [0, 0]]))  # by ten degrees everywhere
    swung = Epicardium(chest)
    np.testing.assert_allclose(swung.place(30, 85), before)
    assert swung.coordinates(before) == pytest.approx(
        (heart.coordinates(before)[0], heart.coordinates(before)[1] - 10)
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_place_on_a_swung_heart_is_found_again(chest, seed):
    chest = replace(chest, swing=np.random.default_rng(seed).normal(0, [[3.0, 6.0], [2.0, 4.0], [2.0, 4.0]]))
    plain, swung = Epicardium(replace(chest, swing=None)), Epicardium(chest)
    for z, phi in ((10.0, 100.0), (40.0, 90.0), (-5.0, 20.0), (20.0, -80.0)):
        here = swung.place(z, phi)
        along, around = np.subtract(plain.coordinates(here), swung.coordinates(here)) - swung.swing(phi)
        assert abs(along) < 1.5 and abs((around + 180) % 360 - 180) < 1.5
