"""Mistakes that people type, and what they are told.

    python scripts/study.py mistakes
    python scripts/study.py mistakes --only ckpt_path --out trial    # while developing

Each is typed in a folder of its own, a copy of the bundle with small scans, a trained network and a finished
case. A mistake holds where the program ends with one sentence that names what is at fault, or goes on with a
warning where that is right; where no traceback is shown; and where every file is as it was before.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT

from bundle.common.errors import InputError
from bundle.common.files import sha256_of

from .common import RESULTS, Out, table, with_earlier, write_results
from .mistakes_typed import EARLIER, MISTAKES, Mistake, write_inputs

COPIED = ("bundle", "configs", "models", "scripts")
COLUMNS = {"what": "mistake", "typed": "typed", "answer": "answer", "code": "exit code", "verdict": "verdict"}
LIMIT_S = 240
HELD = "holds"


def typed(words: str, folder: Path) -> tuple[int, str]:
    """Type a command in `folder`: its exit code, and all that it says, standard error last."""
    started = {"python": [sys.executable], "coronary": [sys.executable, "-m", "bundle.command"]}
    first, *rest = shlex.split(words)
    command = [*started[first], *rest]
    surroundings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    surroundings |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, cwd=folder, env=surroundings, timeout=LIMIT_S, **pipes)
    except subprocess.TimeoutExpired:
        return -1, f"no end after {LIMIT_S} s"
    said = f"{done.stdout}\n{done.stderr}"
    for path in (folder, ROOT):
        said = said.replace(f"{path}/", "").replace(str(path), ".")
    return done.returncode, said.strip()


def files_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below `folder`, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256_of([path]) for path in files}


def verdict(mistake: Mistake, code: int, said: str, before: dict[str, str], after: dict[str, str]) -> str:
    """ "holds", or what does not."""
    faults = []
    if code != mistake.code:
        faults.append(f"exit code {code}, not {mistake.code}")
    if "Traceback" in said:
        faults.append("a traceback")
    if not answer(mistake, said):
        faults.append(f"nothing says {mistake.says}")
    if lost := sorted(path for path in before if after.get(path) != before[path]):
        faults.append(f"changed {lost[0]}" + (f" and {len(lost) - 1} more" if len(lost) > 1 else ""))
    if mistake.code == 2 and (left := sorted(after.keys() - before.keys())):
        faults.append(f"left {left[0]}")
    return "; ".join(faults) or HELD


def answer(mistake: Mistake, said: str) -> str:
    """The line that says what is wrong, the last one or a warning where going on is right; else ""."""
    lines = said.splitlines()
    shown = lines if mistake.code == 0 else [line for line in lines[-1:] if line.lower().startswith("error:")]
    return next((line.strip() for line in reversed(shown) if mistake.says in line), "")


def tried(mistake: Mistake, template: Path, home: Path) -> dict[str, object]:
    """The row of one mistake."""
    folder = home / str(MISTAKES.index(mistake) + 1) / "folder"
    shutil.copytree(template, folder)
    before = files_of(folder)
    code, said = typed(mistake.typed, folder)
    found = verdict(mistake, code, said, before, files_of(folder))
    shutil.rmtree(folder)
    last = answer(mistake, said) or (said.splitlines() or ["(nothing)"])[-1].strip()
    print(f"{found}: {mistake.what}" + ("" if found == HELD else f"\n{said[-1500:]}\n"), flush=True)
    return {"what": mistake.what, "typed": mistake.typed, "answer": last, "code": code, "verdict": found}


def main(
    only: Annotated[str, typer.Option(help="try those with this word again, keep other rows")] = "",
    at_once: Annotated[int, typer.Option(min=1, help="commands that run at the same time")] = 2,
    out: Out = RESULTS,
) -> None:
    """Type the mistakes and write down the answers; exit code 1 where one does not hold."""
    chosen = [mistake for mistake in MISTAKES if only in f"{mistake.what} {mistake.typed}"]
    if not chosen:
        raise InputError(f"no mistake holds {only!r}; without --only all {len(MISTAKES)} are tried.")
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(at_once) as pool:
        template = Path(home) / "bundle"
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, template / name, ignore=ignored)
        write_inputs(template)
        for words in EARLIER:
            code, said = typed(words, template)
            if code:
                raise RuntimeError(f"{words} ended with {code}: {said}")
        rows = list(pool.map(lambda mistake: tried(mistake, template, Path(home)), chosen))
    rows = with_earlier(rows, out / "mistakes.csv", [mistake.what for mistake in MISTAKES])
    held = sum(row["verdict"] == HELD for row in rows)
    shown = [
        row | {"typed": f"`{row['typed']}`", "answer": str(row["answer"]).replace("|", "\\|")} for row in rows
    ]
    text = f"{held} of {len(rows)} mistakes hold.\n\n{table(shown, COLUMNS)}"
    write_results(out, "mistakes", text, rows, COLUMNS)
    print(f"{len(rows) - held} of {len(rows)} do not hold")
    if held < len(rows):
        raise typer.Exit(1)
