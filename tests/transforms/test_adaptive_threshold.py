"""The threshold goes down with the confidence, between its bounds, in mm3 and not in voxels."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from bundle.transforms.adaptive_threshold import AdaptiveThresholdd

USUAL = {"upper": 0.5, "lower": 0.2, "confident": 0.9}


def thresholded(probability, **options):
    return AdaptiveThresholdd("pred", **USUAL | options)({"pred": probability})["pred"]


def vessel(peak, spacing=1.0, background=0.01):
    """A bar of 10x10x20 mm (2000 mm3) at probability ``peak`` in a cube of 40 mm."""
    voxels = round(40 / spacing)
    probability = torch.full((1, voxels, voxels, voxels), background)
    low, high, end = (round(n / spacing) for n in (10, 20, 30))
    probability[:, low:high, low:high, low:end] = peak
    return MetaTensor(probability, affine=np.diag([spacing] * 3 + [1.0]))


@pytest.mark.parametrize(
    ("peak", "threshold"), [(1.0, 0.5), (0.95, 0.5), (0.72, 0.4), (0.45, 0.25), (0.3, 0.2)]
)
def test_follows_the_confidence_between_the_bounds(peak, threshold):
    mask = thresholded(vessel(peak))
    assert mask.meta["threshold"] == pytest.approx(threshold, abs=1e-6)
    assert mask.meta["confidence"] == pytest.approx(peak)
    assert mask.dtype == torch.uint8
    assert mask.sum() == 2000


def test_a_weak_prediction_is_found_that_a_fixed_threshold_misses():
    assert thresholded(vessel(0.4)).sum() == 2000
    assert thresholded(vessel(0.4), lower=0.5).sum() == 0


def test_nothing_above_the_lower_bound_gives_an_empty_mask():
    mask = thresholded(vessel(0.19))
    assert mask.sum() == 0
    assert mask.meta["threshold"] == 0.5
    assert mask.meta["confidence"] == 0


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_the_sampling_of_the_scan_does_not_matter(spacing):
    """500 mm3 at 0.9 in 2000 mm3 at 0.6: the confidence is 0.9 at every spacing."""
    probability = vessel(0.6, spacing)
    low, high, end = (round(n / spacing) for n in (10, 20, 16))
    probability[:, low:high, low:high, low : round(16 / spacing)] = 0.9  # 600 mm3
    assert end == round(16 / spacing)
    assert thresholded(probability).meta["confidence"] == pytest.approx(0.9, abs=1e-5)


def test_a_small_prediction_is_judged_by_what_there_is():
    probability = vessel(0.01)
    probability[0, 5:7, 5, 5] = 0.6  # 2 mm3 of 500
    assert thresholded(probability).meta["confidence"] == pytest.approx(0.6)


def test_keeps_grid_and_meta():
    probability = vessel(0.9)
    probability.meta["filename_or_obj"] = "scan.nii.gz"
    mask = thresholded(probability)
    assert mask.meta["filename_or_obj"] == "scan.nii.gz"
    assert torch.equal(mask.affine, probability.affine)
    assert "threshold" not in probability.meta


@pytest.mark.parametrize(
    "options", [{"lower": 0}, {"upper": 1.0}, {"lower": 0.6}, {"confident": 0}, {"reference_volume_mm3": 0}]
)
def test_refuses_bounds_that_make_no_sense(options):
    with pytest.raises(ValueError, match="must"):
        AdaptiveThresholdd("pred", **USUAL | options)


def test_refuses_two_channels():
    with pytest.raises(ValueError, match="one channel"):
        thresholded(MetaTensor(torch.zeros(2, 4, 4, 4)))
