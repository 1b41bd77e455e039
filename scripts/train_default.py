"""From nothing to weights as those that are shipped: make phantoms, train on them, measure, write a card.

    python scripts/train_default.py --minutes 10
    python scripts/train_default.py --minutes 10          # goes on where it stopped
    python scripts/train_default.py --install runs/default_weights/model.pt      # as models/model.pt

The defaults are those of models/model.pt: 2,000 phantoms, 30,000 steps, stored as fp16. The same arguments
again continue the same run; a killed one loses no more than an epoch. Training is configs/train.yaml with
configs/modes/phantom_pool.yaml on top.
"""

import json
import math
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT, SEEDS, Processes, Set, config_path, run, settings, workflow

from bundle.common.files import write_json

# torch and MONAI are imported where they are used: the processes that make phantoms import this file too.

CONFIGS = ("train.yaml", "modes/phantom_pool.yaml")
POOL_CHUNK = 256


def make_pools(folder: Path, counts: dict[str, int], processes: int | None, end: float) -> bool:
    """Make the phantoms that are missing; False where the time ended first."""
    from bundle.phantom import make_pool

    for part, count in counts.items():
        for first in range(0, count, POOL_CHUNK):
            if time.monotonic() > end:
                return False
            make_pool(min(POOL_CHUNK, count - first), SEEDS[part] + first, folder / part, processes)
    return True


def measure(network, folder: Path, device, hu_range) -> dict:
    """Dice and clDice on the phantoms in `folder`, at the network's grid, at the threshold 0.5."""
    import torch

    from bundle.metrics import centerline_dice
    from bundle.transforms import LoadPhantomd, pool_cases

    load = LoadPhantomd(hu_range=hu_range, device=device)
    rows = []
    network.eval()
    for item in pool_cases(folder):
        case = load(item)
        with torch.inference_mode():
            # Past torch.compile, which would compile anew for this size of batch.
            predicted = network.forward(case["image"][None])[0, 0] > 0
        truth = case["label"][0] >= 0.5
        total = int(predicted.sum() + truth.sum())
        overlap = 2 * int((predicted & truth).sum()) / max(total, 1)
        line = centerline_dice(predicted.cpu().numpy(), truth.cpu().numpy())
        rows.append({"case": item["case"], "dice": overlap, "cldice": line})
    return {"cases": rows} | {name: spread([row[name] for row in rows]) for name in ("dice", "cldice")}


def spread(values: list[float]) -> dict[str, float]:
    import numpy as np

    array = np.array(values)
    numbers = {"mean": array.mean(), "sd": array.std(ddof=1) if len(array) > 1 else 0.0}
    numbers |= {"median": np.median(array), "min": array.min(), "max": array.max()}
    return {name: round(float(value), 4) for name, value in numbers.items()}


def write_results(
    out: Path, counts: dict[str, int], finished: bool, half: bool, training, seconds: float
) -> None:
    """card.json, curves.csv and model.pt of a `training` in `out`."""
    import torch

    from bundle.handlers.training.dashboard import read_curves
    from bundle.networks import load_weights, save_weights

    get = training.parser.get_parsed_content
    network, trainer, run_dir = get("network"), get("train#trainer"), Path(get("output_dir"))
    device = torch.device(get("device"))
    load_weights(network, run_dir / "model.pt")
    out.mkdir(parents=True, exist_ok=True)
    save_weights(network, out / "model.pt", half=half)
    shutil.copyfile(run_dir / "curves.csv", out / "curves.csv")
    curves = read_curves(run_dir / "curves.csv")
    validated = [row for row in curves if row["val_mean_dice"] is not None]
    best = max(validated, key=lambda row: row["val_mean_dice"]) if validated else None
    shown = ("channels", "norm", "hu_range", "learning_rate", "warmup_steps", "batch_size", "seed")
    card = {
        "finished": finished,
        "steps": trainer.state.iteration,
        "epochs": trainer.state.epoch,
        "training_seconds": round(sum(row["seconds"] for row in curves), 1),
        "seconds_this_call": round(seconds, 1),
        "settings": {name: get(name) for name in (*shown, "amp", "amp_dtype")},
        "augmentation": {k: v for k, v in training.parser["train#augment"].items() if k != "_target_"},
        "parameters": sum(p.numel() for p in network.parameters()),
        "weights_stored_as": "float16" if half else "float32",
        "data": {part: {"phantoms": n, "first_seed": SEEDS[part]} for part, n in counts.items()},
        "real_labelled_scans": 0,
        "best_validation": best,
        "test_at_network_grid": measure(network, Path(get("pool_dir")) / "test", device, get("hu_range")),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
    }
    write_json(card, out / "card.json")
    print(json.dumps({k: v for k, v in card.items() if k != "test_at_network_grid"}, indent=2))
    print({k: v for k, v in card["test_at_network_grid"].items() if k != "cases"})


