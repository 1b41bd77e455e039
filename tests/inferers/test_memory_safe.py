"""A network without the memory that it needs: tried again, then run on the CPU, and the case says so.

No GPU is needed: the network raises what PyTorch raises where one is full.
"""

import copy
import csv
import json
import logging

import pytest
import torch
from contrast_network import ContrastNetwork
from inference_run import workflow
from monai.data import MetaTensor
from monai.inferers import SimpleInferer
from tube_cases import tube_case

from bundle.common.case_warnings import warnings_of
from bundle.inferers.memory_safe import ON_CPU, MemorySafeInferer


class Full(ContrastNetwork):
    """Runs out of memory on its first ``times`` calls."""

    def __init__(self, times: int = 1):
        super().__init__()
        self.times = times

    def forward(self, image):
        self.times -= 1
        if self.times >= 0:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return super().forward(image)


def volume():
    return MetaTensor(torch.rand(1, 1, 6, 5, 4), meta={"warnings": "seen before"})


def test_one_failure_is_cured_by_a_second_try(caplog):
    inputs = volume()
    torch.testing.assert_close(
        MemorySafeInferer()(inputs, Full(1)), SimpleInferer()(inputs, ContrastNetwork())
    )
    assert warnings_of(inputs.meta) == ["seen before"] and not caplog.records


def test_a_second_failure_sends_the_case_to_the_cpu(caplog):
    inputs, network = volume(), Full(2)
    before = copy.deepcopy(network.state_dict())
    with caplog.at_level(logging.WARNING):
        logit = MemorySafeInferer()(inputs, network)
    torch.testing.assert_close(logit, SimpleInferer()(inputs, ContrastNetwork()))
    assert warnings_of(inputs.meta) == ["seen before", ON_CPU] and ON_CPU in caplog.text
    torch.testing.assert_close(network.state_dict(), before)  # the next case finds it as it was


class Convolution(torch.nn.Module):
    """Tells in which numbers its convolution was done."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv3d(1, 1, 1)
        self.dtypes = []

    def forward(self, image):
        logit = self.layer(image)
        self.dtypes.append(logit.dtype)
        return logit


@pytest.mark.parametrize(("amp", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_on_a_cpu_it_runs_in_bfloat16_where_that_is_asked_for(amp, dtype):
    torch.manual_seed(0)
    inputs, network = volume(), Convolution()
    logit = MemorySafeInferer(amp)(inputs, network)
    assert network.dtypes == [dtype] and logit.dtype == torch.float32
    assert warnings_of(logit.meta) == ["seen before"]
    torch.testing.assert_close(logit, SimpleInferer()(inputs, network), atol=0.02, rtol=0.02)


def test_half_precision_becomes_single_on_the_cpu():
    inputs, network = volume(), Full(2).half()
    assert MemorySafeInferer()(inputs.half(), network).dtype == torch.float32


def test_another_error_is_not_hidden():
    def broken(_):
        raise RuntimeError("a fault of the program")

    network = ContrastNetwork()
    network.forward = broken
    with pytest.raises(RuntimeError, match="a fault of the program"):
        MemorySafeInferer()(volume(), network)


@pytest.mark.parametrize("fails_in", ["network", "post-processing"])
def test_the_case_is_finished_and_says_so(tmp_path, weights, fails_in, monkeypatch):
    """In the log, the table and the JSON of that case, not of the next."""
    for name in ("1", "2"):
        tube_case(tmp_path / "data", name)
    network = {"_target_": "tests.inferers.test_memory_safe.Full", "times": 2 if fails_in == "network" else 0}
    run = workflow(tmp_path / "data", tmp_path / "eval", weights, network_def=network)
    if fails_in == "post-processing":
        cleaned = run.parser.get_parsed_content("postprocessing").transforms[-4]
        work, left = type(cleaned).__call__, iter([True])

        def full(self, data):
            if next(left, False):
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
            return work(self, data)

        monkeypatch.setattr(type(cleaned), "__call__", full)
    run.run()
    with open(tmp_path / "eval" / "summary.csv", newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert [rows[case]["status"] for case in "12"] == ["ok", "ok"]
    assert rows["1"]["volume_mm3"] == rows["2"]["volume_mm3"]
    if fails_in == "network":
        assert ON_CPU in rows["1"]["warnings"] and ON_CPU not in rows["2"]["warnings"]
        assert ON_CPU in json.loads((tmp_path / "eval" / "1" / "1.json").read_text())["warnings"]
