"""What is asked of Ray before a case is run: that it is there, where it is, and how many workers fit."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from typed import coronary

from bundle.cluster.engine import connected, import_ray, room_for
from bundle.common.errors import InputError, RunFailed


def nodes(*resources):
    return SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": r} for r in resources])


def test_without_ray_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"needs Ray, which is not installed; run: pip install 'ray>="):
        import_ray()


@pytest.mark.parametrize("address", ["nowhere", "ray://head", "head:port", ""])
def test_an_address_is_looked_at_before_anything_is_started(address):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"it is local, auto, ray://HOST:10001 or HOST:6379"):
        connected(address).__enter__()


def test_workers_fit_on_nodes_and_not_across_them():
    two = nodes({"CPU": 3}, {"CPU": 3})
    assert room_for(two, 2, None, on_cpu=False) == (2, 0.0)  # the cores that are left over are on two nodes
    assert room_for(two, 0.5, None, on_cpu=False) == (12, 0.0)


def test_where_there_are_gpus_a_worker_takes_one_or_the_part_that_is_given():
    mixed = nodes({"CPU": 16, "GPU": 2}, {"CPU": 16})
    assert room_for(mixed, 1, None, on_cpu=False) == (2, 1.0)
    assert room_for(mixed, 1, 0.25, on_cpu=False) == (8, 0.25)
    assert room_for(mixed, 4, 0.25, on_cpu=False) == (4, 0.25)  # by the cores
    assert room_for(mixed, 1, None, on_cpu=True) == (32, 0.0)


def test_a_worker_that_fits_nowhere_is_told_of_and_not_waited_for():
    with pytest.raises(
        RunFailed, match=r"no node of the cluster has room for a worker of 8 cores and 0 GPUs"
    ):
        room_for(nodes({"CPU": 4}), 8, None, on_cpu=False)
    with pytest.raises(RunFailed, match=r"\(it has 4 cores and 0 GPUs\); change cluster#num_cpus"):
        room_for(nodes({"CPU": 4}), 1, 1, on_cpu=False)


@pytest.mark.parametrize(
    "words, said",
    [
        (("s3://bucket/a.nii.gz", "--out", "new"), "URLs are read and written by the workers of --cluster"),
        (
            ("scan.nii.gz", "--out", "s3://bucket/new"),
            "URLs are read and written by the workers of --cluster",
        ),
        (("scan.nii.gz", "--out", "new", "--cluster", "here"), "the cluster is 'here'; it is local, auto"),
        (
            ("scan.nii.gz", "--out", "new", "--cluster", "local", "--set", "cluster#workers=0"),
            "whole number from 1",
        ),
        (("scan.nii.gz", "--out", "new", "--cluster", "local", "--set", "cluster#cpus=1"), "num_cpus"),
    ],
)
def test_what_is_mistyped_ends_in_a_sentence_and_leaves_nothing(words, said, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from tube_cases import tube_case

    monkeypatch.chdir(tmp_path)
    image = tube_case(tmp_path, "scan")["image"]
    words = [image if word == "scan.nii.gz" else word for word in words]
    before = set(tmp_path.rglob("*"))
    answer = coronary(monkeypatch, "segment", *words)
    assert answer.code == 2 and said in answer.last, answer.err
    assert set(tmp_path.rglob("*")) == before
