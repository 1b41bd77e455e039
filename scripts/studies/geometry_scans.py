"""The same figures on whole scans, with the network in front.

    python scripts/study.py geometry_scans
    python scripts/study.py geometry_scans --count 2 --out trial
    python scripts/study.py geometry_scans --native          # a part of the page of its own
    python scripts/study.py geometry_scans --native --from runs/said    # of `study.py native --predict`

The test phantoms at the scanner's matrix (anisotropic, each with its own spacing and axes) are segmented by
configs/inference.yaml, or at native resolution. Surface, centreline, names and lesions are then measured
against the phantoms' analytic vessels: from the phantom's own mask, and from what the network wrote.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from shared import ROOT, SEEDS, Processes, Set, settings, workflow

from bundle.common.errors import InputError
from bundle.common.tables import to_text
from bundle.data.readers import read_volume
from bundle.transforms import LoadCTAd

from .common import RESULTS, Out, held_out, write_results
from .geometry import COLUMNS, comparison, measure, rasterise, true_tubes
from .native import SETS, Steps, native_maps, said_in, steps_of, trees_of
from .predictions import read_prediction, to_ras


def main(
    count: int = 10,
    data: Path = ROOT / "data" / "test_full",
    output_dir: Path = ROOT / "eval" / "test_full_inference",
    native: Annotated[bool, typer.Option("--native", help="with configs/modes/native.yaml on top")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="with --native: what study.py native --predict wrote there")
    ] = None,
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    if source and not native:
        raise InputError("--from goes with --native: it has the predictions of that network alone.")
    configs = ["inference.yaml", *(["modes/native.yaml"] if native else [])]
    keys = {"output_dir": output_dir, "geometry#pictures": False} | settings(override, *configs)
    items = held_out("test", count, data, processes)
    if not source:
        workflow(*configs, **{"dataset#data": items} | keys).run()
    rows: list[dict[str, Any]] = []
    steps = steps_of(override, False) if source else None
    for item in items:
        case, seed = item["case"], SEEDS["test"] + int(item["case"]) - 1
        tubes = true_tubes(seed)
        volume = rasterise(tubes)[2]
        label, affine = read_volume(item["label"])
        if source:
            found, probability, found_affine = from_prediction(source, item, steps)
        else:
            stem = Path(keys["output_dir"]) / case / case
            found, found_affine = read_volume(f"{stem}_seg.nii.gz")
            probability = read_volume(f"{stem}_prob.nii.gz")[0].astype(np.float32)
        rows.append(measure(seed, "true mask", tubes, label > 0, None, affine, volume))
        rows.append(measure(seed, "network", tubes, found > 0, probability, found_affine, volume))
        print(to_text(rows[-2:], COLUMNS), flush=True)
    text = f"{len(rows) // 2} test phantoms, seeds from {SEEDS['test']}.\n\n{comparison(rows)}"
    write_results(out, "geometry_scans native" if native else "geometry_scans", text, rows, COLUMNS)


def from_prediction(
    folder: Path, item: dict[str, str], steps: Steps
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask and probability (X, Y, Z) of a scan on its own grid, axes in RAS, and their affine."""
    path = said_in(folder, SETS[0], item["case"], "native")
    if not path.is_file():
        raise InputError(f"{path} is not there: study.py native --predict {folder} writes it.")
    label = to_ras(LoadCTAd(["label"])({"label": item["label"]})["label"])
    maps = native_maps(read_prediction(path), label, item["label"], steps)
    mask = trees_of(maps, steps)
    return mask[0].numpy() > 0, maps["prob"][0].numpy(), mask.affine.numpy()
