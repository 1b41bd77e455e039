"""Inference on Ray workers beside one process, with kills.

    python scripts/study.py cluster
    python scripts/study.py cluster --scans 8 --kills 2 --out trial

Makes small phantoms and runs configs/inference.yaml over them in one process, then with
configs/modes/cluster.yaml on workers of this machine, and at last on four of which a random one gets a
SIGKILL again and again. Every run must finish all cases, with the files of one process (reports and pages
without their timings) and its summary.csv, and no case that was finished when a kill came may be made again.
Ends with an error where it is not so.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from shared import ROOT

from .common import RESULTS, Out, files_of_cases, table, write_results

SHAPE = (64, 64, 32)
COLUMNS = {
    "run": "run",
    "seconds": "s in all",
    "rate": "cases a minute, start apart",
    "speed_up": "times one process",
    "kills": "workers killed",
    "begun_again": "cases begun again",
    "lost": "cases lost",
    "twice": "made twice",
    "files": "files compared",
    "different": "different",
}


def case_workers(program: int) -> list[int]:
    """Process numbers of the workers that are at work on a case, of a cluster that a program started."""
    parents, workers = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # "123 (a name) S 122 ...": the name may hold blanks and brackets
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            name = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if name.startswith(b"ray::CaseWorker.run"):
            workers.append(int(folder.name))
    return [worker for worker in workers if program in _above(worker, parents)]


def _above(process: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while process in parents and process not in found:
        found.add(process)
        process = parents[process]
    return found


def start(home: Path, out: Path, workers: int, cores: int) -> subprocess.Popen:
    """The bundle's inference of `home/data` into `out`, on workers; in one process where there are none."""
    configs = ["configs/inference.yaml"] + ["configs/modes/cluster.yaml"] * (workers > 0)
    keys: dict[str, Any] = {"dataset_dir": home / "data", "output_dir": out, "device": "cpu"}
    keys |= {"spatial_size": list(SHAPE), "geometry#pictures": False}
    if workers:
        keys |= {"cluster#workers": workers, "cluster#num_cpus": min(1.0, cores / workers)}
        keys |= {"cluster#local_cpus": cores}
    words = [f"--{key}={value}" for key, value in keys.items()]
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", f"--config_file={configs}", *words]
    command += ["--logging_file=configs/logging.conf"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with open(home / f"{out.name}.log", "w") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def reports(out: Path) -> dict[str, int]:
    """Finished case to the time at which its report was written, in nanoseconds."""
    return {path.stem: path.stat().st_mtime_ns for path in out.glob("*/*.json")}


def contents(out: Path) -> dict[str, bytes]:
    """Each file of each case by its path, and the table; without timings."""
    with open(out / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"], row["kept"]
    return files_of_cases(out) | {"summary.csv": json.dumps(rows).encode()}


def differences(home: Path, name: str, paths: list[str]) -> list[str]:
    """What differs from the run in one process: of an image, in how many voxels and by how much."""
    import nibabel as nib
    import numpy as np

    told = []
    for path in paths:
        both = [home / run / path for run in ("one process", name)]
        text = path
        if path.endswith(".nii.gz") and all(file.is_file() for file in both):
            one, other = (np.asarray(nib.load(file).dataobj, np.float64) for file in both)
            apart = np.abs(one - other)
            text = f"{path} in {np.count_nonzero(apart)} of {apart.size} voxels, by at most {apart.max():.4f}"
        told.append(text)
    return told


def timed(home: Path, name: str, workers: int, cores: int, kills: int = 0, seed: int = 0) -> dict[str, Any]:
    """A run to its end, and what became of its cases."""
    out, moments, finished = home / name, random.Random(seed), {}
    scans, killed, begin = len(list((home / "data").iterdir())), 0, time.monotonic()
    run = start(home, out, workers, cores)
    try:
        while run.poll() is None:
            time.sleep(0.2)
            # As many kills as there are, spread over the cases.
            if killed < kills and len(reports(out)) >= killed * scans / (kills + 1):
                time.sleep(moments.uniform(0, 1))
                victims = case_workers(run.pid)
                if victims:
                    finished |= {case: at for case, at in reports(out).items() if case not in finished}
                    os.kill(moments.choice(victims), signal.SIGKILL)
                    killed += 1
    finally:
        run.kill()
    seconds, log = time.monotonic() - begin, (home / f"{name}.log").read_text()
    if run.returncode != 0 or killed != kills:
        raise SystemExit(f"error: {name} ended with {run.returncode} after {killed} kills: {log[-2000:]}")
    written = reports(out)
    minutes = (max(written.values()) - min(written.values())) / 6e10
    again = sum(written[case] != at for case, at in finished.items())
    return {
        "run": name,
        "workers": workers,
        "seconds": seconds,
        "rate": (len(written) - 1) / minutes,
        "kills": killed,
        "begun_again": log.count("is begun again on another worker"),
        "lost": scans - len(written),
        "twice": again,
    }


def main(
    scans: int = 40,
    kills: int = 10,
    workers: Annotated[list[int], typer.Option(help="of the runs without kills")] = (1, 2, 4),
    cores: Annotated[int, typer.Option(help="that the workers share")] = os.cpu_count() or 1,
    seed: int = 0,
    out: Out = RESULTS,
) -> None:
    from bundle.phantom import make_phantom, write_case

    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for number in range(scans):
            files = [home / "data" / f"{number}.img.nii.gz", home / "labels" / f"{number}.nii.gz"]
            write_case(make_phantom(number, shape=SHAPE), *files, home / "labels" / f"{number}.json")
        plans = [("one process", 0, 0)]
        plans += [(f"{count} worker{'s' * (count > 1)}", count, 0) for count in workers]
        if kills:
            plans.append((f"{workers[-1]} workers, killed", workers[-1], kills))
        rows, whole = [], {}
        for name, count, killed in plans:
            row = timed(home, name, count, cores, killed, seed)
            files = contents(home / name)
            whole = whole or files
            row |= {"files": len(whole), "speed_up": row["rate"] / (rows[0] if rows else row)["rate"]}
            names = sorted(path for path in files | whole if files.get(path) != whole.get(path))
            row |= {"different": len(names), "names": "; ".join(differences(home, name, names))}
            rows.append(row)
            print(row, flush=True)
    voxels = " × ".join(map(str, SHAPE))
    about = f"{scans} phantoms of {voxels} voxels, the network at that size, {cores} cores."
    told = [f"{row['run']}: {row['names']}." for row in rows if row["names"]]
    shown = table(rows, COLUMNS, seconds=".0f", rate=".1f", speed_up=".2f")
    write_results(out, "cluster", "\n\n".join([about, shown, *told]), rows, ["workers", *COLUMNS, "names"])
    if bad := [row["run"] for row in rows if row["lost"] or row["twice"] or row["different"]]:
        raise SystemExit(f"error: {', '.join(bad)} did not give what one process gives; see the page")
