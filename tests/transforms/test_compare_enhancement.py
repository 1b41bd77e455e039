"""The transform around `enhancement_of`: grids, axes, what it needs, what it leaves."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Orientation, Spacing

from bundle.geometry.core import EnhancementRule
from bundle.transforms import CompareEnhancementd, KeepTreesd

RULE = EnhancementRule(
    fat=0.267, cell_mm=1.5, along_mm=1.0, sure=2.0, least_mm3=100.0, differ=0.1, spread=0.12, narrow_mm=1.0,
    most=4.0,
)  # fmt: skip
COMPARE = CompareEnhancementd("pred", RULE)
AFFINE = np.diag([0.5, 0.5, 0.5, 1.0])
AFFINE[:3, 3] = -30, 12, 7


def item(vein_level=0.5):
    """An artery (attenuation 0.7), a vein, and between them an artery that is called a vein."""
    shape = (64, 24, 70)
    x, y, _ = np.indices(shape) * 0.5
    image, lumen, vein = np.full(shape, 0.267), np.zeros(shape), np.zeros(shape)
    for middle, level, p, v in ((6, 0.7, 0.95, 0.0), (16, 0.7, 0.15, 0.75), (26, vein_level, 0.0, 0.95)):
        inside = np.hypot(x - middle, y - 6) < 1.6
        image[inside], lumen[inside], vein[inside] = level, p, v
    volumes = {"image": image, "pred": lumen, "vein": vein}
    return {
        key: MetaTensor(torch.as_tensor(value, dtype=torch.float32)[None], affine=AFFINE)
        for key, value in volumes.items()
    }


def middle(data, key="pred"):
    """Of the vessel in question."""
    return float(data[key][0, 32, 12, 20:50].mean())


def test_an_artery_that_is_called_a_vein_is_found():
    data = COMPARE(item())
    assert middle(data) > 0.8 and middle(data, "vein") < 0.1
    expected = (0.5 - 0.267) / (0.7 - 0.267)
    assert data["pred"].meta["vein_enhancement"] == pytest.approx(expected, abs=0.05)
    assert float(data["pred"][0, 0, 0, 0]) == 0


def test_the_image_may_lie_on_another_grid_with_other_axes():
    whole, other = COMPARE(item()), item()
    other["image"] = Orientation("LPI", labels=(("L", "R"), ("P", "A"), ("I", "S")))(
        Spacing((0.8, 0.7, 0.6))(other["image"])
    )
    other = COMPARE(other)
    assert middle(other) == pytest.approx(middle(whole), abs=0.05)


def test_equally_bright_vessels_stay_as_the_network_has_them():
    before, data = item(0.7), COMPARE(item(0.7))
    torch.testing.assert_close(data["pred"].as_tensor(), before["pred"].as_tensor())
    torch.testing.assert_close(data["vein"].as_tensor(), before["vein"].as_tensor())


@pytest.mark.parametrize("gone", ["image", "vein"])
def test_without_an_image_or_veins_nothing_is_compared(gone):
    data, before = item(), item()
    del data[gone]
    data = COMPARE(data)
    torch.testing.assert_close(data["pred"].as_tensor(), before["pred"].as_tensor())
    assert "vein_enhancement" not in data["pred"].meta


def test_an_empty_prediction_stays_empty():
    data = item()
    data["pred"].zero_(), data["vein"].zero_()
    assert not COMPARE(data)["pred"].any()


def test_the_comparison_comes_into_the_record_of_the_parts():
    config = ConfigParser.load_config_file("configs/modes/native.yaml")
    rule = ConfigParser(config | {"threshold_upper": 0.47}).get_parsed_content("keep_parts#rule")
    data = COMPARE(item())
    data |= {"prob": data["pred"], "pred": (data["pred"] > 0.47).float()}
    record = KeepTreesd("pred", rule)(data)["pred"].meta["parts"]
    assert record["vein_enhancement"] == pytest.approx(0.54, abs=0.06)
