"""The network of the paper, section 2.2."""

import pytest
import torch

from bundle.networks.resunet3d import ResUNet3D

SMALL = (4, 8, 16, 32)


@pytest.fixture(scope="module")
def paper_network():
    return ResUNet3D()


def test_sizes_and_channels_are_those_of_the_paper():
    seen = {}
    network = ResUNet3D(channels=SMALL).eval()
    network.bottleneck.register_forward_hook(lambda m, i, o: seen.update(bottleneck=tuple(o.shape)))
    with torch.inference_mode():
        logits = network(torch.zeros(1, 1, 128, 128, 64))
    assert logits.shape == (1, 1, 128, 128, 64)
    assert seen["bottleneck"] == (1, 32, 16, 16, 8)


def test_the_default_has_32_64_128_and_256_channels(paper_network):
    assert [block.conv2.out_channels for block in paper_network.encoders] == [32, 64, 128]
    assert paper_network.bottleneck.conv2.out_channels == 256


def test_weights_fit_in_25_megabytes(paper_network):
    assert 4 * sum(p.numel() for p in paper_network.parameters()) < 25e6


def test_a_far_voxel_is_seen():
    # The receptive field at the bottleneck spans the volume: that is why the method is whole-volume.
    torch.manual_seed(0)
    network = ResUNet3D(channels=SMALL).eval()
    volume = torch.rand(1, 1, 64, 64, 32, requires_grad=True)  # of zeros a ReLU may let nothing through
    network(volume)[0, 0, 32, 32, 16].backward()
    reach = volume.grad[0, 0].abs().amax(dim=(1, 2)).nonzero()
    assert int(reach.max() - reach.min()) >= 40


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_every_parameter_learns(norm):
    network = ResUNet3D(channels=SMALL, norm=norm)
    network(torch.rand(2, 1, 16, 16, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_items_of_a_batch_do_not_see_each_other():
    network = ResUNet3D(channels=SMALL)
    batch = torch.rand(2, 1, 16, 16, 16)
    with torch.inference_mode():
        together, alone = network(batch)[:1], network(batch[:1])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_dropout_can_be_set_on_trained_weights():
    network = ResUNet3D(channels=SMALL, dropout=0.2)
    network.load_state_dict(ResUNet3D(channels=SMALL).state_dict())
    volume = torch.rand(1, 1, 16, 16, 16)
    assert not torch.equal(network(volume), network(volume))


def test_channels_in_and_out_and_depth_are_parameters():
    network = ResUNet3D(in_channels=2, out_channels=3, channels=(4, 8))
    assert network(torch.zeros(1, 2, 6, 4, 2)).shape == (1, 3, 6, 4, 2)


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="divisible by 8"):
        ResUNet3D(channels=SMALL)(torch.zeros(1, 1, 20, 16, 16))


def test_one_level_is_refused():
    with pytest.raises(ValueError, match="bottleneck"):
        ResUNet3D(channels=(8,))


def test_it_can_be_scripted():
    network = ResUNet3D(channels=SMALL).eval()
    volume = torch.rand(1, 1, 16, 16, 16)
    torch.testing.assert_close(torch.jit.script(network)(volume), network(volume))
