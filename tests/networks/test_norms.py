"""Norms taken by other ways are PyTorch's norms, and make OpenVINO's as exact."""

import pytest
import torch
from torch import nn

from bundle.networks import ENGINES, CompiledNetwork, ResUNet3D, norms_by_channel, norms_in_stages


def random_norm(channels, affine=True):
    norm = nn.InstanceNorm3d(channels, affine=affine).eval()
    if affine:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("other_way", [norms_by_channel, norms_in_stages])
def test_a_network_gives_the_same_numbers_and_is_itself_afterwards(other_way):
    torch.manual_seed(0)
    network = ResUNet3D(channels=(4, 8, 16)).eval()
    for norm in (m for m in network.modules() if isinstance(m, nn.InstanceNorm3d)):
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    with torch.inference_mode():
        for x in (torch.rand(1, 1, 16, 16, 8), torch.rand(3, 1, 16, 16, 8)):
            expected = network(x)
            with other_way(network):
                torch.testing.assert_close(network(x), expected)
            assert not any("forward" in vars(module) for module in network.modules())


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 10, 6, 4), (1, 5, 7, 1, 9)])
def test_norms_in_stages_are_right_with_an_offset_and_without_variance(shape, affine):
    torch.manual_seed(0)
    norm, x = random_norm(shape[1], affine), 2 * torch.randn(shape) + 7
    expected = norm(x)
    with norms_in_stages(norm):
        torch.testing.assert_close(norm(x), expected, atol=1e-4, rtol=1e-4)
        assert norm(torch.full(shape, 300.0)).isfinite().all()  # no variance
    assert "forward" not in vars(norm)


def test_a_norm_that_keeps_statistics_is_left_alone():
    norm = nn.InstanceNorm3d(3, track_running_stats=True).eval()
    with norms_in_stages(norm):
        assert "forward" not in vars(norm)


def test_openvino_is_as_exact_as_pytorch_on_a_large_volume(tmp_path):
    missing = ENGINES["openvino"].missing()
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found")
    torch.manual_seed(0)
    norm, x = random_norm(4), torch.randn(1, 4, 160, 160, 160).abs()  # its own norm is wrong by 2e-4
    found = CompiledNetwork(norm, "openvino", cache_dir=tmp_path)(x)
    assert float((found - norm.double()(x.double())).abs().max()) < 2e-5


def test_a_network_is_exported_with_them_for_openvino_alone():
    network = ResUNet3D(channels=(4, 8))
    for name, staged in (("openvino", True), ("onnx", False)):
        with ENGINES[name].adapted(network):
            norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm3d)]
            assert all(("forward" in vars(norm)) == staged for norm in norms)
