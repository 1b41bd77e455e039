"""Train the network of native resolution on crops that are drawn while it trains.

    python scripts/train_native.py --minutes 9
    python scripts/train_native.py --minutes 9          # goes on where it stopped
    torchrun --nproc_per_node 2 scripts/train_native.py --minutes 9
    python scripts/train_native.py --install runs/native/model.pt     # as models/native_checkpoint.pt
    python scripts/train_native.py --install runs/native/model.pt --install before.pt    # their mean

Training is configs/train.yaml with configs/modes/native_train.yaml on top, and configs/multi_gpu_train.yaml
under torchrun. The same command again continues the run; a killed one loses no more than an epoch. No data is
needed. --init models/native_checkpoint.pt starts a new run from there; --set seed=1 gives it other patients.
Weights of a network with one level less than the config's are deepened.
"""

import math
import os
import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from shared import ROOT, Set, config_path, run, settings, workflow

if TYPE_CHECKING:
    from bundle.networks import ResUNet3D

CONFIGS = ("train.yaml", "modes/native_train.yaml")
MULTI_GPU = "multi_gpu_train.yaml"


def install(sources: Sequence[Path], target: Path) -> None:
    """Write weights as they are shipped: all logits, floats as fp16; of several files their mean.

    The mean of weights of one training and of another that went on from it is a network that errs less than
    either on other data (Wortsman et al., Model soups, ICML 2022).

    Raises:
        InputError: no weights of this network.
    """
    from bundle.networks import load_weights, save_weights

    network = network_of(config())
    states = [load_weights(deepcopy(network), source).state_dict() for source in sources]
    for name, tensor in network.state_dict().items():
        tensor.copy_(sum(state[name] for state in states) / len(states))
    save_weights(network, target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def config(*more: str) -> dict[str, Any]:
    """What the configs of the training hold."""
    from monai.bundle import ConfigParser

    return ConfigParser.load_config_files([config_path(name) for name in (*CONFIGS, *more)])


def network_of(config: dict[str, Any]) -> "ResUNet3D":
    """The network of a config, not yet trained."""
    from bundle.networks import ResUNet3D

    return ResUNet3D(out_channels=config["out_channels"], channels=config["channels"])


def start_of(init: Path, config: dict[str, Any], folder: str) -> Path:
    """`init`, or where the config's network has one level more, weights for that one in `folder`."""
    from bundle.networks import deepened, read_checkpoint, save_checkpoint

    state = read_checkpoint(init)
    state = state.get("model", state)
    network = network_of(config)
    levels = {name.split(".")[1] for name in state if name.startswith("encoders.")}
    if len(levels) != len(network.encoders) - 1:
        return init
    try:
        weights = deepened(state, network)
    except ValueError:
        return init  # loading it says what is wrong
    start = Path(folder) / "deepened.pt"
    save_checkpoint(weights, start)
    print(f"{init.name} begins with one level more.")
    return start


def main(
    run_dir: Annotated[Path, typer.Option(help="checkpoints, weights and curves")] = ROOT / "runs" / "native",
    steps: Annotated[int, typer.Option(help="of the whole run; a whole number of epochs")] = 20_000,
    minutes: Annotated[float, typer.Option(help="of this call; 0: until the steps are done")] = 0,
    init: Annotated[Path | None, typer.Option(metavar="FILE", help="weights to start from")] = None,
    override: Set = None,
    install_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--install",
            metavar="FILE",
            help="only write FILE as models/native_checkpoint.pt; of several the mean",
        ),
    ] = None,
) -> None:
    """Train as far as the time goes."""
    began = time.monotonic()
    if install_files:
        install(install_files, ROOT / "models" / "native_checkpoint.pt")
        return
    from bundle.handlers.training import LAST_CHECKPOINT

    more = [MULTI_GPU] if "LOCAL_RANK" in os.environ else []
    own = settings(override, *CONFIGS, *more)
    settled = config(*more) | own
    keys = {
        "output_dir": run_dir.resolve(),
        "resume": (run_dir / LAST_CHECKPOINT).is_file(),
        "max_epochs": math.ceil(steps / settled["epoch_steps"]),
        "max_minutes": max(minutes - (time.monotonic() - began) / 60, 0.01) if minutes else 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        keys["init_weights"] = init and start_of(init, settled, folder)
        training = workflow(*CONFIGS, *more, run_id="training", logging=True, **keys | own)
        training.run()
    trainer = training.parser.get_parsed_content("train#trainer")
    training.finalize()
    state = trainer.state
    done = state.epoch >= state.max_epochs
    print(f"{state.iteration} steps; " + ("done" if done else "the same command goes on"))


if __name__ == "__main__":
    run(main, __doc__)
