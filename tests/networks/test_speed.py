"""What makes a network quick leaves its answer as it is."""

import ctypes
import subprocess
import sys

import pytest
import torch

from bundle.networks import half_precision, is_quick_in_half


def test_half_precision_leaves_an_outer_autocast_alone():
    x = torch.rand(2, 2)
    with half_precision("cpu", False):
        assert (x @ x).dtype == torch.float32
    with torch.autocast("cpu", torch.float16), half_precision("cpu", False):
        assert (x @ x).dtype == torch.float16
    with half_precision("cpu", True):
        assert (x @ x).dtype == torch.bfloat16


def test_a_gpu_is_quick_in_half():
    assert is_quick_in_half("cuda:0") and not is_quick_in_half("mps")


KEPT = """
import resource, torch
from bundle.networks import memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
with memory_kept():
    torch.ones(2**24)
    kept = faults()
print(usual, kept, faults())
"""


@pytest.mark.slow
def test_kept_memory_serves_the_next_array():
    """Its pages come back without a fault of the system. In a fresh process, whose heap can still grow."""
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("a setting of glibc")
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    usual, kept, after = map(int, run.stdout.split())
    assert kept < usual / 10 and after > usual / 2
