"""Mistakes that are typed with `coronary`: one sentence, exit code 2, nothing written."""

from __future__ import annotations

import pytest
from inference_run import CONTRAST
from tube_cases import tube_case
from typed import coronary, sets

FILES = {
    "broken.yaml": "threshold_upper: [0.3\nredo: true\n",
    "broken.json": '{"threshold_upper": }',
    "mistyped.yaml": "treshold_upper: 0.3\n",
    "parent.yaml": "augmnet#prob_affine: 0.5\n",
    "own.yaml": "my_own: 3\n",
    "empty.yaml": "# later\n",
    "list.yaml": "- threshold_upper: 0.3\n",
    "notes.txt": "call the scanner's support\n",
}
SEGMENT = ("segment", "a.img.nii.gz", "--out", "new")
TRAIN = ("train", "data", "--out", "new")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a scan, labelled scans and files that are no configs."""
    monkeypatch.chdir(tmp_path)
    tube_case(tmp_path, "a", shape=(32, 32, 16))
    for number, name in enumerate("pqr"):
        tube_case(tmp_path / "data", name, shape=(32, 32, 16), seed=number)
    tube_case(tmp_path / "may", "patient", shape=(32, 32, 16))
    tube_case(tmp_path / "june", "patient", shape=(32, 32, 16))
    (tmp_path / "latin.yaml").write_bytes("größe: 1\n".encode("latin-1"))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        # What MONAI ends in its own traceback, before the bundle is asked.
        ((*SEGMENT, "--config", "inferense.yaml"), "'inferense.yaml' is not there; did you mean inference"),
        ((*SEGMENT, "--config", "configs/modes/ttta.yaml"), "did you mean modes/tta.yaml?"),
        ((*SEGMENT, "--config", "data"), "'data' is a folder"),
        ((*SEGMENT, "--config", "broken.yaml"), "broken.yaml, line 2 is no valid YAML"),
        ((*SEGMENT, "--config", "broken.json"), "broken.json, line 1 is no valid JSON"),
        ((*SEGMENT, "--config", "latin.yaml"), "latin.yaml is no text"),
        ((*SEGMENT, "--config", "empty.yaml"), "empty.yaml is no config: it must hold keys"),
        ((*SEGMENT, "--config", "list.yaml"), "list.yaml is no config: it must hold keys"),
        ((*SEGMENT, "--config", "notes.txt"), "its name must end in .yaml"),
        ((*SEGMENT, "--config", "parent.yaml"), "sets 'augmnet#prob_affine', and there is no 'augmnet' in"),
        ((*TRAIN, "--config", "modes/native.yaml"), "it belongs over inference.yaml or evaluate.yaml"),
        ((*SEGMENT, "--config", "modes/native_train.yaml"), "it belongs over train.yaml"),
        ((*SEGMENT, "--config", "ablation/boundary.yaml"), "it belongs over train.yaml"),
        ((*SEGMENT, "--set", "augmnet#prob_affine=1"), "no key 'augmnet#prob_affine' in configs/"),
        # What would be taken without a word.
        ((*SEGMENT, "--config", "mistyped.yaml"), "did you mean threshold_upper instead of treshold_upper?"),
        ((*SEGMENT, "--config", "own.yaml"), "own.yaml sets nothing that configs/inference.yaml and"),
        ((*SEGMENT, "--set", "treshold_upper=0.3"), "did you mean threshold_upper?"),
        ((*SEGMENT, "--set", "output_dir=x"), "--set gives output_dir, which has a place of its own"),
        ((*SEGMENT, "--set", "redo=1", "--set", "redo=2"), "--set gives redo twice"),
        ((*SEGMENT, "--set", "redo"), "--set takes KEY=VALUE"),
        ((*SEGMENT, "--set", "threshold_upper=high"), "threshold_upper is 'high'; it must be a number"),
        ((*SEGMENT, "--set", "threshold_upper=35"), "threshold_upper is 35; it is a share"),
        # Scans, folders, options.
        (("segment", "nobody.nii.gz", "--out", "new"), "'nobody.nii.gz' does not exist"),
        (("segment", "notes.txt", "--out", "new"), "'notes.txt' is not an image file"),
        (("segment", "may", "june", "--out", "new"), "two images are called case 'patient'"),
        (("segment", "a.img.nii.gz", "--out", "notes.txt"), "--out 'notes.txt' cannot be a folder"),
        (("segment", "data", "may", "--out", "data"), "--out 'data' is the folder of the scans"),
        (("segment", "a.img.nii.gz"), "'--out'"),
        ((*SEGMENT, "--mode", "nativ"), "'nativ' is not one of 'native', 'paper'"),
        ((*SEGMENT, "--device", "gpu"), "it must be cpu, cuda"),
        ((*SEGMENT, "--device", "cuda:99"), "GPU"),
        ((*SEGMENT, "--set", "ckpt_path=nowhere.pt"), "nowhere.pt does not exist"),
        (("train", "--out", "new"), "does not exist: expected phantoms from `coronary phantoms`"),
        ((*TRAIN, "--set", "max_epochs=0"), "max_epochs is 0; it must be 1 or more"),
        (("evaluate", "nowhere", "--out", "new"), "'nowhere' does not exist"),
        (("evaluate", "data", "--out", "new", "--part", "testing"), "'testing' is not one of"),
        (("phantoms", "--out", "notes.txt"), "--out 'notes.txt' cannot be a folder"),
        (("reconstruct", "a.label.nii.gz", "--out", "new", "--formats", "stp"), "there are stl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_leaves_nothing(words, sentence, folder, monkeypatch):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    answer = coronary(monkeypatch, *words)
    assert answer.code == 2 and answer.last.lower().startswith("error: ")
    assert sentence in answer.last and "Traceback" not in answer.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_case_that_fails_on_its_content_is_1(folder, weights, monkeypatch):
    (folder / "cut.nii.gz").write_bytes((folder / "a.img.nii.gz").read_bytes()[:2000])
    keys = {
        "network_def": CONTRAST,
        "spatial_size": [48, 48, 32],
        "ckpt_path": weights,
        "geometry#pictures": False,
    }
    words = ("segment", "cut.nii.gz", "--out", "new", "--mode", "paper", "--device", "cpu", *sets(**keys))
    answer = coronary(monkeypatch, *words)
    assert answer.code == 1 and answer.last.startswith("error: ") and "Traceback" not in answer.err


def test_an_overlay_that_only_another_one_refers_to_is_used(folder, monkeypatch):
    (folder / "value.yaml").write_text("my_own: nowhere.pt\n")
    (folder / "user.yaml").write_text("ckpt_path: '@my_own'\n")
    answer = coronary(monkeypatch, *SEGMENT, "--config", "value.yaml", "--config", "user.yaml")
    assert answer.code == 2 and "nowhere.pt does not exist" in answer.last
