"""HU are scaled as MONAI scales them, without another volume."""

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import ScaleIntensityRanged

from bundle.transforms import ScaleIntensityRangedInPlace

RANGE = (-500, 1000)


@pytest.mark.parametrize("kind", [torch.float32, torch.int16])
def test_it_gives_what_monai_gives_to_the_last_bit(kind):
    hu = torch.arange(-1100, 3100).reshape(1, 20, 21, 10).to(kind)
    image = MetaTensor(hu, affine=2 * torch.eye(4))
    expected = ScaleIntensityRanged("image", *RANGE, 0.0, 1.0, clip=True)({"image": image.clone()})["image"]
    found = ScaleIntensityRangedInPlace("image", *RANGE, 0.0, 1.0, clip=True)({"image": image})["image"]
    assert found.dtype == torch.float32 and torch.equal(found.as_tensor(), expected.as_tensor())
    assert found.affine[0, 0] == 2


def test_no_other_volume_is_made():
    hu = torch.full((1, 2, 2, 2), 250.0)
    assert (
        ScaleIntensityRangedInPlace("image", *RANGE, 0.0, 1.0, clip=True)({"image": hu})["image"].data_ptr()
        == hu.data_ptr()
    )
    assert (hu == 0.5).all()
