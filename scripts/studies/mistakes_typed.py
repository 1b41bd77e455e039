"""The mistakes of scripts/studies/mistakes.py: what is typed, and the files that it is typed beside."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import openpyxl

__all__ = ["EARLIER", "MISTAKES", "Mistake", "write_inputs"]

RUN = "python -m monai.bundle run"
CONFIG = "configs/inference.yaml"
INFER = f"{RUN} inference --config_file {CONFIG}"
SCAN = f"{INFER} --dataset_dir scan.nii.gz"
SMALL = f"""{RUN} inference --config_file "['{CONFIG}','small.yaml']" --output_dir new"""
TRAIN = f"""{RUN} training --config_file "['configs/train.yaml','small_train.yaml']" --dataset_dir ImageCAS"""
BESIDE = TRAIN.replace(" --dataset_dir ImageCAS", "")
EVALUATE = f"""{RUN} evaluating --config_file "['configs/evaluate.yaml','small.yaml']" --output_dir new"""
MESH = "python scripts/reconstruct.py mask.nii.gz --out meshes"
COMMAND = "coronary segment scan.nii.gz --out new"

EARLIER = (TRAIN, SMALL.replace("--output_dir new", "--output_dir eval --dataset_dir scan.nii.gz"))
"""Run first, so that there is something to lose: a trained network and a finished case."""


@dataclass(frozen=True)
class Mistake:
    """What a person types, and what has to come of it.

    Attributes:
        what: the mistake, in a few words.
        typed: the command, as a shell takes it.
        says: a word that the answer must hold: the option or the file at fault.
        code: 2 for a mistake in what was typed, 1 for a case that failed on its content, 0 where going on is
            right and the answer a warning.
    """

    what: str
    typed: str
    says: str
    code: int = 2


MISTAKES = (
    # A clinician, with scans from somewhere.
    Mistake("a PDF for a scan", f"{INFER} --dataset_dir report.pdf", "report.pdf"),
    Mistake("a download that was cut off", f"{SMALL} --dataset_dir cut.nii.gz", "cut.nii.gz", 1),
    Mistake("a series over time, 4-D", f"{SMALL} --dataset_dir heartbeat.nii.gz", "heartbeat.nii.gz", 1),
    Mistake("a colour image", f"{SMALL} --dataset_dir colour.nii.gz", "colour.nii.gz", 1),
    Mistake("a mask for a scan", f"{SMALL} --dataset_dir mask.nii.gz", "mask.nii.gz", 1),
    Mistake("a volume with NaN", f"{SMALL} --dataset_dir nan.nii.gz", "nan.nii.gz", 1),
    Mistake("a single slice", f"{SMALL} --dataset_dir slice.nii.gz", "slice.nii.gz", 1),
    Mistake("an empty folder", f"{INFER} --dataset_dir empty", "empty"),
    Mistake("a space without quotes", f"{INFER} --dataset_dir my scan.nii.gz", "scan.nii.gz"),
    Mistake("a path of Windows", INFER + r" --dataset_dir 'C:\Scans\patient.nii.gz'", "patient.nii.gz"),
    Mistake("two scans of one name", f"{INFER} --dataset_dir visits", "visits/may/patient.nii.gz"),
    Mistake("one bad scan among good ones", f"{SMALL} --dataset_dir mixed", "mixed/cut.nii.gz", 1),
    Mistake("results into the folder of scans",
            f"{INFER} --dataset_dir scans --output_dir scans", "output_dir"),
    Mistake("an option without its value", f"{SCAN} --output_dir", "output_dir"),
    Mistake("a GPU's number alone", f"{SCAN} --device 0", "device"),
    Mistake("a switch with another word", f"{SCAN} --redo maybe", "redo"),
    Mistake("text for weights", f"{SCAN} --ckpt_path notes.txt", "notes.txt"),
    Mistake("weights of another network",
            f"{SCAN} --ckpt_path runs/default/model.pt", "runs/default/model.pt"),
    Mistake("weights that were cut off", f"{SCAN} --ckpt_path cut.pt", "cut.pt"),
    Mistake("a threshold in percent", f"{SCAN} --threshold_upper 35", "threshold_upper"),
    Mistake("a lower threshold above the upper",
            f"{SCAN} --threshold_lower 0.5", "threshold_lower"),
    Mistake("a negative volume", f"{SCAN} --min_component_mm3 -60", "min_component_mm3"),
    Mistake("a window upside down", f"{SCAN} --hu_range [700,-300]", "hu_range"),
    Mistake("a negative size", f"{SCAN} --spatial_size [-128,128,64]", "spatial_size"),
    Mistake("a word for a list", f"{SCAN} --geometry#formats stl", "'stl'"),
    Mistake("a negative edge", f"{SCAN} --geometry#edge_length_mm -1", "edge length"),
    Mistake("a word for a number", f"{SCAN} --geometry#turntable many", "turntable"),
    Mistake("a mistyped key in an overlay",
            f"""{RUN} inference --dataset_dir scan.nii.gz --config_file "['{CONFIG}','mistyped.yaml']\"""",
            "treshold_upper"),
    Mistake("an overlay without its base",
            f"{RUN} inference --config_file configs/modes/native.yaml --dataset_dir scan.nii.gz",
            "native.yaml"),
    Mistake("a config that is not there",
            f"{RUN} inference --config_file configs/inferense.yaml", "inferense.yaml"),
    # A student with ImageCAS.
    Mistake("a scan for a data set", f"{BESIDE} --dataset_dir scan.nii.gz", "scan.nii.gz"),
    Mistake("a label is missing", f"{BESIDE} --dataset_dir unpaired", "2.img.nii.gz"),
    Mistake("a label on another grid", f"{BESIDE} --dataset_dir mismatched", "1.label.nii.gz"),
    Mistake("scan and mask the wrong way round", f"{BESIDE} --dataset_dir swapped", "1.img.nii.gz"),
    Mistake("a split that is not there", f"{TRAIN} --cases#split Split-9", "Split-9"),
    Mistake("a split file without its column", f"{BESIDE} --dataset_dir no_column", "FileName"),
    Mistake("a split file that is text", f"{BESIDE} --dataset_dir text_split", "imageCAS_data_split.xlsx"),
    Mistake("resuming another network's run",
            f"{TRAIN} --resume true --channels [8,16,32,64]", "checkpoint_last.pt"),
    Mistake("no batch", f"{TRAIN} --batch_size 0", "batch_size"),
    Mistake("negative epochs", f"{TRAIN} --max_epochs -1", "max_epochs"),
    Mistake("a negative learning rate", f"{TRAIN} --learning_rate -0.001", "learning_rate"),
    Mistake("validation every 0 epochs", f"{TRAIN} --val_interval 0", "val_interval"),
    Mistake("a negative number of workers", f"{TRAIN} --num_workers -2", "num_workers"),
    Mistake("a word for a seed", f"{TRAIN} --seed x", "seed"),
    Mistake("dropout in percent", f"{TRAIN} --dropout 20", "dropout"),
    Mistake("a type that is none", f"{TRAIN} --amp_dtype fp16", "amp_dtype"),
    Mistake("evaluation without labels", f"{EVALUATE} --dataset_dir scans", "labels"),
    Mistake("a part that is none", f"{EVALUATE} --dataset_dir ImageCAS --part testing", "testing"),
    # A simulation engineer and an annotator, with masks of any tool.
    Mistake("a label that is not there", f"{MESH} --label 7", "label 7", 1),
    Mistake("no output folder", "python scripts/reconstruct.py mask.nii.gz", "--out"),
    Mistake("a file for the output folder",
            "python scripts/reconstruct.py mask.nii.gz --out notes.txt", "notes.txt"),
    Mistake("edges longer than the vessels are wide", f"{MESH} --edge-length-mm 50", "edges of 50 mm", 0),
    Mistake("a threshold in percent, of a mask",
            "python scripts/reconstruct.py probability.nii.gz --out meshes --threshold 50", "threshold"),
    Mistake("a mesh for a mask", "python scripts/reconstruct.py mesh.stl --out meshes", "mesh.stl", 1),
    Mistake("an empty mask", "python scripts/reconstruct.py nothing.nii.gz --out meshes", "empty", 0),
    Mistake("the CT of another patient", f"{MESH} --image elsewhere.nii.gz", "elsewhere.nii.gz", 1),
    # Anyone, at the command that an installation brings.
    Mistake("a config that is not there, at the command",
            f"{COMMAND} --config configs/inferense.yaml", "inferense.yaml"),
    Mistake("an overlay of another config",
            "coronary train ImageCAS --out new --config configs/modes/native.yaml", "native.yaml"),
    Mistake("an overlay that is no YAML", f"{COMMAND} --config broken.yaml", "broken.yaml, line 2"),
    Mistake("a mistyped key in an overlay, at the command",
            f"{COMMAND} --config mistyped.yaml", "treshold_upper"),
    Mistake("a key below a parent that is not there", f"{COMMAND} --set augmnet#prob_affine=0.5",
            "augmnet#prob_affine"),
    Mistake("a scan that is not there", "coronary segment nobody.nii.gz --out new", "nobody.nii.gz"),
    Mistake("a file for the folder of the results",
            "coronary segment scan.nii.gz --out notes.txt", "notes.txt"),
    Mistake("a mode that is none", f"{COMMAND} --mode nativ", "nativ"),
    Mistake("a device that is none", f"{COMMAND} --device gpu", "gpu"),
    Mistake("two scans of one name, at the command",
            "coronary segment visits/may visits/june --out new", "visits/june/patient.nii.gz"),
    # Anyone, at the scripts.
    Mistake("a negative count", "python scripts/make_phantoms.py --count -1", "--count"),
    Mistake("a file for the folder of phantoms",
            "python scripts/make_phantoms.py --small --count 1 --out notes.txt", "notes.txt"),
    Mistake("text as weights to install", "python scripts/train_default.py --install notes.txt", "notes.txt"),
    Mistake("a study that is none", "python scripts/study.py acuracy", "acuracy"),
)  # fmt: skip

