"""Which program runs the network: what was asked for, or a sentence."""

import pytest
import torch

from bundle.common.errors import InputError
from bundle.networks import ENGINES, ResUNet3D, described_runtime, on_runtime, runtime_of


@pytest.fixture
def installed(monkeypatch):
    """Sets what each runtime needs: a package that is there, or one that is not."""

    def set_installed(**there: bool) -> None:
        for name, is_there in there.items():
            engine = ENGINES[name]._replace(packages=("numpy" if is_there else "no_such_package",))
            monkeypatch.setitem(ENGINES, name, engine)

    return set_installed


def network():
    return ResUNet3D(channels=(4, 8))


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_openvino_on_a_cpu_that_has_it(installed, there):
    installed(openvino=there)
    assert runtime_of(on_runtime(network(), "auto", "cpu")) == ("openvino" if there else "torch")


def test_auto_is_pytorch_elsewhere(installed):
    installed(openvino=True)
    own = network()
    assert on_runtime(own, "auto", torch.device("meta")) is own and own.head.weight.device.type == "meta"


def test_pytorch_runs_the_network_itself(installed):
    installed(openvino=True)
    own = network()
    assert on_runtime(own, "torch", "cpu") is own
    assert described_runtime(own) == f"torch {torch.__version__}"


def test_the_description_tells_the_precision(installed):
    installed(openvino=True, onnx=True)
    assert described_runtime(on_runtime(network(), "openvino", half=True)).startswith("OpenVINO ")
    assert described_runtime(on_runtime(network(), "openvino", half=True)).endswith(", bfloat16")
    assert described_runtime(on_runtime(network(), "onnx", half=True)).endswith(", float32")


def test_mistakes_are_told(installed):
    installed(openvino=False, onnx=True)
    with pytest.raises(InputError, match="'tflite'; it must be auto, torch, openvino or onnx"):
        on_runtime(network(), "tflite")
    with pytest.raises(InputError, match="no_such_package cannot be found; pip install no_such_package"):
        on_runtime(network(), "openvino")
    with pytest.raises(InputError, match="runs on the CPU, and device is 'cuda:0'"):
        on_runtime(network(), "onnx", "cuda:0")
