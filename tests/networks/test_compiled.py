"""A network that another runtime runs answers as PyTorch does, and is exported once for its weights."""

import copy
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SimpleInferer

from bundle.common.errors import InputError, RunFailed
from bundle.inferers import Checkpoints, DropoutSamples, EnsembleInferer, GrowingWindows
from bundle.networks import (
    ENGINES,
    CompiledNetwork,
    ResUNet3D,
    described_runtime,
    load_weights,
    save_weights,
)
from bundle.networks import compiled as module

SHAPE = (1, 1, 32, 16, 16)


@pytest.fixture(params=sorted(ENGINES))
def runtime(request):
    """Each runtime that is installed."""
    missing = ENGINES[request.param].missing()
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found")
    return request.param


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ResUNet3D(channels=(4, 8, 16), out_channels=2).eval()


@pytest.fixture
def pretended(monkeypatch, network):
    """ONNX Runtime that PyTorch stands for, its models numbers of exports; how it answers can be changed."""
    state = {"exports": 0, "bias": 0.0, "network": network}

    def export(exported, shape):
        state["exports"], state["network"] = state["exports"] + 1, exported
        return f"model {state['exports']}".encode()

    def load(model, half):
        if not model.startswith(b"model"):
            raise RuntimeError("no model")
        return lambda x: state["network"](torch.from_numpy(x)).detach().numpy() + np.float32(state["bias"])

    engine = ENGINES["onnx"]._replace(packages=("numpy",), load=load)
    monkeypatch.setitem(ENGINES, "onnx", engine)
    monkeypatch.setattr(module, "as_onnx", export)
    return state


def volume():
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(1))


def test_it_answers_as_pytorch_does_and_keeps_what_it_made(tmp_path, network, runtime, monkeypatch):
    x = volume()
    with torch.inference_mode():
        expected = network(x)
        torch.testing.assert_close(
            CompiledNetwork(network, runtime, cache_dir=tmp_path)(x), expected, atol=1e-3, rtol=1e-3
        )
    (kept,) = tmp_path.iterdir()
    assert kept.name.endswith("-1x1x32x16x16.onnx")
    monkeypatch.setattr(module, "as_onnx", None)  # a later run exports nothing
    again = CompiledNetwork(copy.deepcopy(network), runtime, cache_dir=tmp_path)
    torch.testing.assert_close(again(x), expected, atol=1e-3, rtol=1e-3)


def test_in_windows_it_answers_as_pytorch_does(tmp_path, network, runtime):
    """Windows come in channels-last memory, under autocast, to layers that are exchanged meanwhile."""
    inferer = GrowingWindows((16, 16, 16), 1, spacing_mm=0.5, gap_count=0, outputs=None)
    x = volume()
    with torch.inference_mode():
        expected = inferer(x, network)
        other = CompiledNetwork(network, runtime, cache_dir=tmp_path)
        torch.testing.assert_close(inferer(x, other), expected, atol=1e-3, rtol=1e-3)
        half = GrowingWindows((16, 16, 16), 1, spacing_mm=0.5, gap_count=0, outputs=None, amp=True)
        torch.testing.assert_close(half(x, other), expected, atol=1e-3, rtol=1e-3)


def test_other_weights_make_another_model(tmp_path, network, pretended):
    x, own = volume(), CompiledNetwork(network, "onnx", cache_dir=tmp_path / "cache")
    before = own(x)
    save_weights(ResUNet3D(channels=(4, 8, 16), out_channels=2), tmp_path / "other.pt")
    load_weights(own, tmp_path / "other.pt")
    assert not torch.allclose(own(x), before)
    assert pretended["exports"] == 2 == len(list((tmp_path / "cache").iterdir()))


def test_each_shape_is_exported_once(tmp_path, network, pretended):
    own = CompiledNetwork(network, "onnx", cache_dir=tmp_path)
    for side in (16, 32, 16, 48, 64, 80, 96, 16):
        assert own(torch.rand(1, 1, side, 16, 16)).shape == (1, 2, side, 16, 16)
    assert pretended["exports"] == 6


def test_a_runtime_that_answers_otherwise_is_not_used(tmp_path, network, pretended):
    pretended["bias"] = 0.5
    own = CompiledNetwork(network, "onnx", cache_dir=tmp_path)
    for _ in range(2):  # of a cohort every case says so, and the network is exported but once
        with pytest.raises(RunFailed, match=r"Runtime gives another mask than PyTorch: \d+ of \d+ voxels"):
            own(volume())
    assert pretended["exports"] == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("in_windows", [False, True])
