"""Every study, small: it runs, and leaves its figures in a page and its rows in a CSV."""

from __future__ import annotations

import csv
from importlib.util import find_spec

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from PIL import Image
from script_call import study
from shared import ROOT, SEEDS
from studies import narrowings
from studies.common import table, write_results
from studies.openfoam import why_no_openfoam

from bundle.geometry.solver.tetrahedra import why_no_mesher
from bundle.networks import ENGINES
from bundle.phantom import write_imagecas

SMALL = ("--set", "spatial_size=[32,32,16]", "--set", "device=cpu")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Folders of one phantom each, far smaller than the study would make it: one that is there is kept."""
    folder = tmp_path_factory.mktemp("phantoms")
    for part in ("test", "validation"):
        write_imagecas([SEEDS[part]], folder / part, shape=(96, 96, 64), processes=1)
    return folder


def test_a_table_has_four_digits_or_what_is_asked():
    rows = [{"n": 3, "s": 1.234567, "t": None}, {"n": 2, "s": float("nan")}]
    lines = table(rows, {"n": "number", "s": "time, s", "t": "t"}, s=".2f").splitlines()
    assert lines == ["| number | time, s | t |", "|---|---|---|", "| 3 | 1.23 |  |", "| 2 |  |  |"]


def test_what_is_written_by_hand_stays(tmp_path):
    write_results(tmp_path, "speed one", "first", [{"s": 1 / 3}], ["s"])
    page = (tmp_path / "speed.md").read_text()
    (tmp_path / "speed.md").write_text(page.replace("# Speed", "# By hand") + "\nBelow.\n")
    write_results(tmp_path, "speed two", "second \\1", [{"s": 2}], ["s"])
    write_results(tmp_path, "speed one", "third", [{"s": 1 / 3}], ["s"])
    page = (tmp_path / "speed.md").read_text()
    assert page.startswith("# By hand\n") and "first" not in page and "\nBelow.\n" in page
    assert page.index("third") < page.index("Below.") < page.index("second \\1")
    assert rows_of(tmp_path / "speed_one.csv") == [{"s": str(1 / 3)}]


def test_accuracy(phantoms, tmp_path):
    words = ("--count", 1, "--data", phantoms / "test", "--output-dir", tmp_path / "eval", *SMALL)
    assert study("accuracy", *words, "--out", tmp_path) == 0
    (row,) = rows_of(tmp_path / "accuracy.csv")
    assert 0 <= float(row["dice"]) <= 1
    page = (tmp_path / "accuracy.md").read_text()
    assert f"seeds {SEEDS['test']} to {SEEDS['test']}" in page and "volume fraction of lumen" in page


@pytest.mark.slow
def test_geometry_scans(phantoms, tmp_path):
    words = ("--count", 1, "--data", phantoms / "test", "--output-dir", tmp_path / "eval", "--out", tmp_path)
    assert study("geometry_scans", *words, "--set", "device=cpu") == 0
    assert [row["from"] for row in rows_of(tmp_path / "geometry_scans.csv")] == ["true mask", "network"]


def test_postprocessing(phantoms, tmp_path, capsys):
    words = ("--count", 1, "--data", phantoms / "validation", "--out", tmp_path, *SMALL)
    assert study("postprocessing", *words) == 1  # so coarse a grid leaves nothing to choose
    assert "no setting keeps the rule" in capsys.readouterr().err
    assert len(rows_of(tmp_path / "postprocessing.csv")) == 2 * 2 * 8 * 5


def test_the_choice_is_the_best_of_those_that_keep_the_rule():
    from studies.postprocessing import COLUMNS, mean_over_cases, tables

    rows = []
    for order, mode, threshold, smallest, overlap, ratio in (
        ("logit", "spline", 0.35, 60, 0.8, 1.05),
        ("logit", "linear", 0.35, 60, 0.7, 1.0),
        ("probability", "spline", 0.35, 60, 0.9, 1.2),  # too large
        ("probability", "linear", 0.35, 60, 0.6, 1.0),
    ):
        figures = (order, mode, threshold, smallest, overlap, overlap, ratio, 0, 1.0, 0.7)
        rows.append(dict(zip(COLUMNS[1:], figures)) | {"case": "1"})
    page = tables(mean_over_cases(rows), rows, "w")
    assert "**Chosen:** inverse on the logit, spline, threshold 0.35, parts from 60 mm³: Dice 0.8000" in page


def test_native(phantoms, tmp_path):
    """In two steps; what is set of the windows is for the native network alone: the default one has none."""
    small = ("--set", "resize#spacing_mm=4", "--set", "inferer#roi_size=[32,32,32]", *SMALL)
    words = ("--count", 1, "--data", phantoms / "test", "--out", tmp_path)
    assert study("native", *words, *small, "--predict", tmp_path / "said") == 0
    files = sorted((tmp_path / "said" / "held-out").iterdir())
    assert [path.name for path in files] == ["1.default.npz", "1.native.npz"]
    made = [path.stat().st_mtime_ns for path in files]
    assert study("native", *words, *small, "--predict", tmp_path / "said") == 0
    assert [path.stat().st_mtime_ns for path in files] == made  # kept
    assert not (tmp_path / "native.csv").exists()
    assert study("native", *words, "--from", tmp_path / "said") == 0
    rows = rows_of(tmp_path / "native.csv")
    levels = [f"native, {level}, 60 mm³" for level in (0.3, 0.4, 0.5)]
    own = ConfigParser.load_config_file(ROOT / "configs/modes/native.yaml")["threshold_upper"]
    assert [row["method"] for row in rows] == ["default", *levels, f"native, {own}, trees"]
    assert {(row["set"], row["case"]) for row in rows} == {("held-out", str(SEEDS["test"]))}
    assert all(0 <= float(row["dice"]) <= 1 and int(row["parts"]) <= int(row["parts_before"]) for row in rows)
    assert "1 held-out" in (tmp_path / "native.md").read_text()
    labels = tmp_path / "labels" / "held-out"
    labels.mkdir(parents=True)
    for ending in ("label.nii.gz", "truth.json"):  # all that the figures need
        (labels / f"1.{ending}").symlink_to(phantoms / "test" / "1-200" / f"1.{ending}")
    alone = ("--from", tmp_path / "said", "--labels", labels.parent, "--out", tmp_path)
    assert study("native", *alone, "--rules") == 0
    rows = {row["method"]: row for row in rows_of(tmp_path / "native_rules.csv")}
    assert list(rows) == [
        "none",
        "opening, 0.5 mm",
        "largest",
        "two largest",
        "30 mm³",
        "60 mm³",
        "100 mm³",
        "trees",
    ]
    assert rows["none"]["parts"] == rows["none"]["parts_before"] and int(rows["two largest"]["parts"]) <= 2


def test_native_without_predictions_says_how_to_make_them(phantoms, tmp_path, capsys):
    words = ("--count", 1, "--data", phantoms / "test", "--out", tmp_path, "--from", tmp_path)
    assert study("native", *words) == 2
    assert "make them with --predict" in capsys.readouterr().err


@pytest.mark.parametrize("is_logit", [False, True])
def test_a_prediction_comes_back_from_its_file(tmp_path, is_logit):
    from studies.predictions import Prediction, read_prediction, write_prediction

    affine = np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = (3, 4, 5)
    values = {name: np.zeros((20, 24, 28), np.float32) for name in ("lumen", "vein")}
    values["lumen"][4:8, 5:9, 6:20] = 0.7
    values["vein"][10, 10, 10] = 0.02  # too little to be worth the space
    said = Prediction(values, is_logit, affine, (40, 24, 28), np.eye(4), 1.5, "abc")
    write_prediction(said, tmp_path / "a.npz")
    back = read_prediction(tmp_path / "a.npz")
    assert (back.scan_shape, back.seconds, back.weights, back.is_logit) == (
        (40, 24, 28),
        1.5,
        "abc",
        is_logit,
    )
    np.testing.assert_allclose(back.values["lumen"], values["lumen"], atol=0.01)
    assert back.values["vein"].max() < 0.03
    np.testing.assert_array_equal(back.affine, affine)
    on_scan = back.on_scan("lumen", (40, 24, 28), "linear")
    assert on_scan.shape == (1, 40, 24, 28)
    assert float(on_scan.max()) == pytest.approx(0.668 if is_logit else 0.7, abs=0.01)


def test_a_mask_that_is_the_truth_sees_all_of_the_line():
    from studies.native import measure

    affine = np.diag([-0.5, 0.5, 0.5, 1.0])
    volume = torch.zeros(1, 20, 20, 60)
    volume[:, 8:12, 8:12, 5:55] = 1
    mask = MetaTensor(volume, affine=affine)
    points = [[-5.0, 5.0, z] for z in np.arange(3, 27, 0.5)]
    branch = {"points_ras_mm": points, "radius_mm": [1.0] * len(points), "parent": ""}
    empty = {"points_ras_mm": [], "radius_mm": []}  # of which the scan shows nothing
    tissue = np.full((20, 20, 60), 5, np.uint8)
    row = measure(mask, mask, {"branches": [branch, empty]}, tissue)
    assert row["parts"] == 1 and row["false_bone_mm"] == 0
    assert row["tree_precision"] == row["tree_recall"] == 1 and row["missed_middle"] == 0
    assert np.isnan(row["missed_thin"])
    far = {"branches": [branch | {"points_ras_mm": [[p[0] - 9, *p[1:]] for p in points]}]}
    row = measure(mask, mask, far, tissue)
    assert row["tree_f1"] == 0 and row["false_bone_mm"] == row["false_mm"] > 20
    assert measure(MetaTensor(0 * volume, affine=affine), mask, far)["dice"] == 0


def test_the_page_of_the_native_network_has_the_figures_of_its_rows():
    from studies.native import figures

    results = ROOT / "docs" / "results"
    tables = figures(rows_of(results / "native.csv"), []).split("\n\n")[1:]
    assert all(table in (results / "native.md").read_text() for table in tables)


@pytest.mark.slow
def test_geometry(tmp_path):
    assert study("geometry", "--first-seed", 100, "--count", 1, "--kind", "mask", "--out", tmp_path) == 0
    (row,) = rows_of(tmp_path / "geometry.csv")
    assert row["solid"] == "True" and float(row["surface_mm"]) < 0.05


@pytest.mark.slow
def test_degraded(tmp_path):
    assert study("degraded", "--first-seed", 500, "--count", 1, "--out", tmp_path) == 0
    (row,) = rows_of(tmp_path / "degraded.csv")
    parts = [float(row[f"{name}_mm"]) for name in ("right", "unknown", "wrong")]
    assert sum(parts) == pytest.approx(float(row["seen_mm"])) and int(row["gaps_joined"]) <= int(row["gaps"])


@pytest.mark.slow
@pytest.mark.skipif(why_no_mesher() is not None, reason="gmsh is not installed here")
def test_volume_mesh(tmp_path):
    words = ("--count", 1, "--narco", tmp_path / "none", "--meshes", tmp_path / "m", "--out", tmp_path)
    assert study("volume_mesh", *words) == 0
    rows = rows_of(tmp_path / "volume_mesh.csv")
    assert [row["boundary_layers"] for row in rows] == ["0", "3"]
    for row in rows:
        assert row["result"] == "meshed" and float(row["scaled_jacobian_min"]) > 0
        assert row["check"] in (("Mesh OK",) if why_no_openfoam() is None else ("",))
    assert len(list((tmp_path / "m").glob("*.msh"))) == 2


@pytest.mark.skipif(why_no_mesher() is None, reason="gmsh is installed here")
def test_volume_mesh_without_gmsh_is_a_sentence(tmp_path, capsys):
    assert study("volume_mesh", "--out", tmp_path) == 2
    assert "pip install gmsh" in capsys.readouterr().err


def test_speed_of_crops(tmp_path):
    words = ("--size", 8, "--size", 16, "--patients", 1, "--batches", 1, "--batch-size", 1)
    assert study("speed", "crops", *words, "--out", tmp_path) == 0
    rows = rows_of(tmp_path / "speed_crops.csv")
    assert [row["size"] for row in rows] == ["8³", "16³"]
    assert all(float(row["plan_ms"]) > 0 and float(row["crops_a_second"]) > 0 for row in rows)


def test_speed_of_an_inference(phantoms, tmp_path):
    image = phantoms / "test" / "1-200" / "1.img.nii.gz"
    assert study("speed", "inference", "--image", image, "--out", tmp_path, *SMALL) == 0
    rows = {row["stage"]: row for row in rows_of(tmp_path / "speed_inference.csv")}
    assert {"import", "LoadCTAd", "network", "Invertd", "geometry: surface", "whole run"} <= set(rows)
    assert float(rows["whole run"]["seconds"]) > float(rows["network"]["seconds"]) > 0
    assert "A scan of 96×96×64 voxels." in (tmp_path / "speed.md").read_text()
    off = ("--set", "handlers#0#_disabled_=true")
    assert study("speed", "inference", "--image", image, "--out", tmp_path, *SMALL, *off) == 0
    stages = [row["stage"] for row in rows_of(tmp_path / "speed_inference.csv")]
    assert "network" in stages and not any(stage.startswith("geometry") for stage in stages)


@pytest.mark.slow
def test_speed_of_the_geometry(tmp_path):
    assert study("speed", "geometry", "--shape", 96, 96, 64, "--out", tmp_path) == 0
    assert {"surface", "solver", "**all**"} <= {
        row["stage"] for row in rows_of(tmp_path / "speed_geometry.csv")
    }


@pytest.mark.slow
def test_speed_of_phantoms(tmp_path):
    sizes = ("--small", 24, 24, 16, "--full", 32, 32, 24)
    assert study("speed", "phantoms", "--count", 1, *sizes, "--out", tmp_path) == 0
    assert [row["threads"] for row in rows_of(tmp_path / "speed_phantoms.csv")] == ["1", "2"]


def test_speed_of_the_dashboard(tmp_path):
    assert study("speed", "dashboard", "--shape", 64, 64, 32, "--repeats", 1, "--out", tmp_path) == 0
    assert len(rows_of(tmp_path / "speed_dashboard.csv")) == 5


@pytest.mark.slow
def test_speed_on_two_processes(tmp_path):
    """On the CPU: two processes share it, so nothing is said of the efficiency."""
    words = (
        "--batch-size",
        1,
        "--steps",
        3,
        "--warm-up",
        1,
        "--phantoms",
        2,
        "--pool-dir",
        tmp_path / "pool",
    )
    words += ("--set", "channels=[4,8]", "--set", "spatial_size=[32,32,16]", "--out", tmp_path)
    assert study("speed", "several_gpus", *words) == 0
    assert [row["processes"] for row in rows_of(tmp_path / "speed_several_gpus.csv")] == ["1", "2"]


@pytest.mark.slow
def test_speed_of_the_runtimes(phantoms, tmp_path):
    image = phantoms / "test" / "1-200" / "1.img.nii.gz"
    words = ("--network", "default", "--repeats", 1, "--image", image, "--set", "spatial_size=[32,32,16]")
    assert study("speed", "runtimes", *words, "--out", tmp_path) == 0
    rows = {row["way"]: row for row in rows_of(tmp_path / "speed_runtimes_default.csv")}
    installed = {engine.title for engine in ENGINES.values() if not engine.missing()}
    assert {"PyTorch", "PyTorch, compiled"} | installed <= set(rows)
    assert float(rows["PyTorch"]["ratio"]) == 1 and float(rows["PyTorch"]["differing"]) == 0
    assert all(float(row["probability"]) < 0.02 for way, row in rows.items() if "bfloat16" not in way)


@pytest.mark.slow
def test_speed_beside_the_peer(phantoms, tmp_path):
    """nnU-Net has a row where it is installed."""
    image = phantoms / "test" / "1-200" / "1.img.nii.gz"
    small = ("--set", "spacing_mm=4", "--set", "inferer#roi_size=[32,32,32]", "--middle", 80, 80, 50)
    words = ("--image", image, "--device", "cpu", "--repeats", 1, *small)
    assert study("speed", "peer", *words, "--out", tmp_path) == 0
    rows = rows_of(tmp_path / "speed_peer.csv")
    has_peer = find_spec("nnunetv2") is not None
    assert [row["what"].startswith("native") for row in rows] == [*[False] * has_peer, True, True]
    assert all(int(row["windows"]) > 0 and float(row["seconds"]) > 0 for row in rows)
    page = (tmp_path / "speed.md").read_text()
    assert "80×80×50" in page and ("is not installed" in page) != has_peer


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_speed_of_training_needs_a_gpu(tmp_path, capsys):
    assert study("speed", "training", "--out", tmp_path) == 2
    assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_speed_of_training(tmp_path):
    assert study("speed", "training", "--curves", 4, "--out", tmp_path) == 0
    rows = rows_of(tmp_path / "speed_training.csv")
    assert float(rows[0]["train_ratio"]) == 1
    assert all(float(row["train_ms"]) > float(row["train_floor"]) for row in rows)


def test_an_overlay_shows_the_outline(tmp_path, capsys):
    scan, mask = np.zeros((2, 30, 30, 12), np.int16)
    mask[10:14, 10:14, 3:9] = 1
    for name, array in (("scan", scan), ("mask", mask), ("other", mask[1:])):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    paths = [tmp_path / name for name in ("scan.nii.gz", "mask.nii.gz", "out.png")]
    assert study("pictures", "overlay", *paths[:2], "--slices", 4, "--out", paths[2]) == 0
    red, green, _ = np.moveaxis(np.asarray(Image.open(paths[2]).convert("RGB")).astype(int), -1, 0)
    assert ((red > 150) & (green < 120)).any()
    assert study("pictures", "overlay", paths[0], tmp_path / "other.nii.gz", "--out", paths[2]) == 2
    assert "(29, 30, 12)" in capsys.readouterr().err


def test_without_a_server_the_label_study_says_so(tmp_path, capsys):
    assert study("label", "scan", "--url", "http://127.0.0.1:9", "--out", tmp_path) == 1
    assert "start it with make label" in capsys.readouterr().err


def test_ablation_trains_each_loss_once_and_measures_all(tmp_path):
    tiny = {"crop": [32, 32, 32], "batch_size": 1, "num_workers": 0, "channels": [2, 4], "device": "cpu"}
    words = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    words += ["--only", "dice", "--only", "recall"]
    words += ["--steps", 2, "--count", 4, "--run-dir", tmp_path / "runs"]
    assert study("ablation", *words, "--no-measure") == 0
    first = (tmp_path / "runs" / "dice" / "model.pt").stat().st_mtime_ns
    assert study("ablation", *words, "--out", tmp_path) == 0
    assert (tmp_path / "runs" / "dice" / "model.pt").stat().st_mtime_ns == first
    rows = rows_of(tmp_path / "ablation.csv")
    assert {row["loss"] for row in rows} == {"truth", "dice", "recall"}
    truth = [row for row in rows if row["loss"] == "truth"]
    assert all(float(row["dice"]) == 1 and float(row["betti0_error"]) == 0 for row in truth)


def test_narrowings_measures_lesions_and_healthy_places_beside_the_truth(monkeypatch):
    monkeypatch.setattr(narrowings, "FIRST_SEED", 2_960_001)
    rows = narrowings.measure([ROOT / "models" / "native_checkpoint.pt"], 1, (32, 32, 32))
    kinds = {row["kind"] for row in rows}
    assert "healthy" in kinds and kinds & {"lesion without", "lesion with calcium"}
    for row in rows:
        assert float(row["percent"]) == 0 if row["kind"] == "healthy" else float(row["percent"]) >= 40
        assert 0.3 < row["true_mm"] < 6 and 0 <= row["drawn_mm"] < 8
    assert "| healthy |" in narrowings.figures(rows)
