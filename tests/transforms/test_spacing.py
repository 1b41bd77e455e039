"""Resampling works on an item that also carries a path, as MONAI Label's requests do."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from monai.transforms import Spacingd as MonaiSpacingd

from bundle.transforms.spacing import Spacingd


def item():
    affine = torch.diag(torch.tensor([0.5, 0.5, 1.0, 1.0], dtype=torch.float64))
    ramp = torch.arange(16.0).reshape(1, 16, 1, 1).expand(1, 16, 12, 8).clone()
    image = MetaTensor(ramp, affine=affine, meta={"filename_or_obj": "scan.nii.gz"})
    return {"image": image, "image_path": "scan.nii.gz", "model": "coronary"}


def test_monai_own_transform_fails_on_the_path():
    """The day that this fails the subclass is no longer needed."""
    with pytest.raises(AttributeError, match="update"):
        MonaiSpacingd("image", pixdim=(1, 1, 1))(item())


def test_other_entries_pass_and_the_grid_is_the_new_one():
    out = Spacingd("image", pixdim=(1, 1, 1))(item())
    assert (out["image_path"], out["model"]) == ("scan.nii.gz", "coronary")
    np.testing.assert_allclose(out["image"].pixdim, 1.0)
    expected = MonaiSpacingd("image", pixdim=(1, 1, 1))({"image": item()["image"]})["image"]
    torch.testing.assert_close(out["image"].as_tensor(), expected.as_tensor())


def test_a_prediction_comes_back_to_the_first_grid():
    steps = Compose([Spacingd("image", pixdim=(1, 1, 1))])
    data = steps(item())
    data["pred"] = data["image"].clone()
    data = Invertd("pred", transform=steps, orig_keys="image", nearest_interp=False)(data)
    assert data["pred"].shape == (1, 16, 12, 8)
    np.testing.assert_allclose(data["pred"].affine, item()["image"].affine)


def test_a_missing_key_is_an_error():
    with pytest.raises(KeyError, match="image"):
        Spacingd("image", pixdim=(1, 1, 1))({"label": item()["image"]})
