"""Damaged scans end in a sentence or in a right result; scripts/fuzz_loader.py does it by the thousand."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.fuzz_loader import SUFFIXES, judged, mutated, write_seeds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return write_seeds(tmp_path_factory.mktemp("seeds"))


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(suffix=st.sampled_from(SUFFIXES), kind=st.sampled_from([0, 1]), seed=st.integers(0, 2**32 - 1))
def test_damage_from_the_fuzzers_hand(seeds, tmp_path, suffix, kind, seed):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(mutated(seeds[suffix][kind], suffix, np.random.default_rng(seed)))
    assert judged(path) in ("loaded", "refused")


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    suffix=st.sampled_from([".nii", ".nrrd", ".mha"]),
    at=st.integers(0, 700),
    cut=st.integers(0, 60),
    put=st.binary(max_size=60),
)
def test_any_bytes_in_place_of_any_others(seeds, tmp_path, suffix, at, cut, put):
    whole = seeds[suffix][0]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(whole[:at] + put + whole[at + cut :])
    assert judged(path) in ("loaded", "refused")


def test_whole_files_load(seeds, tmp_path):
    """Or else the others prove nothing."""
    for suffix, wholes in seeds.items():
        for whole in wholes:
            path = tmp_path / f"a{suffix}"
            path.write_bytes(whole)
            assert judged(path) == "loaded"


@pytest.mark.slow
def test_four_thousand_files_in_processes_that_may_die():
    words = [sys.executable, "scripts/fuzz_loader.py", "--count", "4000"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
