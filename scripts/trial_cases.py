"""Small scans, a network that needs no training, and the inference over them: what the trials share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.networks import save_weights  # noqa: E402


class Brightness(torch.nn.Module):
    """Logit = ``gain`` x (intensity - ``level``): what is brighter than 200 HU is lumen."""

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


def inference(home: Path, out: Path, shape: tuple[int, int, int], **override: Any) -> ConfigWorkflow:
    """configs/inference.yaml over ``home/data`` into ``out``, at the scans' own resolution, ready to run."""
    weights = home / "weights.pt"
    if not weights.exists():
        save_weights(Brightness(), weights)
    workflow = ConfigWorkflow(
        str(ROOT / "configs" / "inference.yaml"),
        workflow_type="inference",
        logging_file=False,
        bundle_root=str(ROOT),
        network_def={"_target_": "trial_cases.Brightness"},
        dataset_dir=str(home / "data"),
        output_dir=str(out),
        ckpt_path=str(weights),
        spatial_size=list(shape),
        **override,
    )
    workflow.initialize()
    return workflow
