"""Figures of the test cases through configs/evaluate.yaml, with a network that sees contrast."""

import json

import pytest
from contrast_network import ContrastNetwork
from evaluation_run import CONFIG, ROOT, evaluate

from bundle.common.errors import find_input_error
from bundle.networks.weights import save_weights


def test_the_test_cases_are_measured_and_no_other(imagecas_dir, tmp_path, weights, capsys):
    rows = evaluate(imagecas_dir, tmp_path / "eval", weights)
    assert list(rows) == ["5", "6"]
    for row in rows.values():
        assert 0.85 < float(row["dice"]) <= 1
        assert float(row["cldice"]) > 0.9
        assert float(row["hd95_mm"]) < 2
        assert float(row["assd_mm"]) < 0.6
        assert row["betti0_error"] == "0"
        assert 0.8 < float(row["grid_dice"]) <= 1
        assert float(row["volume_mm3"]) == pytest.approx(float(row["true_volume_mm3"]), rel=0.25)
    report = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    (dice,) = (entry for entry in report["summary"] if entry["metric"] == "dice")
    values = [case["dice"] for case in report["cases"]]
    assert dice["n"] == 2
    assert dice["mean"] == pytest.approx(sum(values) / 2)
    assert dice["sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert report["failed"] == []
    printed = capsys.readouterr().out
    assert "metrics.csv" in printed
    assert "betti0_error" in printed


def test_nothing_predicted_is_measured_as_the_worst(imagecas_dir, tmp_path):
    save_weights(ContrastNetwork(level=5.0), tmp_path / "blind.pt")
    rows = evaluate(imagecas_dir, tmp_path / "eval", tmp_path / "blind.pt")
    for row in rows.values():
        assert (row["dice"], row["cldice"], row["grid_dice"]) == ("0", "0", "0")
        assert float(row["hd95_mm"]) > 70  # the scan's diagonal


def test_a_broken_case_is_named_and_the_others_are_measured(imagecas_dir, tmp_path, weights):
    (imagecas_dir / "1-200" / "5.img.nii.gz").write_bytes(b"not an image")
    with pytest.raises(RuntimeError) as caught:
        evaluate(imagecas_dir, tmp_path / "eval", weights)
    assert "1 of 2 cases failed, first '5'" in str(find_input_error(caught.value))
    report = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert [row["case"] for row in report["cases"]] == ["6"]
    assert report["failed"][0]["case"] == "5"


def test_another_part_of_the_split_can_be_measured(imagecas_dir, tmp_path, weights):
    assert list(evaluate(imagecas_dir, tmp_path / "eval", weights, part="validation")) == ["4"]


def test_a_whole_data_set_can_be_held_out(imagecas_dir, tmp_path, weights):
    found = evaluate(imagecas_dir, tmp_path / "eval", weights, part="all", device="cpu", amp="false")
    assert sorted(found) == ["1", "2", "3", "4", "5", "6"]


def test_a_part_that_there_is_not_is_named(imagecas_dir, tmp_path, weights):
    with pytest.raises(RuntimeError) as caught:
        evaluate(imagecas_dir, tmp_path / "eval", weights, part="tset")
    assert "part is 'tset': it must be test, validation, train or all" in str(find_input_error(caught.value))


def test_it_lies_over_the_training_config_as_in_model_zoo(imagecas_dir, tmp_path, weights):
    configs = [str(ROOT / "configs" / "train.yaml"), str(CONFIG)]
    assert list(evaluate(imagecas_dir, tmp_path / "eval", weights, configs)) == ["5", "6"]


def test_each_case_gets_its_geometry(imagecas_dir, tmp_path, weights):
    quiet = {"write_geometry": "true", "geometry#pictures": False}
    evaluate(imagecas_dir, tmp_path / "eval", weights, **quiet)
    for case in ("5", "6"):
        report = json.loads((tmp_path / "eval" / case / f"{case}.json").read_text())
        assert report["mesh"]["watertight"]
        assert all((tmp_path / "eval" / case / name).stat().st_size for name in report["files"].values())
