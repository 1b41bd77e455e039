"""What TensorBoard's dashboards cost a training run.

python scripts/study.py speed dashboard
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from shared import ROOT

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

from ..common import RESULTS, Out, table, write_results

MODEL = ROOT / "models" / "model.pt"


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of `work`, after one call that warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def predicted_case(
    network: torch.nn.Module, device: torch.device, seed: int, shape: tuple[int, int, int]
) -> tuple[Case, torch.Tensor]:
    """A small phantom, predicted with the shipped weights; the logits (1, 1, X, Y, Z)."""
    phantom = make_phantom(seed, shape, orientation="RAS")
    image = np.clip((phantom.image.astype(np.float32) + 500) / 1500, 0, 1)
    with torch.inference_mode():
        logits = network(torch.from_numpy(image)[None, None].to(device))
    truth = np.asarray(phantom.lumen_fraction, np.float32) / WHOLE
    probability = torch.sigmoid(logits)[0, 0].float().cpu().numpy()
    return Case(str(seed), image, truth, probability, np.asarray(phantom.affine)), logits


def main(seed: int = 7, shape: tuple[int, int, int] = SMALL, repeats: int = 20, out: Out = RESULTS) -> None:
    """Measure on the phantom of `seed`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_weights(ResUNet3D(), MODEL).to(device)
    case, logits = predicted_case(network, device, seed, shape)
    masks = (case.truth >= 0.5, case.probability >= 0.5)
    spacing = voxel_size_mm(case.affine)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    step = SimpleNamespace(scaler=None, state=SimpleNamespace(output={}))
    output = {"pred": logits.clone(), "label": torch.from_numpy(case.truth)[None, None].to(device)}
    validation = SimpleNamespace(state=SimpleNamespace(device=device, metrics={}, output=output))
    norm, curve = GradientNorm(network), PrecisionRecall()
    curve.start(validation)
    with tempfile.TemporaryDirectory() as folder:
        writer = RunWriter(folder)
        writer.open(1)
        works = {
            "each step: gradient norm": lambda: norm(step),
            "each step: four scalars": lambda: [writer.events.add_scalar(tag, 1.0, 1) for tag in "abcd"],
            "each validation case: precision and recall": lambda: curve(validation),
            "each shown case: three overlays": lambda: overlay_pictures(case.image, *masks, spacing),
            "each shown case: mesh": lambda: scene(case),
        }
        rows = [{"what": what, "ms": milliseconds(work, repeats)} for what, work in works.items()]
        writer.events.flush()
        before = sum(path.stat().st_size for path in Path(folder).iterdir())
        for plane, rgb in overlay_pictures(case.image, *masks, spacing).items():
            writer.image(plane, rgb, 1)
        writer.mesh("mesh", *scene(case), 1)
        writer.close()
        written = sum(path.stat().st_size for path in Path(folder).iterdir()) - before
    columns = {"what": "what", "ms": "ms"}
    text = f"{table(rows, columns, ms='.2f')}\n\nA shown case takes {written / 1e3:.0f} kB on disk."
    write_results(out, "speed dashboard", text, rows, tuple(columns))
