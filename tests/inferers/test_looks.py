"""Several looks at one volume with voxels of different sizes."""

import pytest
import torch
from monai.data import MetaTensor

from bundle.common.errors import InputError
from bundle.common.resize import resize_volume
from bundle.inferers import GrowingWindows
from bundle.inferers.looks import mean_of_looks


def blob(spacing_mm):
    """A ball of 12 mm radius with a soft wall in 48 mm, voxels of that size."""
    n = round(48 / spacing_mm)
    axis = (torch.arange(n) + 0.5) * spacing_mm - 24
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.sigmoid(12 - (x**2 + y**2 + z**2).sqrt())[None, None]


def windows(**options):
    own = {"spacing_mm": 0.5, "everywhere": True, "gap_count": 0, "padding_mode": "replicate"}
    return GrowingWindows((32,) * 3, 2, 0.25, **(own | options))


def test_a_ball_is_where_it_is_at_every_size_of_voxels():
    volume = blob(0.5)
    said = mean_of_looks(volume[0], [0.5] * 3, [0.5, 0.7, 1.1], lambda seen, mm: seen)
    torch.testing.assert_close(said, volume[0], atol=0.02, rtol=0)


def test_every_look_gets_voxels_of_its_size():
    sizes = []

    def look(seen, mm):
        sizes.append((tuple(seen.shape[1:]), mm))
        return seen

    said = mean_of_looks(torch.zeros(1, 60, 50, 20), [0.4, 0.4, 0.8], [0.4, 0.5, 0.8], look)
    assert sizes == [((60, 50, 40), 0.4), ((48, 40, 32), 0.5), ((30, 25, 20), 0.8)]
    assert said.shape == (1, 60, 50, 20)


def test_the_result_is_the_mean_of_the_looks():
    volume = blob(0.5)
    network = torch.nn.Conv3d(1, 1, 3, padding=1)  # what it says depends on the size of voxels
    with torch.inference_mode():
        alone = [windows(looks_mm=[mm])(volume, network) for mm in (0.5, 0.8)]
        both = windows(looks_mm=[0.5, 0.8])(volume, network)
        torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
        assert (alone[0] - alone[1]).abs().max() > 0.001
        assert torch.equal(alone[0], windows()(volume, network))


def test_voxels_of_any_size_are_told_by_the_affine():
    volume = MetaTensor(blob(0.5)[..., ::2], affine=torch.diag(torch.tensor([0.5, 0.5, 1.0, 1.0])))
    alike = resize_volume(volume[0].as_tensor(), (60, 60, 60), "area")[None]
    network = torch.nn.Conv3d(1, 1, 3, padding=1)
    with torch.inference_mode():
        said = windows(spacing_mm=None, looks_mm=[0.8])(volume, network)
        expected = windows(spacing_mm=0.8)(alike, network)
    torch.testing.assert_close(said[0].as_tensor(), resize_volume(expected[0], volume.shape[2:], "linear"))
    with pytest.raises(ValueError, match="MetaTensors"):
        windows(spacing_mm=None, looks_mm=[0.8])(volume.as_tensor(), network)


def test_sixteen_bits_are_for_the_network_alone():
    volume, seen = blob(0.5)[0], []

    def look(resized, mm):
        seen.append(resized)
        return resized.clone()

    with torch.autocast("cpu", torch.bfloat16):
        said = mean_of_looks(volume, [0.5] * 3, [0.5, 0.8], look)
    assert {said.dtype, *(resized.dtype for resized in seen)} == {torch.float32}
    expected = mean_of_looks(volume, [0.5] * 3, [0.5, 0.8], lambda resized, mm: resized.clone())
    torch.testing.assert_close(said, expected)


def test_the_figures_are_of_all_looks():
    one, two = MetaTensor(blob(0.5)), MetaTensor(blob(0.5))
    network = torch.nn.Identity()
    windows()(one, network)
    windows(looks_mm=[0.5, 0.5, 1.0])(two, network)
    few = MetaTensor(blob(1.0))
    windows(spacing_mm=1.0)(few, network)
    assert two.meta["windows"] == [2 * one.meta["windows"][0] + few.meta["windows"][0]]


@pytest.mark.parametrize("looks", [[], [0.4], [0.5, 0.3]])
def test_a_look_finer_than_the_volume_is_refused(looks):
    with pytest.raises(InputError, match=r"looks_mm is .* of 0.5 mm, as the volumes have, or more"):
        windows(looks_mm=looks)


def test_volumes_of_any_voxels_need_looks():
    with pytest.raises(InputError, match=r"looks_mm is .* all above 0"):
        windows(spacing_mm=None)
