"""The native network beside the default one on held-out phantoms, on the scans' own grid.

    python scripts/measure_native.py --draw-only --count 10           # beside a training, on spare cores
    python scripts/measure_native.py --count 10 --native runs/native/weights.pt
    python scripts/measure_native.py --page runs/native/measured.json # the table for docs/native.md

Phantoms of seeds 3,000,000 and on, scanner's matrix, as `make_phantom` draws them. The default network runs
as configs/inference.yaml has it (area to 128x128x64, logits back by spline, adaptive threshold); the native
one in windows of 128^3 at 0.5 mm. Then both keep parts of at least 60 mm3. Measured: Dice, clDice, pieces,
and with the true centreline of the phantom: precision, recall and F1 of centreline length within 1.5 mm, and
the part of it that is seen by true radius.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.common.files import sha256_of, write_json  # noqa: E402

FIRST_SEED = 3_000_000
GRID_MM = 0.5
NEAR_MM = 1.5
RADII_MM = (0.8, 1.5)
SMALLEST_MM3 = 60.0
THRESHOLDS = (0.3, 0.4, 0.5)
MEASURES = ("dice", "cldice", "f1", "precision", "recall", "seen_thin", "seen_middle", "seen_wide", "parts")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "native_test")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--draw-only", action="store_true")
    parser.add_argument("--shape", type=int, nargs=3, help="voxels of a phantom; default: the scanner's")
    parser.add_argument("--default", type=Path, default=ROOT / "models" / "model.pt")
    parser.add_argument("--native", type=Path, help="weights.pt of scripts/train_native.py")
    parser.add_argument("--overlap", type=float, default=0.5, help="of the windows")
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "native" / "measured.json")
    parser.add_argument("--page", type=Path, help="only print the table of an earlier --out")
    return parser.parse_args(arguments)


def draw(job) -> Path:
    """A phantom as `<seed>.npz`: image, label, spacing, and the true centreline in voxels with its radius."""
    from bundle.common.files import replacing
    from bundle.phantom import make_phantom

    seed, folder, shape = job
    path = folder / f"{seed}.npz"
    if path.exists():
        return path
    phantom = make_phantom(seed, shape, orientation="RAS")
    branches = [b for b in phantom.tree["branches"] if len(b["radius_mm"])]
    points = np.concatenate([b["points_ras_mm"] for b in branches])
    inverse = np.linalg.inv(phantom.affine)
    with replacing(path) as part, open(part, "wb") as stream:
        np.savez(
            stream,
            image=phantom.image,
            label=phantom.label,
            spacing=np.linalg.norm(phantom.affine[:3, :3], axis=0),
            centreline=points @ inverse[:3, :3].T + inverse[:3, 3],
            radius=np.concatenate([b["radius_mm"] for b in branches]),
        )
    return path


def default_probability(network, hu: torch.Tensor, amp: bool) -> torch.Tensor:
    """As configs/inference.yaml: the whole volume at 128x128x64, the logits back by spline."""
    from bundle.transforms import resize_volume

    small = resize_volume(hu[None].add(500).div(1500).clamp_(0, 1), (128, 128, 64), "area")
    with torch.inference_mode(), torch.autocast(hu.device.type, torch.float16, enabled=amp):
        logits = network(small[None])[0].float()
    return resize_volume(logits, hu.shape, "spline")[0].sigmoid()


def adaptive(probability: torch.Tensor, spacing: np.ndarray) -> float:
    """The threshold that configs/inference.yaml takes."""
    from bundle.transforms import AdaptiveThresholdd

    threshold = AdaptiveThresholdd("pred", 0.35, 0.2, 0.6)
    return float(threshold({"pred": as_scan(probability, spacing)})["pred"].meta["threshold"])


def as_scan(volume: torch.Tensor, spacing: np.ndarray):
    """(X, Y, Z) as a MetaTensor with a channel and an affine (mm)."""
    from monai.data import MetaTensor

    affine = torch.diag(torch.tensor([*map(float, spacing), 1.0], dtype=torch.float64))
    return MetaTensor(volume[None], affine=affine)


def native_probability(
    network, hu: torch.Tensor, spacing, args: argparse.Namespace, amp: bool
) -> torch.Tensor:
    """As configs/modes/native.yaml: windows at 0.5 mm, the probability back by linear interpolation."""
    from bundle.inferers import ProbabilityWindows
    from bundle.transforms import resize_volume

    size = [round(n * mm / GRID_MM) for n, mm in zip(hu.shape, spacing)]
    image = resize_volume(hu[None].add(500).div(1500).clamp_(0, 1), size, "area")
    windows = ProbabilityWindows(
        args.window, 4, args.overlap, mode="gaussian", sigma_scale=0.125, padding_mode="replicate"
    )
    with torch.inference_mode(), torch.autocast(hu.device.type, torch.float16, enabled=amp):
        probability = windows(image[None], network)[0]
    return resize_volume(probability, hu.shape, "linear")[0]


def predict(paths: list[Path], args: argparse.Namespace):
    """Yields (path, name of the method, mask, seconds) of every case and method."""
    from bundle.networks import ResUNet3D, load_weights

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    amp = device.type == "cuda"
    default = load_weights(ResUNet3D(), args.default).to(device).eval()
    native = load_native(args.native).to(device).eval()
    for path in paths:
        with np.load(path) as case:
            hu, spacing = torch.from_numpy(case["image"]).to(device).float(), case["spacing"]
        for name in ("default", "native"):
            began = time.monotonic()
            if name == "default":
                probability = default_probability(default, hu, amp)
                levels = {"default": adaptive(probability, spacing)}
            else:
                probability = native_probability(native, hu, spacing, args, amp)
                levels = {f"native, {level}": level for level in THRESHOLDS}
            packed = {key: np.packbits((probability >= level).cpu().numpy()) for key, level in levels.items()}
            seconds = time.monotonic() - began
            for key, mask in packed.items():
                yield path, key, mask, seconds


def load_native(path: Path) -> torch.nn.Module:
    """A network of as many channels and logits as the weights have."""
    from bundle.networks import ResUNet3D, load_weights, read_checkpoint

    content = read_checkpoint(path)
    state = content.get("model", content)
    widths, level = [], 0
    while f"encoders.{level}.conv1.weight" in state:
        widths.append(len(state[f"encoders.{level}.conv1.weight"]))
        level += 1
    widths.append(len(state["bottleneck.conv1.weight"]))
    return load_weights(ResUNet3D(out_channels=len(state["head.weight"]), channels=widths), path)


def kept(mask: np.ndarray, spacing: np.ndarray, smallest_mm3: float) -> tuple[np.ndarray, int]:
    """The mask without smaller parts, and how many stay."""
    from bundle.transforms import KeepComponentsd

    scan = as_scan(torch.from_numpy(mask.astype(np.uint8)), spacing)
    cleaned = KeepComponentsd("pred", smallest_mm3)({"pred": scan})["pred"]
    return cleaned.numpy()[0] > 0, int(cleaned.meta["components"])


def measure(job) -> dict:
    """Every figure of one mask."""
    from scipy.spatial import cKDTree

    from bundle.common.thinning import skeleton
    from bundle.metrics import centerline_dice, dice

    path, name, packed, seconds = job
    with np.load(path) as case:
        truth, spacing = case["label"] > 0, case["spacing"]
        line, radius = case["centreline"] * spacing, case["radius"]
    raw = np.unpackbits(packed, count=truth.size).reshape(truth.shape).astype(bool)
    mask, parts = kept(raw, spacing, SMALLEST_MM3)
    row = {"case": path.stem, "method": name, "seconds": round(seconds, 2), "parts": parts}
    row["parts_before"] = kept(raw, spacing, 0.0)[1]
    row["dice"] = dice(mask, truth)
    row["cldice"] = centerline_dice(mask, truth)
    row |= {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "seen_thin": 0.0,
        "seen_middle": 0.0,
        "seen_wide": 0.0,
    }
    if mask.any():
        box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
        found = (np.argwhere(skeleton(mask[box])) + [s.start for s in box]) * spacing
        row["precision"] = float((cKDTree(line).query(found)[0] <= NEAR_MM).mean())
        seen = cKDTree(found).query(line)[0] <= NEAR_MM
        row["recall"] = float(seen.mean())
        row["f1"] = 2 * row["precision"] * row["recall"] / max(row["precision"] + row["recall"], 1e-9)
        bounds = (("thin", 0, RADII_MM[0]), ("middle", *RADII_MM), ("wide", RADII_MM[1], np.inf))
        for kind, low, high in bounds:
            chosen = (radius >= low) & (radius < high)
            row[f"seen_{kind}"] = float(seen[chosen].mean()) if chosen.any() else float("nan")
    return row


def table(result: dict) -> str:
    names = [
        "Dice",
        "clDice",
        "F1 at 1.5 mm",
        "precision",
        "recall",
        "seen r < 0.8",
        "0.8 to 1.5",
        "> 1.5 mm",
    ]
    lines = ["| | " + " | ".join([*names, "parts", "s a scan"]) + " |", "|---" * 11 + "|"]
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["method"] == method]
        cells = [f"{np.nanmean([row[m] for row in rows]):.3f}" for m in MEASURES[:-1]]
        cells += [f"{np.mean([row['parts'] for row in rows]):.1f}"]
        cells += [f"{np.median([row['seconds'] for row in rows]):.1f}"]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    if args.page:
        print(table(json.loads(args.page.read_text())))
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    shape = tuple(args.shape) if args.shape else None
    jobs = [(FIRST_SEED + k, args.folder, shape) for k in range(args.count)]
    with multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        paths = pool.map(draw, jobs, chunksize=1)
        if args.draw_only:
            return 0
        rows = list(pool.imap_unordered(measure, predict(paths, args)))
    rows.sort(key=lambda row: (row["method"], row["case"]))
    kind = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    result = {
        "date": datetime.date.today().isoformat(),
        "device": kind,
        "cases": args.count,
        "first_seed": FIRST_SEED,
        "overlap": args.overlap,
        "weights": {
            name: sha256_of([path])[:12]
            for name, path in (("default", args.default), ("native", args.native))
        },
        "rows": rows,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(result, args.out)
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
