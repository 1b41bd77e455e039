"""Pictures of the validation for TensorBoard."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events

from bundle.handlers.run_writer import RunWriter

__all__ = ["OverlayImages", "overlay_projections"]

# (name, axis looked along) of a volume in RAS order.
PLANES = (("sagittal", 0), ("coronal", 1), ("axial", 2))
TRUTH, PREDICTION, BOTH = (0, 200, 0), (230, 30, 30), (255, 220, 0)


def overlay_projections(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray
) -> dict[str, np.ndarray]:
    """Maximum-intensity projections with the projected masks on top.

    Truth is green, prediction red, and where both project yellow. As a radiologist sees it: the head up in
    sagittal and coronal, the patient's right on the left in coronal and axial, the front up in axial and left
    in sagittal.

    Args:
        image: (X, Y, Z) in [0, 1], axes RAS.
        truth, prediction: (X, Y, Z) bool.

    Returns:
        (rows, columns, 3) uint8 for each of "sagittal", "coronal" and "axial".
    """
    pictures = {}
    for name, axis in PLANES:
        grey = np.clip(image.max(axis=axis) * 255, 0, 255).astype(np.uint8)
        rgb = np.repeat(grey[..., None], 3, axis=-1)
        seen, predicted = truth.any(axis=axis), prediction.any(axis=axis)
        rgb[seen & ~predicted] = TRUTH
        rgb[predicted & ~seen] = PREDICTION
        rgb[seen & predicted] = BOTH
        # Both remaining axes point right-to-left or up on the screen: rows are the second, downwards.
        pictures[name] = np.ascontiguousarray(rgb.transpose(1, 0, 2)[::-1, ::-1])
    return pictures


class OverlayImages:
    """Write the overlays of the first validation cases, each time that validation runs.

    Attached to the trainer, for its iteration is the step; it listens to the validator for the volumes.

    Args:
        writer: shared with `TrainingLog`.
        validator: evaluator whose output is a list of {"image", "label", "pred"}, each (1, X, Y, Z), binary
            but for the image.
        count: cases to show; at most one batch of them.
    """

    def __init__(self, writer: RunWriter, validator: Engine, count: int = 1) -> None:
        self.writer = writer
        self.validator = validator
        self.count = int(count)
        self._cases: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        self.validator.add_event_handler(Events.ITERATION_COMPLETED, self.keep)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.write)

    def keep(self, validator: Engine) -> None:
        if validator.state.iteration == 1:
            self._cases = list(validator.state.output[: self.count])

    def write(self, trainer: Engine) -> None:
        for number, case in enumerate(self._cases, start=1):
            image, truth, prediction = (self._volume(case[key]) for key in ("image", "label", "pred"))
            for plane, rgb in overlay_projections(image, truth > 0.5, prediction > 0.5).items():
                self.writer.image(f"val/case_{number}/{plane}", rgb, trainer.state.iteration)
        self._cases = []

    @staticmethod
    def _volume(tensor: torch.Tensor) -> np.ndarray:
        return tensor[0].float().cpu().numpy()
