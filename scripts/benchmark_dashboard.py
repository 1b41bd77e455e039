"""What the TensorBoard dashboards cost a training run, on this machine.

python scripts/benchmark_dashboard.py                # the CPU, or the GPU where there is one
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.common.coordinates import voxel_size_mm
from bundle.handlers.training.dashboard import (
    Case,
    GradientNorm,
    PrecisionRecall,
    RunWriter,
    overlay_pictures,
    scene,
)
from bundle.networks import ResUNet3D, load_weights
from bundle.phantom import SMALL, WHOLE, make_phantom

MODEL = Path(__file__).resolve().parents[1] / "models" / "model.pt"
REPEATS = 20


def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Median time of ``work``, after one call that warms up."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def predicted_case(network: torch.nn.Module, device: torch.device, seed: int) -> tuple[Case, torch.Tensor]:
    """A phantom of 128 x 128 x 64 voxels, predicted with the shipped weights; the logits (1, 1, X, Y, Z)."""
    phantom = make_phantom(seed, SMALL, orientation="RAS")
    image = np.clip((phantom.image.astype(np.float32) + 500) / 1500, 0, 1)
    with torch.inference_mode():
        logits = network(torch.from_numpy(image)[None, None].to(device))
    truth = np.asarray(phantom.lumen_fraction, np.float32) / WHOLE
    probability = torch.sigmoid(logits)[0, 0].float().cpu().numpy()
    return Case(str(seed), image, truth, probability, np.asarray(phantom.affine)), logits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7, help="of the phantom")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_weights(ResUNet3D(), MODEL).to(device)
    case, logits = predicted_case(network, device, options.seed)
    masks = (case.truth >= 0.5, case.probability >= 0.5)
    spacing = voxel_size_mm(case.affine)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    step = SimpleNamespace(scaler=None, state=SimpleNamespace(output={}))
    validation = SimpleNamespace(
        state=SimpleNamespace(
            device=device,
            metrics={},
            output={"pred": logits.clone(), "label": torch.from_numpy(case.truth)[None, None].to(device)},
        )
    )
    norm, curve = GradientNorm(network), PrecisionRecall()
    curve.start(validation)
    with tempfile.TemporaryDirectory() as folder:
        writer = RunWriter(folder)
        writer.open(1)
        rows = {
            "each step: gradient norm": milliseconds(lambda: norm(step), device),
            "each step: four scalars": milliseconds(
                lambda: [writer.scalar(tag, 1.0, 1) for tag in "abcd"], device
            ),
            "each validation case: precision and recall": milliseconds(lambda: curve(validation), device),
            "each shown case: three overlays": milliseconds(
                lambda: overlay_pictures(case.image, *masks, spacing), device
            ),
            "each shown case: mesh": milliseconds(lambda: scene(case), device),
        }
        writer.flush()
        before = sum(path.stat().st_size for path in Path(folder).iterdir())
        for plane, rgb in overlay_pictures(case.image, *masks, spacing).items():
            writer.image(plane, rgb, 1)
        writer.mesh("mesh", *scene(case), 1)
        writer.close()
        written = sum(path.stat().st_size for path in Path(folder).iterdir()) - before
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for what, ms in rows.items():
        print(f"{what:45} {ms:8.2f} ms")
    print(f"{'each shown case: on disk':45} {written / 1e3:8.0f} kB")


if __name__ == "__main__":
    main()
