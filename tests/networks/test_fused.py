"""The fused passes between convolutions say what PyTorch's say, forwards and in the gradient."""

import logging
import os
import subprocess
import sys

import pytest
import torch

from bundle.networks import ResUNet3D, can_fuse, plain_passes
from bundle.networks.fused import usable


def answers(network: ResUNet3D, image: torch.Tensor, forward) -> list[torch.Tensor]:
    """Logits, the gradient of the image and those of all weights, of a sum with changing signs."""
    network.zero_grad()
    image = image.clone().requires_grad_()
    logits = forward(image)
    (logits * torch.linspace(-1, 1, logits.numel(), device=logits.device).view(logits.shape)).sum().backward()
    return [logits.detach(), image.grad, *(p.grad.clone() for p in network.parameters())]


def with_random_norms(network: ResUNet3D) -> ResUNet3D:
    """Not 1 and 0 as at the start, at which a wrong weight would not be seen."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.2, 0.3)
    return network


def furthest(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """The greatest difference, relative to the size of each tensor."""
    return max(float((a - b).norm() / b.norm().clamp_min(1e-9)) for a, b in zip(found, expected))


INTERPRETED = """
import sys
sys.path[:0] = ["tests/networks", "."]
import torch
from test_fused import answers, furthest, with_random_norms
from bundle.networks import ResUNet3D
from bundle.networks.fused import fused_forward

for channels, size in (((4, 6, 8), (8, 8, 4)), ((4, 8, 12, 6), (16, 8, 8))):
    network = with_random_norms(ResUNet3D(out_channels=2, channels=channels))
    image = torch.randn(2, 1, *size)
    found = answers(network, image, lambda x: fused_forward(network, x))
    assert furthest(found, answers(network, image, network)) < 1e-4
"""


@pytest.mark.slow
def test_kernels_are_right_where_triton_interprets_them():
    pytest.importorskip("triton", reason="Triton, which comes with PyTorch for CUDA, is not installed")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True
    )
    fault = 'scope.set_attr(tensor, "__index__"', "only 0-dimensional arrays can be converted"
    if all(line in done.stderr for line in fault):  # in the interpreter's own lines
        pytest.skip("the interpreter of this Triton does not run loops with this NumPy")
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("channels", [(32, 64, 128, 256), (32, 64, 128, 256, 96)])
def test_a_gpu_gives_the_same_logits_and_gradients(channels, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    network = with_random_norms(ResUNet3D(out_channels=3, channels=channels)).cuda()
    image = torch.randn(2, 1, 64, 48, 32, device="cuda")
    assert can_fuse(image, network.bottleneck.norm1)
    found = answers(network, image, network)
    with plain_passes():
        expected = answers(network, image, network)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-3, atol=1e-3)
    assert furthest(found, expected) < 1e-2  # a rounding can open a ReLU


@pytest.mark.gpu
def test_the_same_again_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    network = ResUNet3D(channels=(32, 64, 96)).cuda()
    image = torch.randn(1, 1, 32, 32, 32, device="cuda")
    first, second = (answers(network, image, network) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second))


def test_a_processor_takes_the_passes_of_pytorch():
    network = ResUNet3D(channels=(4, 8))
    assert not can_fuse(torch.zeros(1, 1, 4, 4, 4), network.bottleneck.norm1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="Triton works where there is a GPU")
def test_where_triton_does_not_work_a_sentence_says_so(caplog):
    usable.why_not_fused.cache_clear()
    usable._told.clear()
    with caplog.at_level(logging.WARNING):
        assert not usable._works(torch.device("cuda"))
        assert not usable._works(torch.device("cuda"))
    assert len(caplog.records) == 1 and "does not work" in caplog.text
