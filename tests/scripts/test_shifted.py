"""The shifted phantoms: what they alter lies outside of everything that training draws."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from studies.shifted import ANATOMY, CONTRAST, SCANNER, UNSEEN, Shift, fat_depth, make_shifted, write_shifted

from bundle.phantom import SMALL, make_phantom
from bundle.phantom.anatomy import draw_chest, mean_frame
from bundle.phantom.anatomy.chest import heart_frame
from bundle.phantom.core import Grid, draw_contrast
from bundle.phantom.crops.plan import CALIBRE
from bundle.phantom.crops.scan import draw_scan
from bundle.phantom.crops.tissue import ORGANS, physical, randomised
from bundle.phantom.scanner import draw_protocol

RANGES = SCANNER | CONTRAST | ANATOMY
SEEDS = range(6_000_000, 6_000_084)
GRID = Grid(np.zeros(3), np.full(3, 0.5), (16, 16, 16))


def degrees(frame):
    """From the mean heart's axes."""
    return np.degrees(np.arccos((np.trace(frame.axes @ mean_frame().axes.T) - 1) / 2))


@pytest.fixture(scope="module")
def trained():
    """What training draws, by the name of the alteration."""
    rng = np.random.default_rng(1)
    protocols = [draw_protocol(rng) for _ in range(1500)]
    scans = [
        draw_scan(rng, GRID, np.zeros(3), np.full(3, 180.0), wide)
        for wide in (False, True)
        for _ in range(800)
    ]
    scans = np.array([scan.numbers for scan in scans])
    tissues = [draw(rng) for draw in (physical, randomised) for _ in range(1500)]
    contrasts = [contrast for contrast, _, _ in tissues] + [draw_contrast(rng) for _ in range(1500)]
    steps = [np.diff([(0, 0), *(step[1:] for step in p.slab_steps)], axis=0) for p in protocols]
    return {
        "noise": np.append(scans[:, 3], [p.noise_hu for p in protocols]),
        "blur": 2.355 * np.sqrt(scans[:, 0] + 0.5**2 / 12),
        "grain": scans[:, 5],
        "sharp": scans[:, 6],
        "motion": scans[:, 1],
        "streaks": [p.streak_hu for p in protocols],
        "steps": np.linalg.norm(np.concatenate(steps), axis=1),
        "dim": [c.coronary for c in contrasts],
        "veins": [1.1 * (c.vein - 42) / (c.coronary - 42) for c in contrasts],
        "marrow": [hu[ORGANS.index("marrow")] for _, hu, _ in tissues],
        "turned": [degrees(heart_frame(rng)) for _ in range(3000)],
        "fat": [fat_depth(_chest(seed)) for seed in range(10)],
        "thin": CALIBRE,
    }


def _chest(seed):
    rng = np.random.default_rng(seed)
    return draw_chest(rng, Grid(np.zeros(3), np.array([180.0, 180, 130]), (2, 2, 2)), draw_contrast(rng))


@pytest.mark.parametrize("name", RANGES)
def test_it_lies_outside_of_what_training_draws(name, trained):
    low, high = RANGES[name]
    drawn = np.array(trained[{"bright": "dim", "wide": "thin"}.get(name, name)])
    # What is drawn from a normal distribution has no end: a draw in a thousand may reach what is far out.
    most = np.quantile(drawn, 0.999) if name in ("steps", "turned") else drawn.max()
    assert high < drawn.min() or low > most


def test_every_case_leaves_the_ranges_in_three_ways():
    met = set()
    for seed in SEEDS:
        drawn = Shift(seed).drawn
        assert [sum(name in group for name in drawn) for group in (SCANNER, CONTRAST, ANATOMY)] == [1, 1, 1]
        assert all(RANGES[name][0] <= value <= RANGES[name][1] for name, value in drawn.items())
        assert not any({a, b} <= set(drawn) for a, b in UNSEEN)
        met |= set(drawn)
    assert met == set(RANGES)


def case_with(name):
    return next(seed for seed in SEEDS if name in Shift(seed).drawn)


def test_what_is_said_to_be_altered_is_in_the_phantom():
    phantom, _ = make_shifted(case_with("noise"), SMALL)
    said = phantom.parameters["shifted"]
    assert phantom.parameters["protocol"]["noise_hu"] == said["noise"]
    phantom, _ = make_shifted(case_with("bright"), SMALL)
    assert phantom.parameters["contrast"]["coronary"] == pytest.approx(
        phantom.parameters["shifted"]["bright"]
    )
    seed = case_with("wide")
    wide, usual = make_shifted(seed, SMALL)[0], make_phantom(seed, SMALL)
    first, other = (p.tree["branches"][0]["reference_radius_mm"][0] for p in (wide, usual))
    assert first / other == pytest.approx(wide.parameters["shifted"]["wide"])


def test_a_turned_heart_is_as_far_from_the_mean_as_is_said():
    shift = Shift(case_with("turned"))
    assert degrees(shift.frame(None)) == pytest.approx(shift.drawn["turned"])


@pytest.mark.parametrize("name", ["steps", "sharp"])
def test_the_tissue_map_lies_on_the_image_and_the_label(name, tmp_path):
    (paths,) = write_shifted([case_with(name)], tmp_path, 1, shape=SMALL)
    image, label, tissue = (nib.load(paths[key]) for key in ("image", "label", "tissue"))
    np.testing.assert_allclose(image.affine, tissue.affine)
    image, label, tissue = (np.asarray(file.dataobj) for file in (image, label, tissue))
    assert ((tissue == 1) == (label > 0)).all() and set(np.unique(tissue)) <= set(range(6))
    drawn = json.loads(Path(paths["truth"]).read_text())["parameters"]["contrast"]
    aorta = ndimage.binary_erosion(tissue == 3, iterations=2)
    assert abs(np.median(image[aorta]) - drawn["aorta"]) < 0.12 * drawn["aorta"]
    before = Path(paths["truth"]).stat().st_mtime_ns
    write_shifted([case_with(name)], tmp_path, 1, shape=SMALL)
    assert Path(paths["truth"]).stat().st_mtime_ns == before
