"""Small scans, a network that needs no training, and the inference over them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import torch
from shared import workflow

from bundle.networks import save_weights

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow


class Brightness(torch.nn.Module):
    """Logit = `gain` x (intensity - `level`): what is brighter than 200 HU is lumen."""

    def __init__(self, gain: float = 60.0, level: float = 700 / 1500):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))
        self.level = torch.nn.Parameter(torch.tensor(level))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.gain * (image - self.level)


def write_tube(path: Path, shape: tuple[int, int, int], seed: int) -> None:
    """A NIfTI scan of 1 x 1 x 1.5 mm: one vessel of 3 mm radius that winds through noisy soft tissue."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, (1.0, 1.0, 1.5))), indexing="ij")
    turn = 2 * np.pi * z / z.max()
    distance = np.hypot(x - x.max() / 2 - 6 * np.sin(turn), y - y.max() / 2 - 6 * np.cos(turn))
    image = np.where(distance < 3.0, 350.0, 50.0) + rng.normal(0.0, 20.0, shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(image.astype(np.int16), np.diag([1.0, 1.0, 1.5, 1.0])), path)


def inference(home: Path, output_dir: Path, shape: tuple[int, int, int], **keys: Any) -> ConfigWorkflow:
    """configs/inference.yaml over the scans in `home/data`, at their own resolution, ready to run."""
    weights = home / "weights.pt"
    if not weights.exists():
        save_weights(Brightness(), weights)
    own = {"dataset_dir": home / "data", "output_dir": output_dir, "ckpt_path": weights}
    own |= {"network_def": {"_target_": f"{__name__}.Brightness"}, "spatial_size": list(shape)}
    return workflow("inference.yaml", **(own | keys))
