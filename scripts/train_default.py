"""From nothing to the weights that are shipped: make phantoms, train on them, measure, write a card.

    python scripts/train_default.py --minutes 10 --out runs/default_weights
    python scripts/train_default.py --minutes 10 --out runs/default_weights      # goes on where it stopped
    python scripts/train_default.py --install runs/default_weights/model.pt      # models/model.pt, as fp32

The same arguments again continue the same run; a killed one loses no more than an epoch. Training is
configs/train.yaml with configs/modes/phantom_pool.yaml on top; ``--set KEY=VALUE`` overrides any key.
Needs torch, monai, pytorch-ignite, tensorboard, tqdm, PyYAML, SciPy; scikit-image and cc3d for clDice.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# torch and MONAI are imported where they are used: the processes that make phantoms import this file too.

# First seed of each part. Far from the small numbers that data/phantoms is made from.
SEEDS = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}
POOL_CHUNK = 256
logger = logging.getLogger("train_default")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "default_weights", help="results")
    parser.add_argument("--run-dir", type=Path, default=ROOT / "runs" / "default", help="checkpoints, logs")
    parser.add_argument("--pool-dir", type=Path, default=ROOT / "data" / "phantom_pool")
    parser.add_argument("--count", type=int, default=1600, help="phantoms to train on")
    parser.add_argument("--validation", type=int, default=32, help="phantoms to choose the weights by")
    parser.add_argument("--test", type=int, default=100, help="phantoms to measure on")
    parser.add_argument("--processes", type=int, default=None, help="that make phantoms; default: all cores")
    parser.add_argument("--steps", type=int, default=20_000, help="at least; a whole number of epochs")
    parser.add_argument("--minutes", type=float, default=0, help="stop at an epoch's end before; 0: no limit")
    parser.add_argument("--half", action="store_true", help="store model.pt as fp16, for transport")
    parser.add_argument("--evaluate", action="store_true", help="measure now, though not finished")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a config key")
    parser.add_argument("--install", type=Path, metavar="FILE", help="only write FILE as models/model.pt")
    args = parser.parse_args(arguments)
    args.out, args.run_dir, args.pool_dir = (p.resolve() for p in (args.out, args.run_dir, args.pool_dir))
    return args


def make_pools(args: argparse.Namespace, end: float) -> bool:
    """Make the phantoms that are missing; False where the time ended first."""
    from bundle.phantom import make_pool

    for part, count in (("train", args.count), ("validation", args.validation), ("test", args.test)):
        for first in range(0, count, POOL_CHUNK):
            if time.monotonic() > end:
                return False
            chunk = min(POOL_CHUNK, count - first)
            make_pool(chunk, SEEDS[part] + first, args.pool_dir / part, args.processes)
    return True


def overrides(args: argparse.Namespace, end: float) -> dict:
    """Keys of the config that this script decides."""
    import yaml

    from bundle.handlers.training import LAST_CHECKPOINT

    keys = {
        "bundle_root": str(ROOT),
        "pool_dir": str(args.pool_dir),
        "output_dir": str(args.run_dir),
        "resume": (args.run_dir / LAST_CHECKPOINT).is_file(),
        "max_minutes": max((end - time.monotonic()) / 60, 0.01) if math.isfinite(end) else 0,
    }
    for pair in args.set:
        key, _, value = pair.partition("=")
        keys[key] = yaml.safe_load(value)
    batch_size = keys.get("batch_size", 4)
    keys.setdefault("max_epochs", math.ceil(args.steps / (args.count // batch_size)))
    return keys


def train(keys: dict):
    """Run the training as `monai.bundle run` does; returns the workflow."""
    from monai.bundle import ConfigWorkflow

    configs = ROOT / "configs"
    workflow = ConfigWorkflow(
        config_file=[str(configs / "train.yaml"), str(configs / "modes" / "phantom_pool.yaml")],
        meta_file=str(configs / "metadata.json"),
        logging_file=str(configs / "logging.conf"),
        run_id="training",
        workflow_type="train",
        **keys,
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return workflow


def measure(network, folder: Path, device, hu_range) -> dict:
    """Dice and clDice on the phantoms in ``folder``, at the network's grid, at the threshold 0.5."""
    import torch

    from bundle.transforms import LoadPhantomd, pool_cases

    try:
        from bundle.metrics import centerline_dice
    except ModuleNotFoundError as error:
        logger.warning("clDice is not measured, for the package %s is missing", error.name)
        centerline_dice = None
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
        row = {"case": item["case"], "dice": 2 * int((predicted & truth).sum()) / max(total, 1)}
        if centerline_dice is not None:
            row["cldice"] = centerline_dice(predicted.cpu().numpy(), truth.cpu().numpy())
        rows.append(row)
    names = [name for name in rows[0] if name != "case"]
    return {"cases": rows} | {name: spread([row[name] for row in rows]) for name in names}


