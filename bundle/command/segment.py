"""Segment CT angiograms: mask, probability, meshes, centreline, measurements and picture of each scan.

  coronary segment scan.nii.gz --out results
  coronary segment scans more/scan.nrrd --out results --device cpu
  coronary segment scan.nii.gz --out results --set geometry#smoothing=laplacian
  coronary segment scan.nii.gz --out results --config modes/tta.yaml

Each case gets a folder in --out, and summary.csv a row. A second run makes only what is missing. The same as
`python -m monai.bundle run inference` with the config of the mode.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.output_folder import check_output_dir

from .config_run import Config, Device, run_configs
from .overrides import Set

__all__ = ["Mode", "ModeOption", "segment_scans"]


class Mode(str, Enum):
    """How the scan is looked at; each is an overlay in configs/modes/."""

    native = "native"
    paper = "paper"

    @property
    def overlay(self) -> str:
        return f"modes/{self.value}.yaml"


ModeOption = Annotated[
    Mode,
    typer.Option(help="native: at 0.5 mm; paper: the paper's own steps, the whole scan at 128 x 128 x 64"),
]


def segment_scans(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", exists=True, help="scans, or folders of scans")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the results, a folder a case")],
    mode: ModeOption = Mode.native,
    device: Device = None,
    redo: Annotated[bool, typer.Option("--redo", help="make finished cases again")] = False,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Run configs/inference.yaml in a mode."""
    from bundle.data import find_images

    check_output_dir(out, inputs, name="--out")
    find_images(inputs)  # before MONAI is loaded, which takes seconds
    paths = [str(path) for path in inputs]
    run_configs(
        "inference",
        ["inference.yaml", mode.overlay],
        config,
        set_,
        dataset_dir=paths if len(paths) > 1 else paths[0],
        output_dir=str(out),
        device=device,
        redo=redo or None,
    )
