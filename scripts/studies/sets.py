"""Make a set of scans that no network is trained on.

    python scripts/study.py sets foreign --count 20 --folder data/foreign
    python scripts/study.py sets foreign --folder data/real_courses --real-courses ../shared/data/narco119

held-out: like training, of seeds never trained on. shifted: the generator outside of every range that
training draws (scripts/studies/shifted.py). foreign: another heart, other vessels and another scanner, drawn
without the generator's code (scripts/foreign).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from foreign import write_foreign
from shared import SEEDS, Processes

from bundle.common.errors import InputError

from .common import held_out
from .shifted import write_shifted

__all__ = ["FIRST_SEEDS", "study_set"]

FIRST_SEEDS = {"held-out": SEEDS["test"], "shifted": 6_000_000, "foreign": 7_000_000}
"""Training takes seeds under 3,000,000 and from 10,000,000 on."""


def study_set(
    name: str,
    count: int,
    folder: str | Path,
    processes: int | None = None,
    *,
    real_courses: str | Path | None = None,
) -> list[dict[str, str]]:
    """Cases of a set as ``{"case", "image", "label"}``; those that are in `folder` already are kept.

    Beside an image ``N.img.nii.gz`` lie ``N.label.nii.gz``, ``N.truth.json`` and, but for "held-out",
    ``N.tissue.nii.gz``: 1 coronary, 2 cardiac vein, 3 aorta, 4 chambers and other vessels, 5 bone.

    Args:
        name: "held-out", "shifted" or "foreign".
        real_courses: folder of a real patient's ``lca_cl.vtp`` and ``rca_cl.vtp``, laid on the foreign
            hearts in place of drawn arteries.

    Raises:
        InputError: another name, or real courses for another set or where there are none.
    """
    if name not in FIRST_SEEDS:
        raise InputError(f"There is no set {name!r}; the sets are {', '.join(FIRST_SEEDS)}.")
    if real_courses is not None and name != "foreign":
        raise InputError(f"Real courses go on foreign hearts; the set is {name!r}.")
    if real_courses is not None and not (Path(real_courses) / "lca_cl.vtp").is_file():
        raise InputError(f"{real_courses} has no lca_cl.vtp and rca_cl.vtp with a real patient's courses.")
    if name == "held-out":
        return held_out("test", count, folder, processes)
    seeds = range(FIRST_SEEDS[name], FIRST_SEEDS[name] + count)
    if name == "shifted":
        cases = write_shifted(seeds, folder, processes)
    else:
        cases = write_foreign(seeds, folder, processes, courses=real_courses)
    return [
        {"case": str(seed), "image": case["image"], "label": case["label"]}
        for seed, case in zip(seeds, cases)
    ]


def main(
    name: Annotated[str, typer.Argument(help="held-out, shifted or foreign")],
    folder: Annotated[Path, typer.Option(help="of the cases")],
    count: int = 20,
    processes: Processes = None,
    real_courses: Annotated[
        Path | None, typer.Option(help="folder of lca_cl.vtp and rca_cl.vtp, for foreign hearts")
    ] = None,
) -> None:
    """Write the cases that are missing."""
    for case in study_set(name, count, folder, processes, real_courses=real_courses):
        print(case["image"])
