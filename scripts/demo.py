"""One synthetic CT angiogram through the bundle's own inference, and a table of what came out.

python scripts/demo.py               # a second run only shows what is there
python scripts/demo.py --seed 3      # another patient
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

# On a busy machine BLAS threads wait for each other: a scan of 15 s then took two minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import nibabel as nib
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from shared import ROOT, run

from bundle.phantom import write_imagecas

DATA, OUT = ROOT / "data" / "demo", ROOT / "eval" / "demo"
CASE = "1"
CONFIGS = ("configs/inference.yaml", "configs/modes/native.yaml")
WEIGHTS = ("models/model.pt", "models/native_checkpoint.pt")
LOG, DONE = OUT / "demo.log", OUT / "demo.json"
WRITTEN = {
    "seg.nii.gz": "segmentation, on the scan's grid",
    "prob.nii.gz": "probability of lumen, same grid",
    "mesh.stl": "closed surface",
    "mesh.ply": "the same, coloured",
    "mesh.vtp": "the same, with radius and branch",
    "points.ply": "point cloud",
    "centerline.vtp": "centreline tree with radius",
    "branches.csv": "length and diameters of each branch",
    "stenoses.csv": "narrowings found",
    "snapshot.png": "picture from three sides",
    "overlay.png": "outline on slices of the scan",
}


def inference(image: Path) -> None:
    """Run inference at native resolution on the scan, with its output in the log.

    Raises:
        SystemExit: it failed; the message names the log.
    """
    command = [sys.executable, "-m", "monai.bundle", "run", "inference"]
    command += ["--config_file", str(list(CONFIGS)), "--dataset_dir", str(image.relative_to(ROOT))]
    command += ["--output_dir", str(OUT.relative_to(ROOT))]
    with open(LOG, "w") as log:
        print("$", *command, file=log, flush=True)
        code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        last = LOG.read_text(errors="replace").strip().splitlines()[-1]
        raise SystemExit(f"error: inference failed ({last}); the whole output is in {LOG.relative_to(ROOT)}")


def dice(segmentation: Path, label: Path) -> float:
    """Dice of two masks on one grid."""
    a, b = (np.asarray(nib.load(path).dataobj) > 0 for path in (segmentation, label))
    return float(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))


def up_to_date(case: dict[str, str]) -> bool:
    """Whether an earlier run's results are complete and newer than everything they are made of."""
    folder = OUT / CASE
    if not DONE.exists() or not (folder / f"{CASE}.json").exists():
        return False
    files = json.loads((folder / f"{CASE}.json").read_text())["files"].values()
    if not all((folder / name).exists() for name in files):
        return False
    sources = [Path(case["image"]), *(ROOT / name for name in (*WEIGHTS, *CONFIGS))]
    sources += [*(ROOT / "bundle").rglob("*.py"), Path(__file__)]
    return DONE.stat().st_mtime > max(path.stat().st_mtime for path in sources)


def show(console: Console, case: dict[str, str], seconds: dict[str, float], score: float) -> None:
    """The table of the files, and one line of figures."""
    table = Table("file", "what", "size", box=None, header_style="bold")
    table.columns[2].justify = "right"
    folder = OUT / CASE
    inputs = [(Path(case["image"]), "synthetic CT angiogram"), (Path(case["label"]), "its true lumen")]
    outputs = [(folder / f"{CASE}_{end}", what) for end, what in WRITTEN.items()]
    outputs.append((folder / f"{CASE}.html", "the page to open in a browser"))
    outputs.append((folder / f"{CASE}.json", "measurements and provenance"))
    outputs.append((OUT / "summary.csv", "a row a case"))
    outputs.append((OUT / "index.html", "the same as a page"))
    for path, what in inputs + outputs:
        if path.exists():
            table.add_row(str(path.relative_to(ROOT)), what, _size(path))
    console.print(table)
    report = json.loads((folder / f"{CASE}.json").read_text())
    for warning in report["warnings"]:
        console.print(f"note: {warning}")
    console.print(f"\nDice against the true lumen {score:.3f}, on the scan's own grid.")
    console.print("Seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()) + ".")


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def main(seed: Annotated[int, typer.Option(help="of the patient")] = 12) -> None:
    console = Console(highlight=False, soft_wrap=True)
    OUT.mkdir(parents=True, exist_ok=True)

    start = time.perf_counter()
    (case,) = write_imagecas([seed], DATA, processes=1)
    seconds = {"scan": time.perf_counter() - start}
    if up_to_date(case):
        earlier = json.loads(DONE.read_text())
        console.print("Nothing has changed since the last run.\n")
        show(console, case, earlier["seconds"], earlier["dice"])
        return
    DONE.unlink(missing_ok=True)
    start = time.perf_counter()
    with console.status("segmentation, surface, centreline"):
        inference(Path(case["image"]))
    seconds["inference"] = time.perf_counter() - start
    score = dice(OUT / CASE / f"{CASE}_seg.nii.gz", Path(case["label"]))
    DONE.write_text(json.dumps({"seed": seed, "dice": score, "seconds": seconds}))
    show(console, case, seconds, score)


if __name__ == "__main__":
    run(main, __doc__)
