"""What one machine does for all cases, by their number.

    python scripts/study.py scale
    python scripts/study.py scale --counts 100 --out trial

Of a run on a cluster, the work that is not spread: the list of the scans, summary.csv, and the page of the
cohort. Scans are empty files with the names of scans; reports and pages are copies of those of one small
phantom, the pages cut off behind the picture that the page of the cohort shows.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import RESULTS, Out, peak_gib, table, write_results

COLUMNS = {
    "count": "cases", "list_s": "list of the scans, s", "table_s": "summary.csv once, s", "table_mb": "MB",
    "mirror": "reports and pages, MB", "page_s": "index.html, s", "page_mb": "MB ", "peak_gib": "peak, GiB",
}  # fmt: skip


def seconds_of(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(count: int, case: Path) -> dict[str, Any]:
    """The row of a number of cases, all like the finished one in a folder."""
    from bundle.cluster import Gathered
    from bundle.cohort import FailureLog
    from bundle.data import find_images
    from bundle.report import HEAD_BYTES, write_index

    report = (case / f"{case.name}.json").read_text()
    page = (case / f"{case.name}.html").read_bytes()[:HEAD_BYTES]
    with tempfile.TemporaryDirectory() as temporary:
        scans, out = Path(temporary, "scans"), Path(temporary, "results")
        scans.mkdir()
        names = [f"{number:06d}" for number in range(count)]
        for name in names:
            (scans / f"{name}.nii.gz").touch()
            (out / name).mkdir(parents=True)
            (out / name / f"{name}.json").write_text(report.replace(f'"{case.name}"', f'"{name}"'))
            (out / name / f"{name}.html").write_bytes(page)
        items: list[dict[str, str]] = []
        row: dict[str, Any] = {"count": count, "list_s": seconds_of(lambda: items.extend(find_images(scans)))}
        gathered = Gathered(out, items, FailureLog())
        figures = {"status": "ok", "volume_mm3": 2748.0, "components": 2, "threshold": 0.5, "seconds": 13.7}
        for item in items:
            gathered.keep(item["case"], {"case": item["case"], "warnings": ""} | figures)
        row["table_s"] = seconds_of(gathered.write)
        row["table_mb"] = (out / "summary.csv").stat().st_size / 1e6
        row["mirror"] = count * (len(report) + len(page)) / 1e6
        row["page_s"] = seconds_of(lambda: write_index(out))
        row["page_mb"] = (out / "index.html").stat().st_size / 1e6
    return row | {"peak_gib": peak_gib()}


def main(
    counts: Annotated[list[int], typer.Option(help="numbers of cases; several times")] = (100, 1000, 10000),
    out: Out = RESULTS,
) -> None:
    from bundle import segment
    from bundle.phantom import make_phantom, write_case

    with tempfile.TemporaryDirectory() as home:
        scan, *truth = (Path(home, name) for name in ("data/one.nii.gz", "lumen.nii.gz", "truth.json"))
        write_case(make_phantom(0, shape=(64, 64, 32)), scan, *truth)
        keys = {"device": "cpu", "spatial_size": [64, 64, 32]}
        done = segment(scan, mode="paper", out=Path(home, "results"), **keys)
        rows = [measure(count, done.folder) for count in counts]
    forms = {"list_s": ".2f", "table_s": ".2f", "table_mb": ".1f", "mirror": ".0f", "page_s": ".1f"}
    text = table(rows, COLUMNS, **forms, page_mb=".1f", peak_gib=".2f")
    write_results(out, "scale", text, rows, tuple(COLUMNS))
