"""Measure the segmentation on labelled scans: metrics.csv with a row a case, and its summary.

  coronary evaluate /data/ImageCAS --out eval
  coronary evaluate labelled --out eval --part all --mode paper
  coronary evaluate labelled --out eval --set write_geometry=false    # the figures alone

Dice, clDice, distances and topology of the cases of the test split. The same as `python -m monai.bundle run
evaluating` with the config of the mode.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.output_folder import check_output_dir

from .config_run import Config, Device, run_configs
from .overrides import Set
from .segment import Mode, ModeOption

__all__ = ["evaluate_weights"]


class Part(str, Enum):
    """Of the split."""

    test = "test"
    validation = "validation"
    train = "train"
    all = "all"


def evaluate_weights(
    data: Annotated[Path, typer.Argument(metavar="DATA", exists=True, help="folder of scans with labels")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the results")],
    mode: ModeOption = Mode.native,
    part: Annotated[
        Part, typer.Option(help="of the split; all for a data set held out as a whole")
    ] = Part.test,
    device: Device = None,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Run configs/evaluate.yaml in a mode."""
    check_output_dir(out, data, name="--out")
    keys = {"dataset_dir": str(data), "output_dir": str(out), "part": part.value, "device": device}
    run_configs("evaluating", ["evaluate.yaml", mode.overlay], config, set_, **keys)
