"""Arteries and veins by their attenuation: straight vessels of known width and blood, in fat of -100 HU."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from bundle.geometry.core import EnhancementRule, enhancement_of, weigh_evidence

RULE = EnhancementRule(
    fat=-100.0, cell_mm=1.5, along_mm=1.0, sure=2.0, least_mm3=100.0, differ=0.1, spread=0.12, narrow_mm=1.0,
    most=4.0,
)  # fmt: skip
STEP = 0.5
# Name: radius in mm, whether it is an artery, the network's probability of lumen and of vein in its middle.
VESSELS = {
    "artery": (1.6, True, 0.95, 0.02),
    "thin artery": (0.6, True, 0.9, 0.05),
    "artery called vein": (1.2, True, 0.15, 0.75),
    "vein": (1.8, False, 0.02, 0.95),
    "another vein": (1.6, False, 0.02, 0.95),
    "vein called artery": (1.5, False, 0.75, 0.15),
}


def scan(artery_hu: float, vein_hu: float, noise_hu: float = 15.0):
    """Vessels of 40 mm along z, 12 mm apart: image, both probabilities, and which voxel is whose."""
    shape = (len(VESSELS) * 24, 24, 80)
    x, y, _ = np.indices(shape) * STEP
    image, lumen, vein = np.full(shape, -100.0), np.zeros(shape), np.zeros(shape)
    whose = np.zeros(shape, int)
    for n, (radius, is_artery, p, v) in enumerate(VESSELS.values()):
        inside = np.clip((radius - np.hypot(x - 6 - 12 * n, y - 6)) / STEP + 0.5, 0, 1)
        image += inside * ((artery_hu if is_artery else vein_hu) + 100)
        lumen, vein = lumen + p * inside, vein + v * inside
        whose[inside > 0.3] = n + 1
    image = ndimage.gaussian_filter(image, 0.8)  # the scanner: thin vessels come out darker
    image += np.random.default_rng(1).normal(0, noise_hu, shape)
    return image, lumen, vein, whose


def compared(artery_hu, vein_hu, rule=RULE, shift=0.0, unit=1.0):
    """What is found, and the mean probabilities of each vessel after it, by its name."""
    image, lumen, vein, whose = scan(artery_hu, vein_hu)
    at = whose > 0
    points = np.argwhere(at) * STEP + shift
    found = enhancement_of(points, lumen[at], vein[at], image[at] * unit, STEP**3, rule)
    both = weigh_evidence(lumen[at], vein[at], found.evidence)
    means = {}
    for n, name in enumerate(VESSELS, 1):
        means[name] = tuple(float(volume[whose[at] == n].mean()) for volume in both)
    return found, means


@pytest.mark.parametrize("vein_hu", [100, 220, 300])
def test_how_much_less_veins_are_filled_is_read_off_the_scan(vein_hu):
    """Walls darken both alike."""
    found, _ = compared(400, vein_hu)
    assert 300 < found.artery < 410
    assert (found.vein + 100) / (found.artery + 100) == pytest.approx((vein_hu + 100) / 500, abs=0.06)


def test_where_veins_are_filled_less_a_bright_vein_is_an_artery_and_a_dark_artery_a_vein():
    _, means = compared(400, 200)
    for name, (_, is_artery, _, _) in VESSELS.items():
        lumen, vein = means[name]
        assert (lumen > vein) == is_artery, name


def test_a_thin_artery_is_dark_and_stays_one():
    image, _, _, whose = scan(400, 250, noise_hu=0.0)
    assert image[whose == 2].max() < 300  # darker than its blood by more than a quarter
    _, means = compared(400, 250)
    assert means["thin artery"][0] > 5 * means["thin artery"][1]


@pytest.mark.parametrize("vein_hu", [385, 400, 480])
def test_veins_as_bright_as_arteries_say_nothing(vein_hu):
    found, means = compared(400, vein_hu)
    assert not found.evidence.any()
    assert means["artery called vein"][0] < means["artery called vein"][1]


def test_too_few_veins_are_no_comparison():
    image, lumen, vein, whose = scan(400, 200)
    at = (whose > 0) & (whose < 3)
    points = np.argwhere(at) * STEP
    assert enhancement_of(points, lumen[at], vein[at], image[at], STEP**3, RULE) is None
    assert enhancement_of(points[:0], *[np.zeros(0)] * 3, STEP**3, RULE) is None


def test_neither_place_nor_unit_counts():
    found, _ = compared(400, 200)
    moved, _ = compared(400, 200, shift=-237.0)
    assert np.corrcoef(found.evidence, moved.evidence)[0, 1] > 0.95  # cells lie otherwise
    scaled, _ = compared(400, 200, rule=replace(RULE, fat=-0.1), unit=0.001)
    np.testing.assert_allclose(scaled.evidence, found.evidence, atol=1e-9)
    assert scaled.vein == pytest.approx(found.vein / 1000)


odds = st.floats(-6, 6)
part = st.floats(0, 1)


@given(part, part, odds)
def test_weighing_moves_probability_from_one_to_the_other(lumen, vein, evidence):
    p, v = (float(x[0]) for x in weigh_evidence(*np.array([[lumen], [vein], [evidence]])))
    assert -1e-9 <= p <= 1 + 1e-9 and -1e-9 <= v <= 1 + 1e-9
    assert p + v <= lumen + vein + 1e-9
    assert (p - lumen) * evidence >= -1e-9 and (v - vein) * evidence <= 1e-9
    if evidence == 0:
        assert (p, v) == pytest.approx((lumen, vein), abs=1e-9)


@pytest.mark.parametrize(
    "name, value", [("cell_mm", 0.0), ("along_mm", 0.0), ("most", -1.0), ("spread", -0.1)]
)
def test_numbers_that_mean_nothing_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        replace(RULE, **{name: value})
