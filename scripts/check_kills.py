"""Kill an inference over a folder again and again, rerun it, and look for anything lost.

    python scripts/check_kills.py --kills 20

Makes small scans, runs configs/inference.yaml over them once undisturbed, then in other folders with a
SIGKILL at a random moment: four runs in a row into each folder, and at last one that may end. Every file of
every case must then have the bytes of the undisturbed run (the JSON without its timings), with no half file
beside it; in between, whatever bears a final name must be whole.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import fire
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from trial_cases import inference, write_tube  # noqa: E402

import bundle.cohort.summary  # noqa: E402
import bundle.transforms.adaptive_threshold  # noqa: E402
import bundle.transforms.binary_opening  # noqa: E402
import bundle.transforms.keep_components  # noqa: E402
import bundle.transforms.load_cta  # noqa: E402
import bundle.transforms.resize  # noqa: E402, F401
from bundle.common.files import UNFINISHED  # noqa: E402

SHAPE = (48, 48, 32)


def start(home: Path, out: Path) -> multiprocessing.Process:
    """An inference over ``home/data`` into ``out``, in a process that has imported everything already."""
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


def files_of_cases(out: Path) -> dict[str, bytes]:
    """Bytes of each file of each case by its path; of a JSON all but the timings."""
    found = {}
    for path in sorted(out.glob("*/*")):
        content = path.read_bytes()
        if path.suffix == ".json":
            report = json.loads(content)
            report.pop("seconds", None)
            content = json.dumps(report).encode()
        found[str(path.relative_to(out))] = content
    return found


def count_files(out: Path) -> int:
    """Files in the folders of the cases, which may come and go meanwhile."""
    return sum(len(files) for folder, _, files in os.walk(out) if Path(folder) != out)


def check_kills(kills: int = 20, cases: int = 5, seed: int = 0) -> dict[str, int]:
    """Run the trial and return its counts; ends with an error where a file is not as it should be."""
    moments = random.Random(seed)
    torch.set_num_threads(1)  # threads do not survive a fork
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(cases):
            write_tube(home / "data" / f"c{number}.nii.gz", SHAPE, seed=number)
        finish(home, home / "whole")
        whole = files_of_cases(home / "whole")

        hits = finished = half = folders = kills_here = 0
        out = home
        while hits < kills:  # one that comes after the end of its run does not count
            # Up to four kills in a folder, as long as there is something to do.
            present = count_files(out)
            if folders == 0 or kills_here == 4 or present >= len(whole):
                folders, kills_here, present = folders + 1, 0, 0
                out = home / f"killed{folders}"
            kills_here += 1
            run = start(home, out)
            wanted = moments.randint(present, len(whole) - 1)
            while run.is_alive() and count_files(out) < wanted:
                time.sleep(0.002)
            run.join(moments.uniform(0, 0.3))
            if run.is_alive():
                run.kill()
                hits += 1
            run.join()
            now = files_of_cases(out)
            unfinished = [name for name in now if Path(name).name.startswith(UNFINISHED)]
            broken = [name for name in now if name not in unfinished and now[name] != whole.get(name)]
            if broken:
                raise SystemExit(f"after kill {hits}, {broken} are not whole")
            cases_done = sum(name.endswith(".json") for name in now)
            print(
                f"kill {hits}: {len(now)} files of {len(whole)}, {cases_done} of {cases} cases",
                flush=True,
            )
            half += len(unfinished)
            finished += cases_done
        for out in sorted(home.glob("killed*")):
            finish(home, out)
            left = files_of_cases(out)
            different = sorted(name for name in left | whole if left.get(name) != whole.get(name))
            if different:
                raise SystemExit(f"{out.name}: {different} differ from the run that was left alone")
        return {
            "kills": hits,
            "cases": cases,
            "files_compared": len(whole) * len(list(home.glob("killed*"))),
            "cases_found_finished_and_kept": finished,
            "half_files_under_a_temporary_name": half,
            "lost": 0,
        }


if __name__ == "__main__":
    fire.Fire(check_kills)