def test_where_pytorch_is_wanted_instead_it_runs_and_the_case_says_so(
    tmp_path, network, pretended, caplog, in_windows
):
    pretended["bias"] = 0.5
    own = CompiledNetwork(network, "onnx", cache_dir=tmp_path, falls_back=True)
    assert described_runtime(own).startswith("ONNX Runtime")
    windows = GrowingWindows((16, 16, 16), 1, spacing_mm=0.5, gap_count=0, outputs=None)
    inferer = windows if in_windows else SimpleInferer()
    with torch.inference_mode(), caplog.at_level(logging.WARNING, "bundle"):
        for _ in range(2):
            x = MetaTensor(volume(), meta={"warnings": [""]})
            torch.testing.assert_close(inferer(x, own).as_tensor(), inferer(volume(), network))
            (said,) = x.meta["warnings"]
            assert said.startswith("ONNX Runtime gives another mask than PyTorch: ") and said.count("\n") == 0
            assert said.endswith(": PyTorch runs the network, more slowly")
    assert pretended["exports"] == 1 == len(caplog.records) and described_runtime(own).startswith("torch ")


def test_memory_that_is_given_back_changes_no_answer(tmp_path, network, runtime):
    x, own = volume(), CompiledNetwork(network, runtime, cache_dir=tmp_path)
    before = own(x)
    own.release_memory()
    torch.testing.assert_close(own(x), before, atol=0, rtol=0)


class Undecided(torch.nn.Module):
    """One half, everywhere."""

    def forward(self, x):
        return 0 * x


def test_rounding_at_one_half_is_no_other_mask(tmp_path, pretended):
    pretended["bias"] = 1e-7
    found = CompiledNetwork(Undecided(), "onnx", cache_dir=tmp_path)(volume())
    assert found.max() > 0 and len(list(tmp_path.iterdir())) == 1


def test_a_runtime_without_numbers_is_not_used(tmp_path, network, pretended):
    pretended["bias"] = np.nan
    with pytest.raises(RunFailed):
        CompiledNetwork(network, "onnx", cache_dir=tmp_path)(volume())


def test_where_nothing_can_be_kept_it_still_answers_and_says_so(tmp_path, network, pretended, caplog):
    (tmp_path / "file").touch()
    x = volume()
    with caplog.at_level(logging.WARNING, "bundle"):
        found = CompiledNetwork(network, "onnx", cache_dir=tmp_path / "file" / "cache")(x)
    torch.testing.assert_close(found, network(x).detach())
    assert "cannot be kept" in caplog.text and "TORCH_HOME" in caplog.text


def test_a_damaged_model_is_made_again(tmp_path, network, pretended):
    CompiledNetwork(network, "onnx", cache_dir=tmp_path)(volume())
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"")
    CompiledNetwork(network, "onnx", cache_dir=tmp_path)(volume())
    assert pretended["exports"] == 2 and kept.read_bytes() == b"model 2"


def test_what_a_volume_carries_goes_on(tmp_path, network, pretended):
    x = MetaTensor(volume(), affine=2 * torch.eye(4), meta={"about": "it"})
    found = SimpleInferer()(x, CompiledNetwork(network, "onnx", cache_dir=tmp_path))
    assert found.meta["about"] == "it" and found.affine[0, 0] == 2


def test_an_ensemble_of_checkpoints_runs_on_it(tmp_path, network, pretended):
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for path in paths:
        save_weights(ResUNet3D(channels=(4, 8, 16), out_channels=2), path)
    ensemble = EnsembleInferer(SimpleInferer(), Checkpoints(paths))
    with torch.inference_mode():
        ensemble(volume(), CompiledNetwork(network, "onnx", cache_dir=tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_dropout_cannot_be_sampled(tmp_path):
    own = CompiledNetwork(ResUNet3D(channels=(4, 8), dropout=0.5), "onnx", cache_dir=tmp_path)
    with pytest.raises(InputError, match="ONNX Runtime runs the network without its dropout"):
        next(iter(DropoutSamples(2)(volume(), own)))


class Stubborn(torch.nn.Module):
    """Asks for its values: no graph can be made of it."""

    def forward(self, x):
        return x if x.sum().item() > 3 else -x


def test_a_network_that_cannot_be_exported_is_told_of(tmp_path, runtime):
    with pytest.raises(RunFailed, match="cannot export Stubborn"):
        CompiledNetwork(Stubborn(), runtime, cache_dir=tmp_path)(volume())


TWICE = """
import sys, torch
from bundle.networks import ENGINES, CompiledNetwork, ResUNet3D
torch.manual_seed(0)
network = CompiledNetwork(ResUNet3D(channels=(4, 8, 16)), sys.argv[1], cache_dir=sys.argv[2])
print(float(network(torch.ones(1, 1, 16, 16, 16)).sum()))
"""


@pytest.mark.slow
def test_two_programs_at_once_do_each_other_no_harm(tmp_path, runtime):
    command = [sys.executable, "-c", TWICE, runtime, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert said[0] == said[1] != "" and len(list(tmp_path.iterdir())) == 1
