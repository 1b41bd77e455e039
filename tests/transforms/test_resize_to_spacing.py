"""Voxels of a given size, and back."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from bundle.transforms.resize_to_spacing import ResizeToSpacingd


def scan():
    affine = torch.diag(torch.tensor([0.4, 0.4, 0.7, 1.0], dtype=torch.float64))
    return MetaTensor(torch.rand(1, 40, 50, 30, generator=torch.Generator().manual_seed(0)), affine=affine)


def test_the_field_of_view_stays_and_the_spacing_is_met():
    resized = ResizeToSpacingd("image", 0.5)({"image": scan()})["image"]
    assert resized.shape == (1, 32, 40, 42)
    np.testing.assert_allclose(resized.pixdim, [0.5, 0.5, 0.5], atol=1e-6)
    assert float(resized.mean()) == pytest.approx(float(scan().mean()), rel=1e-3)


def test_the_inverse_restores_grid_and_affine():
    resize, image = ResizeToSpacingd("image", 0.5), scan()
    image[:] = 1.0
    back = resize.inverse(resize({"image": image}))["image"]
    assert back.shape == image.shape
    torch.testing.assert_close(back.affine, image.affine)
    torch.testing.assert_close(back.as_tensor(), image.as_tensor())


def test_a_spacing_of_zero_is_refused():
    with pytest.raises(ValueError, match="spacing_mm"):
        ResizeToSpacingd("image", 0.0)
