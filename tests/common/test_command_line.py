"""What a person types after `monai.bundle run`: mistakes end in a sentence that names the nearest thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from bundle.common.command_line import check_overlays, check_overrides, check_references
from bundle.common.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
TRAIN, INFERENCE, EVALUATE = (str(ROOT / "configs" / f"{n}.yaml") for n in ("train", "inference", "evaluate"))
PAPER = str(ROOT / "configs" / "modes" / "paper.yaml")


@pytest.mark.parametrize(
    ("config", "typed", "value", "nearest"),
    [
        (TRAIN, "max_epoch", 3, "max_epochs"),
        (TRAIN, "train#trainer#max_epoch", 3, "train#trainer#max_epochs"),
        (TRAIN, "train#augment#prob_elastik", 0.5, "train#augment#prob_elastic"),
        (TRAIN, "split", "Split-2", "cases#split"),
        (INFERENCE, "outptu_dir", "x", "output_dir"),
        (INFERENCE, "geometry#smooting", "sinc", "geometry#smoothing"),
        (INFERENCE, "geometry#voxel_pionts", True, "geometry#voxel_points"),
        (EVALUATE, "treshold_upper", 0.5, "threshold_upper"),
        ([INFERENCE, PAPER], "largest", True, "largest_only"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(config, typed, value, nearest):
    with pytest.raises(InputError) as caught:
        check_overrides(config, {typed: value})
    assert repr(typed) in str(caught.value) and f"did you mean {nearest}?" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "typed", "value"),
    [
        (TRAIN, "max_epochs", 3),
        (TRAIN, "train#trainer#max_epochs", 3),
        (TRAIN, "amp", "true"),
        (TRAIN, "device", "cpu"),
        (TRAIN, "loss#batch", True),  # an argument that the config leaves at its default
        (TRAIN, "learning_rate", 1),
        (TRAIN, "norm", "batch"),
        (TRAIN, "train#dataset#data", "$[]"),
        (INFERENCE, "geometry#voxel_points", "true"),
        (INFERENCE, "spatial_size", (64, 64, 32)),
        (INFERENCE, "redo", "yes"),
        (EVALUATE, "threshold_upper", 0.5),  # of inference.yaml, which it takes its steps from
        (EVALUATE, "cases#split", "Split-2"),
        ([INFERENCE, PAPER], "largest_only", False),
    ],
)
def test_what_the_configs_know_is_taken(config, typed, value):
    check_overrides(config, {typed: value})


@pytest.mark.parametrize(
    ("typed", "value", "expected"),
    [
        ("max_epochs", "two", "a whole number"),
        ("max_epochs", 2.5, "a whole number"),
        ("learning_rate", "abc", "a number"),
        ("deterministic", "perhaps", "true or false"),
        ("spatial_size", 64, "a list of numbers"),
        ("spatial_size", "64", "a list of numbers"),
        ("output_dir", True, "output_dir has no value"),  # what MONAI makes of an option without one
    ],
)
def test_a_value_of_another_kind_is_refused(typed, value, expected):
    with pytest.raises(InputError, match=expected):
        check_overrides(TRAIN, {typed: value})


def test_steps_that_are_none_are_named_with_those_there_are():
    with pytest.raises(InputError, match="training or run"):
        check_overrides(TRAIN, {}, run_id="train")
    check_overrides(TRAIN, {}, run_id="training")


def test_a_mistyped_key_of_an_overlay_is_named_and_one_that_is_used_is_not(tmp_path):
    overlay = tmp_path / "mine.yaml"

    def check(text):
        overlay.write_text(text)
        files = [INFERENCE, str(overlay)]
        check_overlays(files, ConfigParser.load_config_files(files))

    with pytest.raises(
        InputError, match="'treshold_upper', which nothing uses; did you mean threshold_upper"
    ):
        check("treshold_upper: 0.3")
    check("treshold_upper: 0.3\nthreshold_upper: '@treshold_upper'")
    check("threshold_upper: 0.3\n+imports: []\ninferences: [$1]\nauthor: me")


CONFIGS = ROOT / "configs"
MODES = [str(path) for folder in ("modes", "ablation") for path in sorted((CONFIGS / folder).glob("*.yaml"))]
MULTI_TRAIN, MULTI_EVALUATE = (str(CONFIGS / f"multi_gpu_{name}.yaml") for name in ("train", "evaluate"))
NATIVE_TRAIN = str(CONFIGS / "modes" / "native_train.yaml")


OVER_TRAIN = ("native_train", "phantom_pool", "paper")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: Path(mode).stem)
def test_every_overlay_fits_what_it_lies_over(mode):
    name = Path(mode).stem
    bases = [[TRAIN, NATIVE_TRAIN]] if "ablation" in mode else [[TRAIN]] * (name in OVER_TRAIN)
    bases += [] if bases and name != "paper" else [[INFERENCE], [EVALUATE]]
    for base in bases:
        config = ConfigParser.load_config_files([*base, mode])
        check_references(config, [*base, mode])
        check_overlays([*base, mode], config)


@pytest.mark.parametrize("files", [[TRAIN, MULTI_TRAIN], [EVALUATE, MULTI_EVALUATE], [TRAIN, EVALUATE]])
def test_all_that_configs_over_each_other_refer_to_is_there(files):
    check_references(ConfigParser.load_config_files(files), files)


def test_an_overlay_that_replaces_what_others_need_is_named(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("cases: {train: []}\nvalidate: {dataset: null}\n")
    files = [TRAIN, str(overlay)]
    with pytest.raises(InputError, match=f"'.*:' in {overlay} replaces all of"):
        check_references(ConfigParser.load_config_files(files), files)
    with pytest.raises(InputError, match="@nobody, which is not in it"):
        check_references({"loss": "@nobody"}, TRAIN)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["training", "--config_file", TRAIN, "--max_epoch", "3"], "did you mean max_epochs?"),
        slow(["inference", "--config_file", INFERENCE, "--outptu_dir", "x"], "did you mean output_dir?"),
        slow(["evaluating", "--config_file", EVALUATE, "--prat", "all"], "did you mean part?"),
        slow(["train", "--config_file", TRAIN], "training or run"),
    ],
    ids=["training", "inference", "evaluating", "run id"],
)
def test_typed_in_a_terminal_it_is_one_line_and_nothing_is_written(arguments, sentence, tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", *arguments, "--bundle_root", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
