"""What the studies share: held-out phantoms, where and with what it was measured, pages and rows."""

import csv
import datetime
import json
import os
import platform
import re
import resource
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from shared import ROOT, SEEDS

from bundle.common.files import sha256_of, write_text
from bundle.common.tables import cell, exact, to_text, write_csv

__all__ = [
    "RESULTS", "Out", "files_of_cases", "held_out", "peak_gib", "rows_of", "stamp", "table", "weights_line",
    "with_earlier", "write_results",
]  # fmt: skip

RESULTS = ROOT / "docs" / "results"
Out = Annotated[Path, typer.Option(help="folder of the page and its CSV")]


def held_out(part: str, count: int, folder: str | Path, processes: int | None = None) -> list[dict[str, str]]:
    """Phantoms at the scanner's matrix of the seeds of a part, as ``{"case", "image", "label"}``.

    Those that are in `folder` already are kept; further ones there are left out.
    """
    from bundle.data import find_cases, part_of
    from bundle.phantom import write_imagecas

    write_imagecas(range(SEEDS[part], SEEDS[part] + count), folder, processes=processes)
    return part_of(find_cases(folder), "all")[:count]


def rows_of(
    measure: Callable[[int], dict[str, Any]], seeds: Sequence[int], columns: Iterable[str], processes: int
) -> list[dict[str, Any]]:
    """The row of every seed, in their order, measured in processes; columns of it are printed as it comes."""
    rows, columns = [], tuple(columns)
    with ProcessPoolExecutor(min(processes, len(seeds))) as pool:
        for row in pool.map(measure, seeds):
            rows.append(row)
            print(to_text([row], columns).splitlines()[-1], flush=True)
    return rows


def files_of_cases(out: Path) -> dict[str, bytes]:
    """Bytes of each file of each case of a run by its path; of a JSON and a page all but the timings."""
    found = {}
    for path in sorted(out.glob("*/*")):
        content = path.read_bytes()
        if path.suffix == ".json":
            report = json.loads(content)
            report.pop("seconds", None)
            sizes = report.get("record", {}).get("file_bytes", {})
            sizes.pop(f"{path.stem}.html", None)  # which tells the timings
            content = json.dumps(report).encode()
        elif path.suffix == ".html":
            content = re.sub(rb'"seconds":\{[^}]*\}', b"", content)
        found[str(path.relative_to(out))] = content
    return found


def stamp() -> str:
    """The date, the processor, its threads in use, versions, and what else the machine does."""
    import torch

    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    machine = f"{name}, {torch.get_num_threads()} threads{gpu}; {versions}"
    return f"{datetime.date.today()}, {machine}, load average {os.getloadavg()[0]:.1f}"


def weights_line(path: str | Path) -> str:
    """Which weights: the file's name and the first digits of its SHA-256."""
    return f"`{Path(path).name}` (SHA-256 {sha256_of([path])[:12]}…)"


def peak_gib(pid: int | str = "self") -> float:
    """The most memory that a process has held so far."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():  # getrusage would count what the parent held before exec
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**20
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str] | Sequence[str], **forms: str) -> str:
    """A Markdown table.

    Args:
        rows: what each holds beside the columns is left out; what it lacks stays empty.
        columns: keys of the rows, or keys with the headers that stand for them.
        forms: of a column's numbers, such as ``seconds=".2f"``; four digits by default.

    Example:
        >>> print(table([{"n": 3, "s": 1.234567}], {"n": "number", "s": "time, s"}, s=".2f"))
        | number | time, s |
        |---|---|
        | 3 | 1.23 |
    """
    heads = columns.values() if isinstance(columns, Mapping) else columns
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(columns)]
    for row in rows:
        texts = [
            format(row[name], forms[name]) if name in forms and cell(row.get(name)) else cell(row.get(name))
            for name in columns
        ]
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join(lines)


def with_earlier(
    rows: Sequence[Mapping[str, Any]], path: Path, order: Sequence[str]
) -> list[Mapping[str, Any]]:
    """The rows in an order of their ``what``; of one that was not tried now, the row that a CSV holds."""
    known: dict[str, Mapping[str, Any]] = {}
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            known = {row["what"]: row for row in csv.DictReader(file)}
    known |= {row["what"]: row for row in rows}
    return [known[what] for what in order if what in known]


def write_results(
    out: Path, study: str, text: str, rows: Sequence[Mapping[str, Any]], columns: Iterable[str]
) -> None:
    """What a study, or a part of one ("speed inference"), has found: rows as CSV, text as part of a page.

    The CSV has every digit. The text is put between two comments in the study's page, whose other words are
    written by hand and stay; a page without the comments gets them at its end.
    """
    name = study.replace(" ", "_")
    write_csv(out / f"{name}.csv", rows, list(columns), exact)
    path = out / f"{study.split()[0]}.md"
    page = path.read_text(encoding="utf-8") if path.is_file() else f"# {path.stem.capitalize()}\n\n"
    begin, end = f"<!-- written by scripts/study.py {study} -->", f"<!-- end of {study} -->"
    body = "\n\n".join([begin, f"{stamp()}.", text, f"All rows: [{name}.csv]({name}.csv).", end])
    old = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    write_text(path, old.sub(lambda _: body, page) if old.search(page) else f"{page}{body}\n")
    print(f"{text}\npage: {path}")
