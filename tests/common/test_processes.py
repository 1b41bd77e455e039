"""What several processes agree on, with two forked ones."""

from __future__ import annotations

import multiprocessing

import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine

from bundle.common.errors import InputError
from bundle.common.processes import gathered, local_device, on_first_process, require_a_case_each
from bundle.handlers.training.stop import TimeLimit


def on_two_processes(function, folder) -> list:
    """What ``function(rank)`` gives on each of two processes."""
    context = multiprocessing.get_context("fork")  # they have torch already
    results = context.Queue()

    def work(rank: int) -> None:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
        results.put((rank, function(rank)))
        dist.barrier()
        dist.destroy_process_group()

    processes = [context.Process(target=work, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    try:
        return [value for _, value in sorted(results.get(timeout=60) for _ in processes)]
    finally:
        for process in processes:
            process.join(timeout=10)
            process.kill()


def sentence_of(function, *arguments) -> str:
    try:
        function(*arguments)
    except InputError as error:
        return str(error)
    return "no error"


def test_every_process_gets_the_items_of_all(tmp_path):
    assert on_two_processes(lambda rank: gathered(["a", "b"][rank:]), tmp_path) == [["a", "b", "b"]] * 2
    assert gathered(["a"]) == ["a"]


def test_the_first_process_works_and_all_learn_of_its_fault(tmp_path):
    def make(path):
        if path.exists():
            raise InputError(f"{path.name} is there already")
        path.mkdir()

    def twice(rank):
        return [sentence_of(on_first_process, make, tmp_path / "folder") for _ in range(2)]

    assert on_two_processes(twice, tmp_path) == [["no error", "folder is there already"]] * 2


def test_all_processes_end_where_the_time_of_one_is_over(tmp_path):
    def ends(rank):
        trainer = Engine(lambda engine, batch: None)
        TimeLimit(minutes=(1e-9, 1000)[rank]).attach(trainer)
        trainer.run([0], max_epochs=5)
        return trainer.state.epoch

    assert on_two_processes(ends, tmp_path) == [1, 1]


@pytest.mark.parametrize(("count", "fault"), [(0, None), (1, "validation has 1 cases"), (2, None)])
def test_fewer_cases_than_processes_are_refused(count, fault, monkeypatch):
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    sentence = sentence_of(require_a_case_each, [{}] * count, "validation")
    assert sentence.startswith(fault or "no error")


def test_a_process_takes_the_gpu_of_its_number(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert "need torchrun" in sentence_of(local_device)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert local_device() == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert "2 processes on a machine with 1 GPUs" in sentence_of(local_device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert local_device() == torch.device("cpu")
