"""A finished case, and that of a phantom by the commands that a person types."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared import ROOT

# The paper's steps but for its one part of the surface, so that both trees are in the objects.
_SEGMENT = ("--mode", "paper", "--device", "cpu", "--set", "geometry#largest_part=false")


@dataclass(frozen=True)
class Finished:
    """A case's folder and name."""

    folder: Path
    name: str

    def file(self, end: str) -> Path:
        return self.folder / f"{self.name}_{end}"


def name_in(folder: Path) -> str:
    """The name of the case whose files a folder holds."""
    (mask,) = folder.glob("*_seg.nii.gz")
    return mask.name.removesuffix("_seg.nii.gz")


def made(seed: int, folder: Path, from_dicom: bool) -> tuple[Path, Path, Path]:
    """A phantom segmented from its series or from its NIfTI file: the case's folder, the file, the series."""
    phantoms = ["phantoms", "--count", "1", "--first-seed", str(seed), "--dicom", "--processes", "1"]
    _run(*phantoms, "--out", str(folder / "phantom"))
    (scan,) = (folder / "phantom").glob("*/*.img.nii.gz")
    series, results = folder / "phantom-dicom" / "1", folder / "results"
    _run("segment", str(series if from_dicom else scan), "--out", str(results), *_SEGMENT)
    (report,) = results.glob("*/*.json")
    return report.parent, scan, series


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "bundle.command", *words], cwd=ROOT, check=True)
