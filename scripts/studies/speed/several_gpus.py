"""Training steps a second on one GPU and on several.

    python scripts/study.py speed several_gpus                    # one and two GPUs: under 3 minutes
    python scripts/study.py speed several_gpus --processes 1 --processes 4

Each run is configs/train.yaml with configs/modes/phantom_pool.yaml, and configs/multi_gpu_train.yaml for more
than one process, through MONAI's trainer; the batch is that of each process. What train.yaml does at every
step is timed: loading, augmentation, network, loss and its parts, gradient norm, optimizer, schedule.
Logging, validation and checkpoints are left out. Without a GPU it runs on the CPU, where it should be small:

    python scripts/study.py speed several_gpus --set channels=[4,8] --batch-size 1 --steps 6 --phantoms 4
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import ignite.distributed as idist
import torch
import typer
from ignite.engine import Events
from monai.bundle import ConfigParser
from shared import ROOT, Set, config_path, settings, workflow

from bundle.phantom import make_pool

from ..common import RESULTS, Out, table, write_results

STEP_HANDLERS = ("Reproducible", "LrScheduleHandler")
FIGURES = "bundle.handlers.training.dashboard.step_figures"
DASHBOARD_PARTS = [
    {"_target_": f"{FIGURES}.TrainingLossParts", "loss": "@loss"},
    {"_target_": f"{FIGURES}.GradientNorm", "network": "@network"},
]
FIRST_SEED = 5_000_000
REPEATS = 8  # of the phantoms in an epoch, whose end costs time too
CONFIGS = ("train.yaml", "multi_gpu_train.yaml", "modes/phantom_pool.yaml")


class StepTimer:
    """Trainer handler that times `steps` steps after `warm_up` others, then ends the run."""

    def __init__(self, warm_up: int, steps: int) -> None:
        self.warm_up, self.steps = warm_up, steps
        self.seconds = math.nan

    def __call__(self, engine) -> None:
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


def work(
    processes: int, batch_size: int, steps: int, warm_up: int, pool_dir: Path, result: Path, keys: dict
) -> None:
    """One of the processes of a run; the first one writes the result."""
    cases = f"{REPEATS} * pool_cases({str(pool_dir)!r})"
    handlers = ConfigParser.load_config_file(config_path("train.yaml"))["train"]["handlers"]
    handlers = [h for h in handlers if h["_target_"].split(".")[-1] in STEP_HANDLERS]
    own = {
        "output_dir": result.parent / "run",
        "batch_size": batch_size,
        "cases": f"$dict.fromkeys(('train', 'validation'), {cases})",
        "+imports": ["$from bundle.transforms.load_phantom import pool_cases"],
        "max_epochs": 1 + warm_up + steps,
        "train#handlers": handlers + DASHBOARD_PARTS,
    }
    configs = [name for name in CONFIGS if processes > 1 or name != "multi_gpu_train.yaml"]
    run = workflow(*configs, run_id="training", **(own | keys))
    trainer = run.parser.get_parsed_content("train#trainer")
    timer = StepTimer(warm_up, steps)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, timer)
    run.run()
    device = trainer.state.device
    found = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "processes": processes,
        "batch_size": batch_size,
        "ms_per_step": timer.seconds / steps * 1e3,
        "samples_per_second": processes * batch_size * steps / timer.seconds,
    }
    if idist.get_rank() == 0:
        result.write_text(json.dumps(found))
    run.finalize()


def measure(processes: int, words: list[str]) -> dict[str, Any]:
    """Start a run on so many processes, with the options in `words`, and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
        command = [sys.executable, *(launcher if processes > 1 else ()), str(ROOT / "scripts" / "study.py")]
        command += ["speed", "several_gpus", f"--worker={result}", f"--processes={processes}", *words]
        if subprocess.run(command).returncode:
            raise SystemExit(f"error: the run on {processes} processes failed, for the reason above")
        return json.loads(result.read_text())


def main(
    processes: Annotated[list[int] | None, typer.Option(help="a run for each number; 1 and 2")] = None,
    batch_size: Annotated[int, typer.Option(help="of each process")] = 4,
    steps: Annotated[int, typer.Option(help="that are timed")] = 200,
    warm_up: Annotated[int, typer.Option(help="steps before, of which the first compiles")] = 50,
    phantoms: Annotated[int, typer.Option(help="different ones")] = 32,
    pool_dir: Path = ROOT / "data" / "benchmark_pool",
    out: Out = RESULTS,
    override: Set = None,
    worker: Annotated[Path | None, typer.Option(hidden=True)] = None,  # one of the processes; its result
) -> None:
    keys = settings(override, *CONFIGS)
    if worker is not None:
        work(processes[0], batch_size, steps, warm_up, pool_dir, worker, keys)
        return
    pool_dir = pool_dir.resolve()
    make_pool(phantoms, FIRST_SEED, pool_dir)
    words = [f"--batch-size={batch_size}", f"--steps={steps}", f"--warm-up={warm_up}"]
    words += [f"--pool-dir={pool_dir}", *(f"--set={pair}" for pair in override or ())]
    rows = [measure(number, words) for number in processes or (1, 2)]
    alone = rows[0]["samples_per_second"] / rows[0]["processes"]
    for row in rows:
        row["efficiency"] = row["samples_per_second"] / (alone * row["processes"])
    columns = {"device": "device", "processes": "processes", "batch_size": "batch of each",
               "ms_per_step": "ms a step", "samples_per_second": "samples/s",
               "efficiency": "efficiency"}  # fmt: skip
    figures = table(rows, columns, ms_per_step=".1f", samples_per_second=".1f", efficiency=".0%")
    efficiency = "Efficiency is the samples a second against those of the first row times the processes."
    text = f"{figures}\n\n{steps} steps after {warm_up} others. {efficiency}"
    write_results(out, "speed several_gpus", text, rows, tuple(columns))
