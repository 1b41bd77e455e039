"""Accuracy of the geometry on scans as a scanner gives them: from the true mask and from the network.

    python scripts/measure_geometry_scans.py               # writes docs/geometry_scans.md
    python scripts/measure_geometry_scans.py --count 2 --markdown ""

The test phantoms at the scanner's matrix (anisotropic, each with its own spacing and axes) are segmented by
configs/inference.yaml. Surface, centreline, names and lesions are then measured against the phantoms'
analytic vessels, as in scripts/measure_geometry.py: from the phantom's own mask, and from what the network
wrote.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import fire
import nibabel as nib
import numpy as np
from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT))

from benchmark_inference import machine  # noqa: E402
from measure_geometry import COLUMNS, measure, rasterise, summary, true_tubes  # noqa: E402

from bundle.common.files import write_text  # noqa: E402
from bundle.common.tables import cell, to_text  # noqa: E402
from bundle.data import find_cases, part_of  # noqa: E402
from bundle.phantom import write_imagecas  # noqa: E402

FIRST_SEED = 3_000_000
SEEN = """\
Scans are harder than vessels drawn alone: 3000006 ends within the left tree, which falls into six pieces
that the naming leaves `unknown`; in 3000009 a slab step of 1.3 mm takes the LAD off the left main, and the
piece is named as if it were a whole tree. A voxel is lumen here where at least half of it is, so distal
vessels thinner than that are not in the mask: volume and coverage say so.
"""


def segment(data: str, output_dir: str) -> None:
    """Run configs/inference.yaml on a folder, without pictures."""
    workflow = ConfigWorkflow(
        str(ROOT / "configs" / "inference.yaml"),
        workflow_type="inference",
        logging_file=False,
        dataset_dir=data,
        bundle_root=str(ROOT),
        output_dir=output_dir,
        **{"geometry#pictures": False},
    )
    workflow.initialize()
    workflow.run()


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def page(rows: list[dict], first_seed: int) -> str:
    """docs/geometry_scans.md."""
    kinds = list(dict.fromkeys(row["from"] for row in rows))
    tables = [summary([row for row in rows if row["from"] == kind]) for kind in kinds]
    lines = [
        "# Accuracy of the geometry on whole scans",
        "",
        f"{datetime.date.today()}, {machine()}; {len(rows) // len(kinds)} test phantoms at the scanner's "
        f"matrix, seeds from {first_seed}, written by `python scripts/measure_geometry_scans.py`. The same "
        "figures as in [geometry.md](geometry.md), where vessels are drawn at 0.4 mm and no network is in "
        "between. The targets are those of the true mask; the network works at 128×128×64 voxels, about "
        "1.4×1.4×2.2 mm, which no step after it can make finer.",
        "",
        f"| | target | {' | '.join(f'from {kind}' for kind in kinds)} |",
        "|---|---|" + "---|" * len(kinds),
    ]
    for entries in zip(*tables):
        lines.append(f"| {entries[0][0]} | {entries[0][1]} | {' | '.join(v for _, _, v in entries)} |")
    lines += ["", SEEN.rstrip(), "", "## Case by case", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(cell(row[name]) for name in COLUMNS)} |" for row in rows]
    return "\n".join(lines) + "\n"


def main(
    count: int = 10,
    data: str = str(ROOT / "data" / "test_full"),
    output_dir: str = str(ROOT / "eval" / "test_full_inference"),
    markdown: str = str(ROOT / "docs" / "geometry_scans.md"),
) -> None:
    """Make the phantoms that are missing, segment, measure, write a page.

    Args:
        count: phantoms.
        data: their folder.
        output_dir: of the segmentations.
        markdown: the page to write, "" for none.
    """
    write_imagecas(range(FIRST_SEED, FIRST_SEED + count), data)
    segment(data, output_dir)
    rows: list[dict[str, Any]] = []
    for item in part_of(find_cases(data), "all")[:count]:
        case, seed = item["case"], FIRST_SEED + int(item["case"]) - 1
        tubes = true_tubes(seed)
        volume = rasterise(tubes)[2]
        label, affine = read(Path(item["label"]))
        stem = Path(output_dir) / case / case
        found, found_affine = read(Path(f"{stem}_seg.nii.gz"))
        probability = read(Path(f"{stem}_prob.nii.gz"))[0].astype(np.float32)
        rows.append(measure(seed, "the true mask", tubes, label > 0, None, affine, volume))
        rows.append(measure(seed, "the network", tubes, found > 0, probability, found_affine, volume))
        print(to_text(rows[-2:], COLUMNS), flush=True)
    for kind in dict.fromkeys(row["from"] for row in rows):
        print(f"\nfrom {kind}")
        for name, target, value in summary([row for row in rows if row["from"] == kind]):
            print(f"  {name}: {value} {target and f'(target {target})'}")
    if markdown:
        write_text(markdown, page(rows, FIRST_SEED))
        print(f"page: {markdown}")


if __name__ == "__main__":
    fire.Fire(main)
