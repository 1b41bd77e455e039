"""How fast crops are drawn: patients and plans on one core, rendering on the device that trains.

python scripts/benchmark_crops.py --sizes 96 128 160 192
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.phantom.crops import draw_patient, draw_plan, render, stack_plans  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128, 160, 192])
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--patients", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    began = time.perf_counter()
    patients = [draw_patient(20_000_000 + k) for k in range(args.patients)]
    print(f"a patient: {(time.perf_counter() - began) / args.patients:.2f} s on one core")
    compare(patients[0], device)
    rng = np.random.default_rng(0)
    for size in args.sizes:
        began = time.perf_counter()
        batches = []
        for _ in range(args.batches):
            chosen = rng.integers(args.patients, size=args.batch_size)
            batches.append(stack_plans([draw_plan(rng, patients[k], (size,) * 3) for k in chosen]))
        count = args.batches * args.batch_size
        plan_ms = 1e3 * (time.perf_counter() - began) / count
        if device.type == "cuda":
            batches = [{k: v.pin_memory() for k, v in batch.items()} for batch in batches]
        for batch in batches[:2]:
            render(batch, device)
        _wait(device)
        began = time.perf_counter()
        for batch in batches:
            render(batch, device)
        _wait(device)
        seconds = time.perf_counter() - began
        memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
        print(
            f"{size}^3: a plan {plan_ms:.1f} ms on one core, {1e3 * seconds / count:.1f} ms a crop, "
            f"{count / seconds:.0f} crops/s, {memory:.1f} GiB"
        )
    print("CPU" if device.type == "cpu" else torch.cuda.get_device_name(), f"batch {args.batch_size}")


def compare(patient, device: torch.device) -> None:
    """The same crop without random numbers on the CPU and on the device."""
    plan = draw_plan(np.random.default_rng(1), patient, (64, 64, 64))
    plan.texture[:] = 0
    plan.scan.numbers[3] = 0
    here, there = (render(stack_plans([plan]), d) for d in ("cpu", device))
    share = float((there.share.cpu() - here.share).abs().max())
    image = (there.image.cpu() - here.image).abs()
    print(f"device against CPU: share within {share:.4f}, image {float(image.mean()):.3f} HU on average")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
