"""Calibration: what is fitted to known truths comes back, and the study's page says it."""

import csv

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import expit, logit
from script_call import study
from shared import SEEDS
from studies import calibration
from studies.predictions import Prediction, write_prediction

from bundle.geometry.measure import BranchCertainty
from bundle.phantom import write_imagecas


def drawn_bins(temperature: float) -> np.ndarray:
    """Of many voxels whose label is drawn with the probability that is right at a temperature."""
    rng = np.random.default_rng(4)
    said = rng.uniform(calibration.LEAST, 1, 400_000).astype(np.float32)
    return calibration.bins_of(said, rng.random(len(said)) < expit(logit(said) / temperature))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_temperature_comes_back_and_takes_the_error_away(temperature):
    bins = drawn_bins(temperature)
    assert calibration.fit_temperature(bins) == pytest.approx(temperature, rel=0.03)
    assert calibration.calibration_error(bins, temperature) < 0.006
    assert (calibration.calibration_error(bins) > 0.05) == (temperature != 1.0)


def test_the_certainty_of_branches_is_how_many_of_them_are_real():
    rng = np.random.default_rng(5)
    true = BranchCertainty(intercept=-1.0, lumen=0.8, vein=-3.0, length=0.4)
    rows = []
    for _ in range(3000):
        row = {"set": "foreign", "length_mm": rng.uniform(3, 80)}
        row |= {"lumen_probability": rng.uniform(0.4, 0.99), "vein_probability": rng.uniform(0, 0.8)}
        row["true_share"] = float(rng.random() < true(*list(row.values())[1:]))
        rows.append(row)
    fitted = calibration.fit_certainty(rows)
    for name in ("intercept", "lumen", "vein", "length"):
        assert getattr(fitted, name) == pytest.approx(getattr(true, name), abs=0.45), name
    steps = calibration.steps_table(calibration.with_certainty(rows, fitted))
    assert sum(step["count"] for step in steps) == len(rows)
    for step in steps:
        assert step["real"] == pytest.approx(step["said"], abs=3 / np.sqrt(step["count"]))
    assert calibration.area_under_curve(calibration.with_certainty(rows, fitted)) > 0.7


def test_the_page_of_two_scans_whose_labels_were_predicted(tmp_path):
    data, said = tmp_path / "data", tmp_path / "said"
    write_imagecas(range(SEEDS["test"], SEEDS["test"] + 2), data, shape=(128, 128, 96), processes=1)
    for number in (1, 2):
        label = nib.as_closest_canonical(nib.load(data / "1-200" / f"{number}.label.nii.gz"))
        lumen = gaussian_filter((label.get_fdata() > 0).astype(np.float32), 0.5)
        maps = {"lumen": lumen, "vein": np.zeros_like(lumen)}
        prediction = Prediction(maps, False, label.affine, lumen.shape, label.affine, 1.0, "none")
        write_prediction(prediction, said / "held-out" / f"{number}.native.npz")
    words = ("--data", data, "--out", tmp_path, "--of", "held-out", "--processes", 1, "--from", said)
    assert study("calibration", *words, "--count", 2) == 0
    with open(tmp_path / "calibration.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["case"] for row in rows} == {str(SEEDS["test"]), str(SEEDS["test"] + 1)}
    assert np.mean([float(row["true_share"]) for row in rows]) > 0.9
    page = (tmp_path / "calibration.md").read_text()
    assert "2 held-out" in page and "(calibration.png)" in page
    assert "by the certainty of the config" in page
    assert (tmp_path / "calibration.png").stat().st_size > 10_000


def test_without_predictions_it_says_how_to_make_them(tmp_path, capsys):
    write_imagecas([SEEDS["test"]], tmp_path / "data", shape=(64, 64, 32), processes=1)
    words = ("--data", tmp_path / "data", "--of", "held-out", "--count", 1, "--out", tmp_path)
    assert study("calibration", *words, "--from", tmp_path) == 2
    assert "study.py native --predict" in capsys.readouterr().err
