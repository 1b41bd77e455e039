"""How the tests start a training run: small, on the CPU, through the bundle's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "spatial_size": [32, 32, 16],
    "channels": [4, 8, 16, 32],
    "batch_size": 2,
    "num_workers": 0,
    "learning_rate": 0.01,
    "device": "cpu",
}


def command(*arguments, **keys) -> list[str]:
    """`python -m monai.bundle run training` of a small run; ``keys`` override the config."""
    pairs = [f"--{key}={value}" for key, value in (SMALL | keys).items()]
    program = [sys.executable, "-m", "monai.bundle", "run", "training"]
    return [*program, "--config_file", "configs/train.yaml", *pairs, *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}


def run(*arguments, **keys) -> subprocess.CompletedProcess:
    """Run to the end in a process of its own."""
    return subprocess.run(
        command(*arguments, **keys), cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300
    )


def workflow(**keys) -> ConfigWorkflow:
    """The same run in this process, initialised."""
    keys = {key: str(value) if isinstance(value, Path) else value for key, value in keys.items()}
    config = ConfigWorkflow(
        config_file=str(ROOT / "configs" / "train.yaml"),
        meta_file=str(ROOT / "configs" / "metadata.json"),
        logging_file=str(ROOT / "configs" / "logging.conf"),
        run_id="training",
        workflow_type="train",
        **(SMALL | {"bundle_root": str(ROOT)} | keys),
    )
    config.initialize()
    return config
