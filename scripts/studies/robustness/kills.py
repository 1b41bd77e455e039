"""Kill an inference again and again: nothing may be lost.

    python scripts/study.py robustness kills --kills 20

Makes small scans, runs configs/inference.yaml over them once undisturbed, then in other folders with a
SIGKILL at a random moment: four runs in a row into each folder, and at last one that may end. Every file of
every case must then have the bytes of the undisturbed run (the JSON without its timings), with no half file
beside it; in between, whatever bears a final name must be whole. Ends with an error where it is not so.
"""

import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

import torch

# What the run would import late: the process that is forked for each has it already.
from bundle.cohort import CaseSummary  # noqa: F401
from bundle.common.files import UNFINISHED
from bundle.transforms import (  # noqa: F401
    AdaptiveThresholdd,
    BinaryOpeningd,
    KeepComponentsd,
    LoadCTAd,
    ResizeVolumed,
)

from ..common import RESULTS, Out, files_of_cases, table, write_results
from .trial_cases import inference, write_tube

SHAPE = (48, 48, 32)


def start(home: Path, out: Path) -> multiprocessing.Process:
    """An inference over `home/data` into `out`, in a process that has imported everything already."""
    run = multiprocessing.get_context("fork").Process(target=_infer, args=(home, out))
    run.start()
    return run


def _infer(home: Path, out: Path) -> None:
    with open(home / "log.txt", "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    inference(home, out, SHAPE, **{"geometry#pictures": False}).run()


def finish(home: Path, out: Path) -> None:
    """A run that must succeed."""
    run = start(home, out)
    run.join()
    if run.exitcode != 0:
        raise SystemExit(f"the inference ended with {run.exitcode}: {(home / 'log.txt').read_text()[-2000:]}")


def count_files(out: Path) -> int:
    """Files in the folders of the cases, which may come and go meanwhile."""
    return sum(len(files) for folder, _, files in os.walk(out) if Path(folder) != out)


def main(kills: int = 20, cases: int = 5, seed: int = 0, out: Out = RESULTS) -> None:
    moments = random.Random(seed)
    torch.set_num_threads(1)  # threads do not survive a fork
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for number in range(cases):
            write_tube(home / "data" / f"c{number}.nii.gz", SHAPE, seed=number)
        finish(home, home / "whole")
        whole = files_of_cases(home / "whole")
        rows, folder, kills_here = [], None, 0
        while len(rows) < kills:  # one that comes after the end of its run does not count
            # Up to four kills in a folder, as long as there is something to do.
            present = count_files(folder) if folder else 0
            if folder is None or kills_here == 4 or present >= len(whole):
                kills_here = present = 0
                folder = home / f"killed{len(list(home.glob('killed*'))) + 1}"
                folder.mkdir()
            kills_here += 1
            killed = killed_run(home, folder, moments, present, len(whole))
            now = files_of_cases(folder)
            half = [name for name in now if Path(name).name.startswith(UNFINISHED)]
            broken = [name for name in now if name not in half and now[name] != whole.get(name)]
            if broken:
                raise SystemExit(f"error: after kill {len(rows)}, {broken} are not whole")
            if killed:
                finished = sum(name.endswith(".json") for name in now)
                rows.append({"kill": len(rows) + 1, "folder": folder.name, "files": len(now),
                             "finished_cases": finished, "half_files": len(half)})  # fmt: skip
                print(f"kill {len(rows)}: {len(now)} files of {len(whole)}, {finished} cases", flush=True)
        folders = sorted(home.glob("killed*"))
        for folder in folders:
            finish(home, folder)
            left = files_of_cases(folder)
            different = sorted(name for name in left | whole if left.get(name) != whole.get(name))
            if different:
                raise SystemExit(f"error: {folder.name}: {different} differ from the run that was left alone")
    counts = {"kills": kills, "folders": len(folders), "cases": cases}
    counts |= {"files compared": len(whole) * len(folders), "files lost": 0}
    counts["half files under a hidden name"] = sum(row["half_files"] for row in rows)
    write_results(out, "robustness kills", table([counts], tuple(counts)), rows, tuple(rows[0]))


def killed_run(home: Path, folder: Path, moments: random.Random, present: int, whole: int) -> bool:
    """Kill a run at a random number of files, up to 0.3 s later; False where it had ended by then."""
    run = start(home, folder)
    wanted = moments.randint(present, whole - 1)
    while run.is_alive() and count_files(folder) < wanted:
        time.sleep(0.002)
    run.join(moments.uniform(0, 0.3))
    killed = run.is_alive()
    run.kill()
    run.join()
    return killed
