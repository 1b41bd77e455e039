"""Resizing keeps the world where it is, keeps partial volume, and comes back through Invertd."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd, Orientationd
from scipy.ndimage import zoom

from bundle.common.resize import MODES, resize_matrix, resize_volume
from bundle.transforms.resize import ResizeVolumed

OBLIQUE = np.array(
    [[0.0, -0.4, 0.1, 30.0], [0.38, 0.0, 0.05, -80.0], [0.02, 0.08, -0.6, 12.0], [0, 0, 0, 1.0]]
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "new_size"), [(275, 64), (64, 275), (12, 12), (512, 128), (1, 4)])
def test_a_constant_stays_constant(size, new_size, mode):
    np.testing.assert_allclose(resize_matrix(size, new_size, mode).sum(1), 1.0, atol=1e-5)


def test_area_keeps_the_total_amount():
    volume = torch.rand(1, 20, 13, 11)
    small = resize_volume(volume, (7, 5, 4), "area")
    assert small.mean().item() == pytest.approx(volume.mean().item(), rel=1e-5)


def test_area_of_half_a_voxel_is_one_half():
    volume = torch.zeros(1, 8, 4, 4)
    volume[:, :3] = 1.0  # three of eight planes: the second of four new ones is half full
    assert resize_volume(volume, (4, 4, 4), "area")[0, :, 0, 0].tolist() == [1.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(("mode", "torch_mode"), [("linear", "trilinear"), ("nearest", "nearest-exact")])
def test_agrees_with_torch(mode, torch_mode):
    volume = torch.rand(2, 9, 6, 5)
    ours = resize_volume(volume, (17, 13, 4), mode)
    theirs = torch.nn.functional.interpolate(volume[None], size=(17, 13, 4), mode=torch_mode)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_spline_agrees_with_scipy_and_stays_within_the_data():
    volume = torch.rand(1, 8, 6, 5)
    theirs = zoom(volume[0].numpy(), (2, 2, 3), order=3, mode="nearest", grid_mode=True)
    theirs = theirs.clip(volume.min(), volume.max())
    np.testing.assert_allclose(resize_volume(volume, (16, 12, 15), "spline")[0], theirs, atol=1e-4)


@pytest.mark.parametrize("mode", ["area", "linear", "spline"])
def test_a_linear_ramp_in_the_world_stays_where_it_is(mode):
    """Every voxel holds its own x in mm: after resizing it still does (away from the edges)."""
    shape = (24, 18, 12)
    index = np.stack([*np.meshgrid(*map(np.arange, shape), indexing="ij"), np.ones(shape)])
    ramp = np.einsum("j,jxyz->xyz", OBLIQUE[0], index)
    image = MetaTensor(ramp[None], affine=OBLIQUE)
    out = ResizeVolumed("image", (12, 27, 6), mode)({"image": image})["image"]
    index = np.stack([*np.meshgrid(*map(np.arange, out.shape[1:]), indexing="ij"), np.ones(out.shape[1:])])
    expected = np.einsum("j,jxyz->xyz", out.affine.numpy()[0], index)
    np.testing.assert_allclose(out[0, 2:-2, 5:-5, 1:-1], expected[2:-2, 5:-5, 1:-1], atol=2e-2)


@pytest.mark.parametrize("inverse_mode", ["linear", "spline"])
@pytest.mark.parametrize("nearest", [False, True])
def test_comes_back_through_invertd_on_an_oblique_flipped_scan(inverse_mode, nearest):
    """A smooth blob is the same blob, on the scan's own grid and affine, after there and back."""
    shape = (40, 36, 30)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    blob = np.exp(-((grid - np.array([0.3, -0.2, 0.1])[:, None, None, None]) ** 2).sum(0) / 0.2)
    image = MetaTensor(torch.tensor(blob[None], dtype=torch.float32), affine=OBLIQUE)
    there = Compose(
        [
            Orientationd("image", axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
            ResizeVolumed("image", (24, 16, 16), inverse_mode=inverse_mode),
        ]
    )
    data = there({"image": image})
    data["pred"] = data["image"].clone()
    back = Invertd("pred", transform=there, orig_keys="image", nearest_interp=nearest)(data)["pred"]
    assert back.shape == image.shape
    np.testing.assert_allclose(back.affine, OBLIQUE, atol=1e-6)
    assert np.abs(back.numpy() - image.numpy()).max() < (0.25 if nearest else 0.06)


def test_leaves_its_input_alone_and_takes_any_memory_layout():
    volume = torch.rand(1, 6, 8, 10).permute(0, 3, 1, 2)
    before = volume.clone()
    out = resize_volume(volume, (5, 12, 4), "spline")
    assert torch.equal(volume, before)
    torch.testing.assert_close(out, resize_volume(volume.contiguous(), (5, 12, 4), "spline"))


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="not one of"):
        ResizeVolumed("image", (8, 8, 8), mode="cubic")
    with pytest.raises(ValueError, match="three positive integers"):
        ResizeVolumed("image", (8, 8))
