"""Damaged scans end in a sentence or in a right result; the study does it by the thousand."""

import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_call import study
from studies.robustness.fuzz import SUFFIXES, judged, mutated, outcomes, write_seeds


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
def test_a_process_that_dies_is_charged_to_the_file_it_had_in_hand(seeds, tmp_path, monkeypatch):
    """Here it dies of the third name, which is none."""
    for name in ("a.nii", "b.nii", "d.nii"):
        (tmp_path / name).write_bytes(seeds[".nii"][0])
    found = dict(outcomes(tmp_path, ["a.nii", "b.nii", 3, "d.nii"]))
    assert found.pop(3) == "crash: the process ended with code 1"
    assert found == dict.fromkeys(("a.nii", "b.nii", "d.nii"), "loaded")


@pytest.mark.slow
def test_four_thousand_files_in_processes_that_may_die(tmp_path):
    assert study("robustness", "fuzz", "--count", 4000, "--out", tmp_path) == 0
    with open(tmp_path / "robustness_fuzz.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["loaded"]) + int(row["refused"]) for row in rows) == 4000