def spread(values: list[float]) -> dict[str, float]:
    import numpy as np

    array = np.array(values)
    numbers = {"mean": array.mean(), "sd": array.std(ddof=1) if len(array) > 1 else 0.0}
    numbers |= {"median": np.median(array), "min": array.min(), "max": array.max()}
    return {name: round(float(value), 4) for name, value in numbers.items()}


def write_results(args: argparse.Namespace, keys: dict, workflow, started: float) -> None:
    """card.json, curves.csv and model.pt in ``args.out``."""
    import torch

    from bundle.handlers.training.dashboard import read_curves
    from bundle.networks import load_weights, save_weights

    parser = workflow.parser
    network = parser.get_parsed_content("network")
    device = torch.device(parser.get_parsed_content("device"))
    load_weights(network, args.run_dir / "model.pt")
    args.out.mkdir(parents=True, exist_ok=True)
    save_weights(network, args.out / "model.pt", half=args.half)
    shutil.copyfile(args.run_dir / "curves.csv", args.out / "curves.csv")
    curves = read_curves(args.run_dir / "curves.csv")
    validated = [row for row in curves if row["val_mean_dice"] is not None]
    best = max(validated, key=lambda row: row["val_mean_dice"]) if validated else None
    trainer = parser.get_parsed_content("train#trainer")
    hu_range = parser.get_parsed_content("hu_range")
    settings = ("channels", "norm", "hu_range", "learning_rate", "warmup_steps", "batch_size", "seed")
    card = {
        "finished": trainer.state.epoch >= keys["max_epochs"],
        "steps": trainer.state.iteration,
        "epochs": trainer.state.epoch,
        "training_seconds": round(sum(row["seconds"] for row in curves), 1),
        "seconds_this_call": round(time.monotonic() - started, 1),
        "settings": {name: parser.get_parsed_content(name) for name in (*settings, "amp", "amp_dtype")},
        "augmentation": {k: v for k, v in parser["train#augment"].items() if k != "_target_"},
        "parameters": sum(p.numel() for p in network.parameters()),
        "weights_stored_as": "float16" if args.half else "float32",
        "data": {
            part: {"phantoms": count, "first_seed": SEEDS[part]}
            for part, count in (("train", args.count), ("validation", args.validation), ("test", args.test))
        },
        "real_labelled_scans": 0,
        "best_validation": best,
        "test_at_network_grid": measure(network, args.pool_dir / "test", device, hu_range),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
    }
    (args.out / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps({k: v for k, v in card.items() if k != "test_at_network_grid"}, indent=2))
    print({k: v for k, v in card["test_at_network_grid"].items() if k != "cases"})


def install(source: Path, target: Path) -> None:
    """Write weights as float32, a bare state_dict."""
    from bundle.networks import read_checkpoint, save_checkpoint

    state = read_checkpoint(source)
    state = state.get("model", state)
    save_checkpoint({k: t.float() if t.is_floating_point() else t for k, t in state.items()}, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(arguments: list[str] | None = None) -> int:
    started = time.monotonic()
    args = parse(arguments)
    if args.install:
        install(args.install, ROOT / "models" / "model.pt")
        return 0
    end = started + 60 * args.minutes if args.minutes else math.inf
    if not make_pools(args, end):
        print("the time ended while phantoms were made; the same command goes on")
        return 0
    keys = overrides(args, end)
    workflow = train(keys)
    trainer = workflow.parser.get_parsed_content("train#trainer")
    finished = trainer.state.epoch >= keys["max_epochs"]
    if finished or args.evaluate:
        write_results(args, keys, workflow, started)
    if not finished:
        print(f"stopped after {trainer.state.iteration} steps; the same command goes on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
