"""Digests of what the demo and a tiny training run leave behind, to compare two commits file by file.

    python tests/compare_outputs.py record outputs.json            # run both here and write their digests
    python tests/compare_outputs.py compare tests/outputs.json     # run both, hold them against the file

Runs the commands that a person types, in a folder of its own. Timings, paths, dates and hashes of settings
are left out of tables and reports; everything else counts to the last bit. Floating-point results depend on
the processor and on PyTorch, so the file says where it was recorded, and `comparable` tells whether that is
here.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TIMED = ("seconds", "provenance", "record", "source")  # of a case's JSON
TRAINING = {
    "spatial_size": "[64,64,32]", "channels": "[4,8,16,32]", "batch_size": 2, "num_workers": 0,
    "max_epochs": 3, "learning_rate": 0.01, "device": "cpu",
}  # fmt: skip


def machine() -> dict[str, str]:
    """What the last bits of a result depend on."""
    model = ""
    if Path("/proc/cpuinfo").is_file():
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = found[1] if found else ""
    import monai
    import PIL
    import scipy
    import torch
    import vtkmodules.all as vtk

    versions = {"torch": torch.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
    versions |= {"monai": monai.__version__, "vtk": vtk.vtkVersion.GetVTKVersion()}
    versions |= {"pillow": PIL.__version__}  # of the page's slices
    if importlib.util.find_spec("openvino"):  # which then runs the network
        versions |= {"openvino": importlib.metadata.version("openvino")}
    here = {"processor": model or platform.processor(), "threads": str(os.cpu_count())}
    return here | {"instructions": torch.backends.cpu.get_cpu_capability()} | versions


def comparable(recorded: dict) -> bool:
    """Whether the digests were recorded on a machine whose results are the same to the last bit."""
    return recorded["machine"] == machine()


def run(*command: str | Path) -> None:
    """A Python command in the bundle's root, with threads as a user has them."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def digest(path: Path) -> str:
    """SHA-256 of what a file says, without timings and places."""
    if path.suffix == ".json":
        report = json.loads(path.read_text())
        content = json.dumps({k: v for k, v in report.items() if k not in TIMED}, sort_keys=True).encode()
    elif path.suffix == ".csv":
        rows = list(csv.DictReader(path.open(newline="")))
        content = json.dumps([{k: v for k, v in row.items() if k != "seconds"} for row in rows]).encode()
    elif path.suffix == ".html":
        data = path.read_text().partition('id="data">')[2].partition("</script>")[0]
        told = {k: v for k, v in json.loads(data).items() if k != "report"}  # that is the JSON's
        content = json.dumps(told, sort_keys=True).encode()
    elif path.suffix == ".pt":
        content = weights(path)
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def weights(path: Path) -> bytes:
    """The tensors of a file of weights, by name, whether they lie in it bare or under "model"."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("model", state)
    return b"".join(name.encode() + state[name].numpy().tobytes() for name in sorted(state))


def outputs(folder: Path) -> dict[str, str]:
    """Digests of all files of both runs, by their path."""
    run("scripts/make_phantoms.py", "--count", 6, "--small", "--out", folder / "small")
    run("scripts/make_phantoms.py", "--count", 1, "--first-seed", 12, "--out", folder / "scan")
    keys = {"dataset_dir": folder / "small", "bundle_root": ROOT, RUN_FOLDER_KEY: folder / "run"}
    pairs = [f"--{key}={value}" for key, value in (TRAINING | keys).items()]
    run("-m", "monai.bundle", "run", "training", "--config_file", "configs/train.yaml", *pairs)
    pairs = [f"--dataset_dir={folder / 'scan' / '1-200' / '1.img.nii.gz'}", f"--output_dir={folder / 'demo'}"]
    run("-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.yaml", *pairs)
    files = [*(folder / "demo").rglob("*"), folder / "run" / "model.pt", folder / "run" / "curves.csv"]
    files += [*(folder / "small").rglob("*.nii.gz"), *(folder / "small").rglob("*.json")]
    files = [p for p in files if p.is_file() and p.name != "run.log"]  # times
    return {str(p.relative_to(folder)): digest(p) for p in sorted(files)}


# The name that training's folder has in configs/train.yaml; it was run_dir.
_TRAIN = (ROOT / "configs" / "train.yaml").read_text()
RUN_FOLDER_KEY = "output_dir" if "\noutput_dir:" in _TRAIN else "run_dir"


def differences(recorded: dict[str, str], found: dict[str, str]) -> list[str]:
    """A line for each file that is missing, new or other than recorded."""
    lines = [f"missing: {name}" for name in recorded if name not in found]
    lines += [f"new: {name}" for name in found if name not in recorded]
    return lines + [f"changed: {n}" for n in recorded if found.get(n, recorded[n]) != recorded[n]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the outputs, kept; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = outputs(given.keep or Path(temporary))
    if given.what == "record":
        given.file.write_text(json.dumps({"machine": machine(), "digests": found}, indent=2) + "\n")
        return
    recorded = json.loads(given.file.read_text())
    if not comparable(recorded):
        print(f"recorded on {recorded['machine']}, this is {machine()}: last bits may differ")
    lines = differences(recorded["digests"], found)
    print("\n".join(lines) or f"all {len(found)} files are the same")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