_SPACING = (1.0, 1.0, 1.5)
_SMALL = "spatial_size: [32, 32, 16]\nchannels: [4, 8, 16, 32]\ndevice: cpu\n"


def write_inputs(folder: Path) -> None:
    """Put small scans and other files, right ones and wrong ones, into a copy of the bundle."""
    scan, mask = _tubes()
    _save(folder / "scan.nii.gz", scan)
    _save(folder / "scans" / "patient.nii.gz", scan)
    _save(folder / "mask.nii.gz", mask)
    _save(folder / "nothing.nii.gz", np.zeros_like(mask))
    _save(folder / "probability.nii.gz", 0.9 * mask.astype(np.float32))
    _save(folder / "elsewhere.nii.gz", scan, shift_mm=400.0)
    _save(folder / "heartbeat.nii.gz", np.stack([scan, scan], axis=-1))
    _save(folder / "slice.nii.gz", scan[:, :, :1])
    _save(folder / "nan.nii.gz", np.where(mask, np.nan, scan).astype(np.float32))
    colours = np.zeros(scan.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    _save(folder / "colour.nii.gz", colours)
    for visit in ("may", "june"):
        _save(folder / "visits" / visit / "patient.nii.gz", scan)
    _save(folder / "mixed" / "good.nii.gz", scan)
    whole = (folder / "scan.nii.gz").read_bytes()
    for cut in (folder / "cut.nii.gz", folder / "mixed" / "cut.nii.gz"):
        cut.write_bytes(whole[: len(whole) // 2])
    (folder / "cut.pt").write_bytes((folder / "models" / "model.pt").read_bytes()[:100_000])
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("call the scanner's support\n")
    (folder / "report.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / "mesh.stl").write_bytes(gzip.compress(b"solid"))
    (folder / "mistyped.yaml").write_text("treshold_upper: 0.3\n")
    (folder / "broken.yaml").write_text("threshold_upper: [0.3\nredo: true\n")
    (folder / "small.yaml").write_text(
        f"{_SMALL}ckpt_path: runs/default/model.pt\ngeometry#pictures: false\n"
    )
    (folder / "small_train.yaml").write_text(
        f"{_SMALL}batch_size: 2\nnum_workers: 0\nmax_epochs: 1\nshown_cases: 0\n"
    )
    for name in ("ImageCAS", "unpaired", "mismatched", "swapped", "no_column", "text_split"):
        for number in range(1, 5):
            _save(folder / name / "1-200" / f"{number}.img.nii.gz", scan)
            _save(folder / name / "1-200" / f"{number}.label.nii.gz", mask)
    (folder / "unpaired" / "1-200" / "2.label.nii.gz").unlink()
    _save(folder / "mismatched" / "1-200" / "1.label.nii.gz", mask[::2])
    _save(folder / "swapped" / "1-200" / "1.img.nii.gz", mask)
    _save(folder / "swapped" / "1-200" / "1.label.nii.gz", scan)
    for name, head in (("ImageCAS", "FileName"), ("no_column", "Case")):
        book = openpyxl.Workbook()
        book.active.append([head, "Split-1"])
        for number, part in enumerate(("Training", "Training", "Val", "Testing"), start=1):
            book.active.append([number, part])
        book.save(folder / name / "imageCAS_data_split.xlsx")
    (folder / "text_split" / "imageCAS_data_split.xlsx").write_text("FileName,Split-1\n1,Training\n")


def _tubes() -> tuple[np.ndarray, np.ndarray]:
    """Two bright tubes in soft tissue, as (scan int16, mask uint8)."""
    shape = (48, 48, 32)
    x, y, z = np.meshgrid(*[(np.arange(n) + 0.5) * s for n, s in zip(shape, _SPACING)], indexing="ij")
    sway = 2.0 * np.sin(z / 48 * 2 * np.pi)
    mask = (np.hypot(x - 14 - sway, y - 24) < 3) | (np.hypot(x - 34 + sway, y - 24) < 3)
    noise = np.random.default_rng(0).normal(0.0, 20.0, shape)
    return (np.where(mask, 350.0, 50.0) + noise).astype(np.int16), mask.astype(np.uint8)


def _save(path: Path, array: np.ndarray, shift_mm: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([*_SPACING, 1.0])
    affine[:3, 3] = shift_mm
    nib.save(nib.Nifti1Image(array, affine), path)
