"""`coronary segment`, `train` and `evaluate` from any folder: what `monai.bundle run` gives."""

from __future__ import annotations

import csv
import json

import pytest
from inference_run import CONTRAST
from page_case import data_of
from small_run import SMALL
from tube_cases import tube_case
from typed import ROOT, coronary, sets, typed

NETWORK = {"network_def": CONTRAST, "spatial_size": [48, 48, 32]}
NATIVE = {
    "spacing_mm": 0.9,
    "inferer#roi_size": [32, 32, 32],
    "amp": False,
    "coarse_look#network": CONTRAST,
    "inferer#everywhere": False,
}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def files_of(folder):
    """Every file of a case by its name; of JSON and page what they say, without the times."""
    kept = [path for path in folder.iterdir() if path.suffix not in (".json", ".html")]
    found = {path.name: path.read_bytes() for path in kept}
    (page,) = folder.glob("*.html")
    found[page.name] = {key: value for key, value in data_of(page).items() if key != "report"}
    (report,) = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    report["scan"].pop("windows_seconds", None)
    report.get("record", {}).get("file_bytes", {}).pop(page.name, None)  # as long as its times
    return found, {key: report[key] for key in report if key not in ("seconds", "provenance")}


@pytest.mark.parametrize("mode", ["paper", "native"])
def test_segment_gives_the_files_of_monai_bundle_run(mode, tmp_path, weights, monkeypatch):
    scan = tube_case(tmp_path / "data", "a")["image"]
    keys = NETWORK | {"ckpt_path": weights, "geometry#pictures": False}
    if mode == "native":
        keys |= NATIVE | {"coarse_ckpt_path": weights}
        del keys["spatial_size"]
    files = str(["configs/inference.yaml", f"configs/modes/{mode}.yaml"])
    flags = [f"--{key}={json.dumps(v) if isinstance(v, dict) else v}" for key, v in keys.items()]
    places = (f"--dataset_dir={scan}", f"--output_dir={tmp_path / 'monai'}", "--device=cpu")
    assert typed(monkeypatch, "inference", f"--config_file={files}", *places, *flags).code == 0

    monkeypatch.chdir(tmp_path)
    words = ("data/a.img.nii.gz", "--out", "results", "--mode", mode, "--device", "cpu", *sets(**keys))
    answer = coronary(monkeypatch, "segment", *words)
    assert answer.code == 0 and "case 'a' is done" in answer.out
    theirs, ours = files_of(tmp_path / "monai" / "a"), files_of(tmp_path / "results" / "a")
    assert {"a_seg.nii.gz", "a_prob.nii.gz", "a_mesh.stl", "a_branches.csv"} <= set(ours[0])
    assert ours == theirs
    scene = (tmp_path / "results" / "a" / "a_scene.mrml").read_text()
    assert 'fileName="../../data/a.img.nii.gz"' in scene and 'fileName="a_seg.nii.gz"' in scene
    assert (tmp_path / "results" / "run.log").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"data", "monai", "results", weights.name}

    answer = coronary(monkeypatch, "segment", *words)
    assert answer.code == 0 and [row["kept"] for row in rows("results/summary.csv")] == ["yes"]


def test_several_scans_and_folders_are_one_run(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tube_case("one", "a")
    tube_case("folder", "b", seed=1)
    tube_case("folder", "c", seed=2)
    keys = NETWORK | {"ckpt_path": weights, "geometry#pictures": False}
    words = ("folder", "one/a.img.nii.gz", "folder/b.img.nii.gz", "--out", "results", "--mode", "paper")
    assert coronary(monkeypatch, "segment", *words, "--device", "cpu", *sets(**keys)).code == 0
    assert [row["case"] for row in rows("results/summary.csv")] == ["b", "c", "a"]
    # What another mode or overlay would replace is said before anything is.
    (tmp_path / "mine.yaml").write_text("geometry#formats: [obj]\n")
    again = ("--device", "cpu", *sets(**keys), "--config", "mine.yaml")
    said = coronary(monkeypatch, "segment", *words, *again).out
    line = "3 finished cases are made again, in place of what is there: now asked for with mine.yaml"
    assert said.count("made again, in place of") == 1 and line in said.partition("case 'b'")[0]
    assert "made again, in place of" not in coronary(monkeypatch, "segment", *words, *again).out


def test_an_overlay_of_ones_own_and_one_of_the_bundle_s_are_laid_over(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = tube_case("data", "a")["image"]
    (tmp_path / "mine.yaml").write_text("geometry#formats: [obj]\ngeometry#pictures: false\n")
    keys = NETWORK | {"ckpt_path": weights}
    words = (scan, "--out", "results", "--mode", "paper", "--device", "cpu", *sets(**keys))
    answer = coronary(monkeypatch, "segment", *words, "--config", "mine.yaml", "--config", "modes/tta.yaml")
    assert answer.code == 0
    written = {path.name for path in (tmp_path / "results" / "a").iterdir()}
    assert {"a_mesh.obj", "a_entropy.nii.gz"} <= written and "a_mesh.stl" not in written


def test_train_and_evaluate_from_another_folder(imagecas_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {key: value for key, value in SMALL.items() if key != "device"}
    training = small | {"max_epochs": 1, "shown_cases": 0}
    words = ("ImageCAS", "--device", "cpu", *sets(**training))
    assert coronary(monkeypatch, "train", *words).code == 0
    assert (tmp_path / "runs" / "default" / "model.pt").is_file()
    answer = coronary(monkeypatch, "train", *words[:3], "--resume", *sets(**training | {"max_epochs": 2}))
    assert answer.code == 0 and len(rows("runs/default/curves.csv")) == 2

    keys = {key: small[key] for key in ("spatial_size", "channels")}
    keys |= {"ckpt_path": "runs/default/model.pt", "write_geometry": False}
    words = ("ImageCAS", "--out", "figures", "--mode", "paper", "--device", "cpu", *sets(**keys))
    assert coronary(monkeypatch, "evaluate", *words).code == 0
    assert [row["case"] for row in rows("figures/metrics.csv")] == ["5", "6"]


def test_the_configs_of_the_checkout_are_the_bundle_s_root():
    from bundle.common.root import bundle_root

    assert bundle_root() == ROOT
