"""How fast crops are drawn to train on.

    python scripts/study.py speed crops
    python scripts/study.py speed crops --size 128 --size 160

Patients and plans on one core, rendering on the device there is.
"""

import time
from typing import Annotated, Any

import numpy as np
import torch
import typer

from bundle.phantom.crops import Patient, draw_patient, draw_plan, render, stack_plans

from ..common import RESULTS, Out, table, write_results

FIRST_SEED = 20_000_000
COLUMNS = {"size": "voxels", "plan_ms": "a plan, ms", "render_ms": "a crop, ms", "crops_a_second": "crops/s",
           "peak_gib": "peak GiB"}  # fmt: skip


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def time_size(
    size: int, patients: list[Patient], batch_size: int, count: int, rng: np.random.Generator, device
) -> dict[str, Any]:
    """A row: `count` batches of crops of `size` voxels along each axis, planned and then rendered."""
    crops, is_cuda = count * batch_size, device.type == "cuda"
    began = time.perf_counter()
    batches = []
    for _ in range(count):
        chosen = rng.integers(len(patients), size=batch_size)
        batches.append(stack_plans([draw_plan(rng, patients[k], (size,) * 3) for k in chosen]))
    planned = time.perf_counter() - began
    if is_cuda:
        batches = [{name: value.pin_memory() for name, value in batch.items()} for batch in batches]
        torch.cuda.reset_peak_memory_stats()
    for batch in batches[:2]:
        render(batch, device)
    wait(device)
    began = time.perf_counter()
    for batch in batches:
        render(batch, device)
    wait(device)
    rendered = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() / 2**30 if is_cuda else None
    return {"size": f"{size}³", "plan_ms": 1e3 * planned / crops, "render_ms": 1e3 * rendered / crops,
            "crops_a_second": crops / rendered, "peak_gib": peak}  # fmt: skip


def difference(patient: Patient, device: torch.device) -> str:
    """What the device makes of a crop without random numbers, beside the CPU."""
    plan = draw_plan(np.random.default_rng(1), patient, (64, 64, 64))
    plan.texture[:] = 0
    plan.scan.numbers[3] = 0
    here, there = (render(stack_plans([plan]), where) for where in ("cpu", device))
    share = float((there.share.cpu() - here.share).abs().max())
    image = float((there.image.cpu() - here.image).abs().mean())
    return f"Device against CPU: volume fraction within {share:.4f}, image {image:.3f} HU on average."


def main(
    size: Annotated[list[int] | None, typer.Option(help="96, 128, 160 and 192")] = None,
    batch_size: int = 4,
    batches: int = 12,
    patients: int = 6,
    out: Out = RESULTS,
) -> None:
    """Draw patients, then plan and render crops of them in every size."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    began = time.perf_counter()
    drawn = [draw_patient(FIRST_SEED + k) for k in range(patients)]
    seconds = (time.perf_counter() - began) / patients
    text = f"A patient takes {seconds:.2f} s on one core; batches of {batch_size}."
    if device.type == "cuda":
        text += " " + difference(drawn[0], device)
    rng = np.random.default_rng(0)
    rows = [time_size(n, drawn, batch_size, batches, rng, device) for n in size or (96, 128, 160, 192)]
    forms = dict.fromkeys(("plan_ms", "render_ms", "peak_gib"), ".1f") | {"crops_a_second": ".0f"}
    write_results(out, "speed crops", f"{text}\n\n{table(rows, COLUMNS, **forms)}", rows, tuple(COLUMNS))