def install(source: Path, target: Path) -> None:
    """Write weights as they are shipped: of the default network, floats as fp16.

    Raises:
        InputError: no weights of the default network.
    """
    from bundle.networks import ResUNet3D, load_weights, save_weights

    save_weights(load_weights(ResUNet3D(), source), target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(
    out: Annotated[Path, typer.Option(help="folder of the results")] = ROOT / "runs" / "default_weights",
    run_dir: Annotated[Path, typer.Option(help="checkpoints, logs")] = ROOT / "runs" / "default",
    pool_dir: Annotated[Path, typer.Option(help="phantoms")] = ROOT / "data" / "phantom_pool",
    count: Annotated[int, typer.Option(help="phantoms to train on")] = 2000,
    validation: Annotated[int, typer.Option(help="phantoms to choose the weights by")] = 32,
    test: Annotated[int, typer.Option(help="phantoms to measure on")] = 100,
    processes: Processes = None,
    steps: Annotated[int, typer.Option(help="at least; a whole number of epochs")] = 30_000,
    minutes: Annotated[float, typer.Option(help="stop at an epoch's end before; 0: no limit")] = 0,
    half: Annotated[bool, typer.Option("--half/--float", help="how model.pt is stored")] = True,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="measure now, though not finished")] = False,
    override: Set = None,
    install_file: Annotated[
        Path | None, typer.Option("--install", metavar="FILE", help="only write FILE as models/model.pt")
    ] = None,
) -> None:
    """Make, train, measure, as far as the time goes."""
    started = time.monotonic()
    if install_file:
        install(install_file, ROOT / "models" / "model.pt")
        return
    from monai.bundle import ConfigParser

    from bundle.handlers.training import LAST_CHECKPOINT

    own = settings(override, *CONFIGS)
    config = ConfigParser.load_config_files([config_path(name) for name in CONFIGS]) | own
    steps_an_epoch = count // config["batch_size"]
    if steps_an_epoch == 0:
        raise typer.BadParameter(f"--count {count} does not fill a batch of {config['batch_size']}")
    run_dir, pool_dir = run_dir.resolve(), pool_dir.resolve()
    counts = {"train": count, "validation": validation, "test": test}
    end = started + 60 * minutes if minutes else math.inf
    if not make_pools(pool_dir, counts, processes, end):
        print("the time ended while phantoms were made; the same command goes on")
        return
    keys = {
        "pool_dir": pool_dir,
        "output_dir": run_dir,
        "resume": (run_dir / LAST_CHECKPOINT).is_file(),
        "max_minutes": max((end - time.monotonic()) / 60, 0.01) if minutes else 0,
        "max_epochs": math.ceil(steps / steps_an_epoch),
    } | own
    training = workflow(*CONFIGS, run_id="training", logging=True, **keys)
    training.run()
    training.finalize()
    state = training.parser.get_parsed_content("train#trainer").state
    finished = state.epoch >= keys["max_epochs"]
    if finished or evaluate:
        write_results(out, counts, finished, half, training, time.monotonic() - started)
    if not finished:
        print(f"stopped after {state.iteration} steps; the same command goes on")


if __name__ == "__main__":
    run(main, __doc__)
