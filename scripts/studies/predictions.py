"""What a network says of a scan, kept in a small file on the network's own grid.

The GPU is needed for this much alone; `study.py native --from` goes on from the files on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.transforms import Activationsd, Compose, Orientation

from bundle.common.crop import Region, region_of
from bundle.common.files import replacing
from bundle.transforms import resize_volume

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

OUTPUTS = ("lumen", "vein", "aorta")
"""Logits of a network of native resolution (scripts/train_native.py); others have the first alone."""
LEAST = 8
"""Of 255: less is stored as 0, which is what makes the files small."""
LOGIT_STEP, SURE, SURE_STEP = 1 / 64, -8.0, 1.0
"""Of logits; those under -8 in steps of one, for the noise of what is sure fills the file."""

# The axes of the network's grid, and of the truth files' figures.
to_ras = Orientation("RAS", labels=(("L", "R"), ("P", "A"), ("I", "S")))


@dataclass
class Prediction:
    """Of one scan by one network.

    values: by output, (X, Y, Z) float32 on the network's grid, which has the scan's field of view and RAS
        axes: probabilities, or logits where ``is_logit``.
    affine: (4, 4) of that grid, RAS mm.
    scan_shape, scan_affine: of the scan's file.
    seconds: from the loaded scan to ``values``.
    weights: SHA-256 of the network's file.
    """

    values: dict[str, np.ndarray]
    is_logit: bool
    affine: np.ndarray
    scan_shape: tuple[int, int, int]
    scan_affine: np.ndarray
    seconds: float
    weights: str

    def on_scan(self, output: str, shape: tuple[int, int, int], mode: str) -> torch.Tensor:
        """Probabilities (1, X, Y, Z) on the scan's grid with its axes turned to RAS, which has ``shape``."""
        values = resize_volume(torch.from_numpy(self.values[output])[None], shape, mode)
        return values.sigmoid_() if self.is_logit else values


def predict(image: str, run: ConfigWorkflow, weights: str) -> Prediction:
    """What the network of a run of configs/inference.yaml says of a scan, before the way back."""
    get = run.parser.get_parsed_content
    device, is_logit = torch.device(get("device")), isinstance(get("activation"), Activationsd)
    load, *steps = get("preprocessing").transforms
    data = load({"image": image})
    scan = data["image"].shape[1:], data["image"].affine.numpy().copy()
    data["image"] = data["image"].to(device)
    began = time.perf_counter()
    volume = Compose(steps)(data)["image"]
    kind = torch.float16 if device.type == "cuda" else torch.bfloat16
    with torch.inference_mode(), torch.autocast(device.type, kind, enabled=get("evaluator#amp")):
        values = get("inferer")(volume[None], get("network").eval())[0].float().cpu().numpy()
    seconds = time.perf_counter() - began
    named = dict(zip(OUTPUTS, values))
    return Prediction(named, is_logit, volume.affine.cpu().numpy(), *scan, seconds, weights)


def write_prediction(prediction: Prediction, path: Path) -> None:
    """An .npz of under 1 MB.

    ``lumen`` and, where the network has them, ``vein`` and ``aorta`` are a box of the grid: probabilities as
    uint8 of 255, 0 under 8; or logits as int16 in steps of 1/64. ``affine`` is that of the box;
    ``low`` its first voxel on the grid, of ``grid_shape`` and ``grid_affine``; outside it all is 0.
    """
    if prediction.is_logit:
        stored = {}
        for name, values in prediction.values.items():
            step = np.where(values < SURE, SURE_STEP, LOGIT_STEP)
            stored[name] = np.round(np.round(values / step) * step / LOGIT_STEP).astype(np.int16)
        shape = next(iter(stored.values())).shape
        region = Region((0, 0, 0), shape)
    else:
        stored = {}
        for name, values in prediction.values.items():
            whole = np.round(255 * values.clip(0, 1)).astype(np.uint8)
            stored[name] = np.where(whole < LEAST, 0, whole).astype(np.uint8)
        shape = next(iter(stored.values())).shape
        used = np.logical_or.reduce([values > 0 for values in stored.values()])
        region = region_of(used, margin=0) or Region((0, 0, 0), (1, 1, 1))
    about = {
        "affine": region.affine(prediction.affine),
        "low": region.low,
        "grid_shape": shape,
        "grid_affine": prediction.affine,
        "scan_shape": prediction.scan_shape,
        "scan_affine": prediction.scan_affine,
        "seconds": prediction.seconds,
        "weights": prediction.weights,
        "is_logit": prediction.is_logit,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part, open(part, "wb") as stream:
        np.savez_compressed(stream, **{name: region.take(v) for name, v in stored.items()}, **about)


def read_prediction(path: Path) -> Prediction:
    """What `write_prediction` wrote."""
    with np.load(path) as file:
        stored: Mapping[str, Any] = dict(file)
    is_logit = bool(stored["is_logit"])
    scale = LOGIT_STEP if is_logit else 1 / 255
    shape = tuple(int(n) for n in stored["grid_shape"])
    values = {}
    for name in OUTPUTS:
        if name in stored:
            region = Region(tuple(int(n) for n in stored["low"]), stored[name].shape)
            values[name] = region.put(stored[name], shape).astype(np.float32) * np.float32(scale)
    scan_shape = tuple(int(n) for n in stored["scan_shape"])
    seconds, weights = float(stored["seconds"]), str(stored["weights"])
    return Prediction(
        values, is_logit, stored["grid_affine"], scan_shape, stored["scan_affine"], seconds, weights
    )


def weights_of(path: Path) -> str:
    """By whose weights a file was made: their SHA-256."""
    with np.load(path) as file:
        return str(file["weights"])
