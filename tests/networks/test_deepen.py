"""A network with one more level begins where the trained one stands."""

import pytest
import torch

from bundle.networks import ResUNet3D, deepened

SHALLOW, DEEP = (4, 8, 12), (4, 8, 12, 6)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(3)
    old = ResUNet3D(channels=SHALLOW, out_channels=2)
    for value in old.parameters():  # as trained, not as it begins
        value.data += 0.1 * torch.randn_like(value)
    new = ResUNet3D(channels=DEEP, out_channels=2)
    new.load_state_dict(deepened(old.state_dict(), new))
    return old, new


def test_it_says_what_the_shallower_one_says(networks):
    old, new = networks
    volume = torch.rand(2, 1, 32, 16, 16)
    torch.testing.assert_close(new(volume), old(volume), rtol=1e-4, atol=1e-5)


def test_and_what_it_adds_can_be_learnt(networks):
    _, new = networks
    new.zero_grad()
    optimizer = torch.optim.SGD(new.parameters(), lr=0.1)
    for _ in range(2):  # the scale of the new branch must leave nought before what lies below it learns
        optimizer.zero_grad()
        new(torch.rand(2, 1, 32, 16, 16)).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in new.bottleneck.parameters())


def test_half_precision_weights_become_float(networks):
    old, new = networks
    half = {name: value.half() for name, value in old.state_dict().items()}
    assert {v.dtype for v in deepened(half, new).values()} == {torch.float32}


@pytest.mark.parametrize("channels", [(4, 8), (4, 8, 16), (4, 8, 12, 6)])
def test_other_weights_are_refused(networks, channels):
    other = ResUNet3D(channels=channels, out_channels=2).state_dict()
    with pytest.raises(ValueError, match="one level less"):
        deepened(other, networks[1])
