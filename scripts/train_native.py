"""Train the network of native resolution on crops that are drawn while it trains.

    python scripts/train_native.py --minutes 9
    python scripts/train_native.py --minutes 9          # goes on where it stopped
    torchrun --nproc_per_node 2 scripts/train_native.py --minutes 9
    python scripts/train_native.py --install runs/native/model.pt     # as models/native_checkpoint.pt

Training is configs/train.yaml with configs/modes/native_train.yaml on top, and configs/multi_gpu_train.yaml
under torchrun. The same command again continues the run; a killed one loses no more than an epoch. No data is
needed. --init models/native_checkpoint.pt starts a new run from there; --set seed=1 gives it other patients.
"""

import math
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT, Set, run, settings, workflow

CONFIGS = ("train.yaml", "modes/native_train.yaml")
MULTI_GPU = "multi_gpu_train.yaml"


def install(source: Path, target: Path) -> None:
    """Write weights as they are shipped: all logits, floats as fp16.

    Raises:
        InputError: no weights of this network.
    """
    from bundle.networks import ResUNet3D, load_weights, save_weights

    save_weights(load_weights(ResUNet3D(out_channels=3), source), target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(
    run_dir: Annotated[Path, typer.Option(help="checkpoints, weights and curves")] = ROOT / "runs" / "native",
    steps: Annotated[int, typer.Option(help="of the whole run; a whole number of epochs")] = 20_000,
    minutes: Annotated[float, typer.Option(help="of this call; 0: until the steps are done")] = 0,
    init: Annotated[Path | None, typer.Option(metavar="FILE", help="weights to start from")] = None,
    override: Set = None,
    install_file: Annotated[
        Path | None,
        typer.Option("--install", metavar="FILE", help="only write FILE as models/native_checkpoint.pt"),
    ] = None,
) -> None:
    """Train as far as the time goes."""
    began = time.monotonic()
    if install_file:
        install(install_file, ROOT / "models" / "native_checkpoint.pt")
        return
    from monai.bundle import ConfigParser
    from shared import config_path

    from bundle.handlers.training import LAST_CHECKPOINT

    configs = [*CONFIGS, *([MULTI_GPU] if "LOCAL_RANK" in os.environ else [])]
    own = settings(override, *configs)
    config = ConfigParser.load_config_files([config_path(name) for name in configs]) | own
    keys = {
        "output_dir": run_dir.resolve(),
        "resume": (run_dir / LAST_CHECKPOINT).is_file(),
        "max_epochs": math.ceil(steps / config["epoch_steps"]),
        "init_weights": init,
        "max_minutes": max(minutes - (time.monotonic() - began) / 60, 0.01) if minutes else 0,
    }
    training = workflow(*configs, run_id="training", logging=True, **keys | own)
    training.run()
    trainer = training.parser.get_parsed_content("train#trainer")
    training.finalize()
    state = trainer.state
    done = state.epoch >= state.max_epochs
    print(f"{state.iteration} steps; " + ("done" if done else "the same command goes on"))


if __name__ == "__main__":
    run(main, __doc__)
