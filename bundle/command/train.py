"""Train on labelled scans; checkpoints, curves and the best weights (model.pt) go to --out.

  coronary train /data/ImageCAS --out runs/first
  coronary train /data/ImageCAS --out runs/first --resume
  coronary train /data/ImageCAS --out runs/short --set max_epochs=20 --set batch_size=2
  coronary train --out runs/native --config modes/native_train.yaml    # draws its own data

ImageCAS, ASOCA, Decathlon and pairs of images and labels are recognised. The same as `python -m monai.bundle
run training --config_file configs/train.yaml`. The new weights are used so (without --mode paper where
modes/native_train.yaml trained them):

  coronary segment scan.nii.gz --out results --mode paper --set ckpt_path=runs/first/model.pt
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bundle.common.output_folder import check_output_dir

from .config_run import Config, Device, run_configs
from .overrides import Set

__all__ = ["train_network"]


def train_network(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="folder of scans with labels")] = Path(
        "data/phantoms"
    ),
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the run")] = Path("runs/default"),
    resume: Annotated[bool, typer.Option("--resume", help="go on from the last checkpoint in --out")] = False,
    device: Device = None,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Run configs/train.yaml."""
    check_output_dir(out, data, name="--out")
    keys = {"dataset_dir": str(data), "output_dir": str(out), "resume": resume or None, "device": device}
    run_configs("training", ["train.yaml"], config, set_, **keys)
