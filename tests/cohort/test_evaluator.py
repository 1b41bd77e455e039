"""One case among four fails after loading: the others are finished once each, the failed one is listed."""

import logging

import pytest
import torch
from ignite.engine import Events
from monai.data import Dataset
from monai.transforms import Compose, Lambdad
from tube_cases import tube_case

from bundle.cohort.evaluator import CaseEvaluator
from bundle.cohort.loader import CaseLoader
from bundle.handlers.cases.metrics_table import MetricsTable
from bundle.transforms.load_cta import LoadCTAd
from bundle.transforms.save_case import SaveCased


class Threshold(torch.nn.Module):
    """Lumen where it is brighter than 200 HU; refuses the case whose every voxel was raised by 5000 HU."""

    def forward(self, image):
        if image.min() > 4000:
            raise RuntimeError("the network cannot work on this")
        return (image > 200).float()


@pytest.fixture
def items(tmp_path):
    return [tube_case(tmp_path / "data", f"c{n}", shape=(16, 16, 8), seed=n) for n in range(4)]


def run(items, postprocessing=None, handlers=(), raised=()):
    """The cases that reached the handlers, and the loader."""

    def raise_some(image):
        return image + 5000 * any(name in image.meta["filename_or_obj"] for name in raised)

    loader = CaseLoader(Dataset(items, Compose([LoadCTAd(["image", "label"]), Lambdad("image", raise_some)])))
    seen = []
    evaluator = CaseEvaluator(
        torch.device("cpu"), loader, Threshold(), postprocessing=postprocessing, val_handlers=list(handlers)
    )
    evaluator.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: seen.extend(item["case"] for item in e.state.batch)
    )
    evaluator.run()
    return seen, loader


def failing_on(*cases):
    def work(data):
        if data["case"] in cases:
            raise ValueError(f"no vessel in {data['case']}")
        return data

    return work


def test_post_processing_that_fails(items, caplog):
    with caplog.at_level(logging.ERROR):
        seen, loader = run(items, failing_on("c0", "c2"))
    assert seen == ["c1", "c3"]
    expected = [
        {"case": f"c{n}", "image": items[n]["image"], "reason": f"ValueError: no vessel in c{n}"}
        for n in (0, 2)
    ]
    assert list(loader.failures) == expected
    assert "Traceback" in caplog.text  # it may be a fault of the program


def test_a_network_that_fails(items):
    seen, loader = run(items, raised=["c3"])
    assert seen == ["c0", "c1", "c2"]
    assert [(f["case"], f["reason"]) for f in loader.failures] == [
        ("c3", "RuntimeError: the network cannot work on this")
    ]


def test_a_folder_that_cannot_be_written(items, tmp_path):
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "c1").write_text("a file where the folder should be")
    seen, loader = run(items, SaveCased("pred", tmp_path / "eval"))
    assert seen == ["c0", "c2", "c3"]
    assert loader.failures[0]["case"] == "c1" and "File exists" in loader.failures[0]["reason"]
    assert (tmp_path / "eval" / "c3" / "c3_seg.nii.gz").exists()


@pytest.mark.parametrize("broken", [["c1"], ["c0", "c1", "c2", "c3"]], ids=["one", "all"])
def test_a_case_that_cannot_be_measured(items, tmp_path, broken):
    """The figures are those of the others; of none, the summary says n = 0."""

    def prepare(data):
        data["pred"].meta["threshold"] = 0.5
        if data["case"] in broken:
            data["pred"] = data["pred"][:, :-1]  # another grid than the label's
        return data

    loader = CaseLoader(Dataset(items, LoadCTAd(["image", "label"])))
    metrics = MetricsTable(tmp_path / "eval")
    evaluator = CaseEvaluator(
        torch.device("cpu"), loader, Threshold(), postprocessing=prepare, val_handlers=[metrics]
    )
    evaluator.run()
    assert [row["case"] for row in metrics.rows] == [f"c{n}" for n in range(4) if f"c{n}" not in broken]
    assert [f["case"] for f in loader.failures] == broken
    summary = (tmp_path / "eval" / "metrics_summary.csv").read_text()
    assert f"\ndice,{4 - len(broken)}," in summary


def test_a_later_run_has_as_many_cases_as_its_own_list(items):
    """Ignite goes on with the number of batches of the run before, and of a run without one none are left."""
    loader = CaseLoader(Dataset(items[:1], LoadCTAd(["image", "label"])))
    evaluator, seen = CaseEvaluator(torch.device("cpu"), loader, Threshold()), []
    evaluator.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: seen.extend(item["case"] for item in e.state.batch)
    )
    with open(items[0]["image"], "w") as file:
        file.write("not an image")
    for part in (items[:1], items[1:2], items[2:4]):
        loader.dataset.data = part
        evaluator.run()
    assert seen == ["c1", "c2", "c3"]
