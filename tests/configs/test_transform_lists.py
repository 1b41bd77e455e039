"""What is appended to the transforms of training runs in training, and nowhere else."""

from __future__ import annotations

import pytest
from monai.bundle import ConfigParser
from monai.transforms import RandFlipd
from small_run import ROOT, SMALL

CONFIGS = ROOT / "configs"
FLIP = "- {_target_: RandFlipd, keys: [image, label], prob: 1.0}"


def lists(data, *configs) -> dict[str, list[type]]:
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / "train.yaml"), *map(str, configs)])
    parser.update(SMALL | {"dataset_dir": str(data)})
    parser.get_parsed_content("imports")
    parts = ("train", "validate")
    made = {part: parser.get_parsed_content(f"{part}#preprocessing").transforms for part in parts}
    return {part: [type(transform) for transform in made[part]] for part in parts}


@pytest.mark.parametrize("key", ["random_transforms", "deterministic_transforms"])
@pytest.mark.parametrize("mode", [None, "phantom_pool"])
def test_what_is_appended_to_training_is_not_in_validation(key, mode, imagecas_dir, tmp_path):
    modes = [] if mode is None else [CONFIGS / "modes" / f"{mode}.yaml"]
    (tmp_path / "mine.yaml").write_text(f"+train#{key}:\n{FLIP}\n")
    plain, own = lists(imagecas_dir, *modes), lists(imagecas_dir, *modes, tmp_path / "mine.yaml")
    assert own["train"] == [*plain["train"], RandFlipd]
    assert own["validate"] == plain["validate"] == plain["train"]


def test_what_is_appended_to_validation_is_not_in_training(imagecas_dir, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"+validate#preprocessing#transforms:\n{FLIP}\n")
    plain, own = lists(imagecas_dir), lists(imagecas_dir, tmp_path / "mine.yaml")
    assert own["validate"] == [*plain["validate"], RandFlipd]
    assert own["train"] == plain["train"]
