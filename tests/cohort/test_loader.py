"""One broken case among four: the others are evaluated once each, the broken one is listed."""

import logging
import threading
import warnings

import pytest
import torch
from ignite.engine import Events
from monai.data import Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose, Lambdad
from tube_cases import tube_case

from bundle.cohort.loader import CaseLoader
from bundle.common.errors import InputError
from bundle.transforms.load_cta import LoadCTAd


@pytest.fixture
def items(tmp_path):
    return [tube_case(tmp_path, f"c{n}", shape=(16, 16, 8), seed=n) for n in range(4)]


def break_case(item):
    with open(item["image"], "w") as file:
        file.write("not an image")


def evaluate(loader):
    """Run MONAI's evaluator over the loader and return the cases that it saw and its state."""
    seen = []
    evaluator = SupervisedEvaluator(torch.device("cpu"), loader, torch.nn.Identity())
    evaluator.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: seen.extend(item["case"] for item in e.state.batch)
    )
    completed = []
    evaluator.add_event_handler(Events.COMPLETED, lambda e: completed.append(True))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Ignite warns where it starts a loader anew
        evaluator.run()
    assert completed == [True]
    return seen, evaluator


@pytest.mark.parametrize("broken", [[0], [1], [3], [0, 3], [2, 3], []])
def test_the_other_cases_are_evaluated_once_each(items, broken):
    for n in broken:
        break_case(items[n])
    loader = CaseLoader(Dataset(items, LoadCTAd(["image", "label"])))
    seen, evaluator = evaluate(loader)
    assert seen == [f"c{n}" for n in range(4) if n not in broken]
    assert evaluator.state.iteration == len(seen)
    assert [f["case"] for f in loader.failures] == [f"c{n}" for n in broken]
    for failure in loader.failures:
        assert failure["reason"] == f"'{failure['image']}' is not an image that can be read: " + (
            "expected NIfTI, NRRD or MHA"
        )


def test_a_run_in_which_every_case_is_broken_ends(items):
    for item in items:
        break_case(item)
    loader = CaseLoader(Dataset(items, LoadCTAd(["image"])))
    seen, _ = evaluate(loader)
    assert seen == [] and len(loader.failures) == 4


def test_no_case_at_all():
    with pytest.raises(InputError, match="there is no case to run on"):
        CaseLoader(Dataset([]))


def test_batches_hold_one_case_with_its_metadata(items):
    batches = list(CaseLoader(Dataset(items, LoadCTAd(["image", "label"]))))
    assert [b["case"] for b in batches] == [["c0"], ["c1"], ["c2"], ["c3"]]
    assert batches[0]["image"].shape == (1, 1, 16, 16, 8)
    assert batches[2]["image"].meta["filename_or_obj"] == [items[2]["image"]]


def test_a_second_run_lists_its_own_failures_only(items):
    break_case(items[1])
    loader = CaseLoader(Dataset(items, LoadCTAd(["image"])))
    assert len(list(loader)) == 3 and len(loader.failures) == 1
    assert len(list(loader)) == 3 and len(loader.failures) == 1


def test_one_case_is_loaded_ahead_and_no_more(items):
    loaded = []
    gate = threading.Event()

    def note(path):
        loaded.append(path)
        if len(loaded) == 2:
            gate.set()
        return path

    cases = iter(CaseLoader(Dataset(items, Lambdad("image", note))))
    next(cases)
    assert gate.wait(5)  # the second case is loaded while the first is in work
    assert loaded == [items[0]["image"], items[1]["image"]]
    next(cases)
    cases.close()
    assert len(loaded) <= 3


def test_a_fault_of_a_transform_is_a_failure_with_its_traceback_in_the_log(items, caplog):
    def fault(image):
        raise KeyError("no such thing")

    loader = CaseLoader(Dataset(items[:1], Compose([Lambdad("image", fault)])))
    with caplog.at_level(logging.ERROR):
        assert list(loader) == []
    assert list(loader.failures) == [
        {"case": "c0", "image": items[0]["image"], "reason": "KeyError: 'no such thing'"}
    ]
    assert "Traceback" in caplog.text and "case 'c0' failed" in caplog.text
