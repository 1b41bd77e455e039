"""Make a set of scans that no network is trained on.

    python scripts/study.py sets foreign --count 20 --folder data/foreign
    python scripts/study.py sets real --folder data/real    # with courses of patients in data/real/courses

held-out: like training, of seeds never trained on. shifted: the generator outside of every range that
training draws (scripts/studies/shifted.py). foreign: another heart, other vessels and another scanner, drawn
without the generator's code (scripts/foreign). real: as foreign, but the arteries run as those of real
patients do. Their centrelines are not part of this repository; scripts/foreign/labelled.py says which are
read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from foreign import write_foreign
from foreign.labelled import Course, read_labelled
from shared import SEEDS, Processes

from bundle.common.errors import InputError

from .common import held_out
from .shifted import write_shifted

__all__ = ["FIRST_SEEDS", "labelled_trees", "study_set"]

FIRST_SEEDS = {"held-out": SEEDS["test"], "shifted": 6_000_000, "foreign": 7_000_000, "real": 7_500_000}
"""Training takes seeds under 3,000,000 and from 10,000,000 on."""


def labelled_trees(folder: str | Path) -> dict[str, list[Course]]:
    """Readers' trees in the JSON files of a folder, by the file's name; none where it has none.

    Raises:
        InputError: a file is no such tree.
    """
    trees = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            trees[path.stem] = read_labelled(path)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"{path} is no tree with readers' labels: {error}.") from error
    return trees


def study_set(
    name: str, count: int, folder: str | Path, processes: int | None = None
) -> list[dict[str, str]]:
    """Cases of a set as ``{"case", "image", "label"}``; those that are in `folder` already are kept.

    Beside an image ``N.img.nii.gz`` lie ``N.label.nii.gz``, ``N.truth.json`` and, but for "held-out",
    ``N.tissue.nii.gz``: 1 coronary, 2 cardiac vein, 3 aorta, 4 chambers and other vessels, 5 bone.

    Args:
        name: "held-out", "shifted", "foreign" or "real".
        folder: for "real" with a folder `courses` of patients' centrelines, ``lca_cl.vtp`` and ``rca_cl.vtp``
            of one or JSON files of several, which take turns.

    Raises:
        InputError: another name, or no courses where "real" needs them.
    """
    if name not in FIRST_SEEDS:
        raise InputError(f"There is no set {name!r}; the sets are {', '.join(FIRST_SEEDS)}.")
    if name == "held-out":
        return held_out("test", count, folder, processes)
    seeds = range(FIRST_SEEDS[name], FIRST_SEEDS[name] + count)
    if name == "shifted":
        cases = write_shifted(seeds, folder, processes)
    elif name == "foreign":
        cases = write_foreign(seeds, folder, processes)
    else:
        courses = Path(folder) / "courses"
        if not labelled_trees(courses) and not (courses / "lca_cl.vtp").is_file():
            raise InputError(f"{courses} has no courses of patients: neither lca_cl.vtp nor JSON files.")
        cases = write_foreign(seeds, folder, processes, courses=courses)
    return [
        {"case": str(seed), "image": case["image"], "label": case["label"]}
        for seed, case in zip(seeds, cases)
    ]


def main(
    name: Annotated[str, typer.Argument(help="held-out, shifted, foreign or real")],
    folder: Annotated[Path, typer.Option(help="of the cases")],
    count: int = 20,
    processes: Processes = None,
) -> None:
    """Write the cases that are missing."""
    for case in study_set(name, count, folder, processes):
        print(case["image"])
