"""Samples a second of the training step on one GPU and on several, and how much of the sum is left.

    python scripts/benchmark_multi_gpu.py                          # one and two GPUs: under 3 minutes
    python scripts/benchmark_multi_gpu.py --processes 1 2 4 --json figures.json

Each run is configs/train.yaml with configs/modes/phantom_pool.yaml, and configs/multi_gpu_train.yaml for more
than one process, through MONAI's trainer; the batch is that of each process. What train.yaml does at every
step is timed: loading, augmentation, network, loss and its parts, gradient norm, optimizer, schedule.
Logging, validation and checkpoints are left out. Needs torch, monai, pytorch-ignite, tqdm, PyYAML and SciPy.
Without a GPU it runs on the CPU, where it should be small:

    python scripts/benchmark_multi_gpu.py --set channels=[4,8] --batch-size 1 --steps 6 --phantoms 4
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# torch and MONAI are imported where they are used: the processes that make phantoms import this file too.

STEP_HANDLERS = ("Reproducible", "LrScheduleHandler", "TrainingLossParts", "GradientNorm")
FIRST_SEED = 5_000_000
REPEATS = 8  # of the phantoms in an epoch, whose end costs time too


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="one run for each number")
    parser.add_argument("--batch-size", type=int, default=4, help="of each process")
    parser.add_argument("--steps", type=int, default=200, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=50, help="steps before, of which the first compiles")
    parser.add_argument("--phantoms", type=int, default=32, help="different ones")
    parser.add_argument("--pool-dir", type=Path, default=ROOT / "data" / "benchmark_pool")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a config key")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)  # one of the processes; its result
    return parser.parse_args(arguments)


class StepTimer:
    """Trainer handler that times ``steps`` steps after ``warm_up`` others, then ends the run."""

    def __init__(self, warm_up: int, steps: int) -> None:
        self.warm_up, self.steps = warm_up, steps
        self.seconds = math.nan

    def __call__(self, engine) -> None:
        import torch

        step = engine.state.iteration
        if step in (self.warm_up, self.warm_up + self.steps):
            if engine.state.device.type == "cuda":
                torch.cuda.synchronize(engine.state.device)
            now = time.perf_counter()
            if step == self.warm_up:
                self._start = now
            else:
                self.seconds = now - self._start
                engine.terminate()


def work(args: argparse.Namespace) -> None:
    """One of the processes of a run; the first one writes the result."""
    import ignite.distributed as idist
    import torch
    import yaml
    from ignite.engine import Events
    from monai.bundle import ConfigParser, ConfigWorkflow

    (processes,) = args.processes
    cases = f"{REPEATS} * pool_cases({str(args.pool_dir)!r})"
    configs = [ROOT / "configs" / name for name in ("train.yaml", "modes/phantom_pool.yaml")]
    handlers = ConfigParser.load_config_file(configs[0])["train"]["handlers"]
    if processes > 1:
        configs.insert(1, ROOT / "configs" / "multi_gpu_train.yaml")
    workflow = ConfigWorkflow(
        config_file=[str(path) for path in configs],
        meta_file=str(ROOT / "configs" / "metadata.json"),
        logging_file=False,
        run_id="training",
        workflow_type="train",
        **{
            "bundle_root": str(ROOT),
            "run_dir": str(args.worker.parent / "run"),
            "batch_size": args.batch_size,
            "cases": f"$dict.fromkeys(('train', 'validation'), {cases})",
            "+imports": ["$from bundle.transforms.load_phantom import pool_cases"],
            "max_epochs": 1 + args.warm_up + args.steps,
            "train#handlers": [h for h in handlers if h["_target_"].split(".")[-1] in STEP_HANDLERS],
            **{key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in args.set)},
        },
    )
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    timer = StepTimer(args.warm_up, args.steps)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, timer)
    workflow.run()
    device = trainer.state.device
    result = {
        "processes": processes,
        "batch_size": args.batch_size,
        "ms_per_step": timer.seconds / args.steps * 1e3,
        "samples_per_second": processes * args.batch_size * args.steps / timer.seconds,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
    }
    if idist.get_rank() == 0:
        args.worker.write_text(json.dumps(result))
    workflow.finalize()


def measure(args: argparse.Namespace, processes: int) -> dict:
    """Start a run on so many processes and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        launcher = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nnodes=1",
            f"--nproc_per_node={processes}",
        ]
        command = [sys.executable, *(launcher if processes > 1 else []), __file__]
        command += ["--worker", str(result), "--processes", str(processes), "--pool-dir", str(args.pool_dir)]
        for name in ("batch_size", "steps", "warm_up"):
            command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
        command += [f"--set={pair}" for pair in args.set]
        if subprocess.run(command).returncode:
            raise SystemExit(f"error: the run on {processes} processes failed, for the reason above")
        return json.loads(result.read_text())


def table(rows: list[dict], date: str) -> str:
    """Markdown; the efficiency is against as many times the first row's samples a second of a process."""
    lines = ["| device | date | processes | batch of each | ms a step | samples/s | efficiency |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        lines.append(
            f"| {row['device']}, torch {row['torch']} | {date} | {row['processes']} | {row['batch_size']} "
            f"| {row['ms_per_step']:.1f} | {row['samples_per_second']:.1f} | {row['efficiency']:.0%} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    args.pool_dir = args.pool_dir.resolve()
    if args.worker is not None:
        work(args)
        return
    from bundle.phantom import make_pool

    make_pool(args.phantoms, FIRST_SEED, args.pool_dir)
    rows = [measure(args, processes) for processes in args.processes]
    alone = rows[0]["samples_per_second"] / rows[0]["processes"]
    for row in rows:
        row["efficiency"] = row["samples_per_second"] / (alone * row["processes"])
    date = datetime.date.today().isoformat()
    print(table(rows, date))
    if args.json is not None:
        args.json.write_text(json.dumps({"date": date, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
