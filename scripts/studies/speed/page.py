"""The pages: seconds, bytes, how quickly a browser answers.

    python scripts/study.py speed page
    python scripts/study.py speed page --results eval/mine --scan scans/7.nii.gz

A finished case of a run and its scan, by default the demo's; a cohort of a thousand rows is made of copies of
its report with other numbers. The browser is a Chromium without a window, its WebGL drawn on the CPU.
"""

import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from shared import ROOT

from bundle.common.errors import InputError
from bundle.common.filenames import case_name
from bundle.common.files import write_text
from bundle.data.readers import read_volume
from bundle.report import INDEX, case_reports, page_name, write_index, write_page

from ..common import RESULTS, Out, table, write_results
from ..pictures.browser import chromium, opened

CASES, FAILED, TIMES = 1000, 30, 5
# Milliseconds until the browser has drawn what an action changed.
DRAWN = """async action => {
  const start = performance.now();
  action();
  document.body.offsetHeight;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""
_FIND = """(text => {{
  const box = document.querySelector('#find');
  box.value = text;
  box.dispatchEvent(new Event('input'));
}})('{}')"""
ACTIONS = {
    "sort by lumen": "document.querySelectorAll('thead button')[2].click()",
    "sort by case": "document.querySelectorAll('thead button')[0].click()",
    "find one case": _FIND.format("case_0500"),
    "show all again": _FIND.format(""),
}


def cohort(root: Path, report: dict, page: Path) -> None:
    """A folder of `CASES` cases with the report's fields and other numbers; `FAILED` of them failed."""
    numbers, head = random.Random(0), page.read_bytes()[:16384]
    for number in range(CASES - FAILED):
        case = f"case_{number:04d}"
        own = json.loads(json.dumps(report)) | {"case": case, "mask_volume_mm3": numbers.uniform(2000, 9000)}
        for row in own.get("stenoses", ()):
            row["percent_diameter_stenosis"] = numbers.uniform(25, 95)
        write_text(root / case / f"{case}.json", json.dumps(own))
        (root / case / page_name(case)).write_bytes(head)
    lines = [f"bad_{number:02d},failed,the file is empty (0 bytes)" for number in range(FAILED)]
    write_text(root / "summary.csv", "\n".join(["case,status,reason", *lines, ""]))


def measured(work) -> tuple[float, float]:
    """Seconds and CPU seconds of a call, the least of `TIMES` each; a first one loads what it imports."""
    work()
    found = []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return tuple(float(value) for value in np.min(found, axis=0))


def in_browser(page: Path, index: Path) -> dict[str, float]:
    """Milliseconds by what is done."""
    with chromium() as browser:
        with opened(browser, page) as shown:
            found = {
                "the page of a case: drawn whole": shown.page.evaluate(
                    "performance.getEntriesByName('ready')[0].startTime"
                )
            }
        with opened(browser, index) as shown:
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            found[f"a cohort of {CASES}: first paint"] = shown.page.evaluate(paint)
            for name, action in ACTIONS.items():
                found[f"a cohort of {CASES}: {name}"] = shown.page.evaluate(
                    f"({DRAWN})(() => {{ {action} }})"
                )
    return found


def main(
    results: Annotated[Path, typer.Option(help="folder of results")] = ROOT / "eval" / "demo",
    scan: Annotated[Path, typer.Option(help="that of one of its cases")] = ROOT
    / "data/demo/1-200/1.img.nii.gz",
    out: Out = RESULTS,
) -> None:
    case, reports = case_name(scan), case_reports(results)
    if case not in reports:
        raise InputError(f"'{results}' has no finished case '{case}', which is that of '{scan}'.")
    array, affine = read_volume(scan)
    ct = np.asarray(array).astype(np.int16), affine
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "results" / case
        shutil.copytree(results / case, copy)
        seconds, cpu_s = measured(lambda: write_page(copy, reports[case], ct))
        page = copy / page_name(case)
        root = Path(folder) / "cohort"
        cohort(root, reports[case], page)
        index_s, index_cpu_s = measured(lambda: write_index(root))
        rows = [
            {"what": "the page of a case", "s": seconds, "cpu_s": cpu_s, "mb": page.stat().st_size / 1e6},
            {
                "what": f"the page of a cohort of {CASES}",
                "s": index_s,
                "cpu_s": index_cpu_s,
                "mb": (root / INDEX).stat().st_size / 1e6,
            },
        ]
        shown = [{"what": what, "ms": ms} for what, ms in in_browser(page, root / INDEX).items()]
    report = reports[case]
    mesh, length = report["mesh"], report["centerline_length_mm"]
    about = (
        f"A case of {mesh['triangles']} triangles and {length:.0f} mm of centreline, a scan of "
        f"{'×'.join(map(str, ct[0].shape))} voxels; the least of {TIMES} times."
    )
    heads = {"what": "made", "s": "s", "cpu_s": "CPU s", "mb": "MB"}
    text = f"{about}\n\n{table(rows, heads, s='.2f', cpu_s='.2f', mb='.1f')}\n\n"
    text += f"In Chromium:\n\n{table(shown, {'what': 'what', 'ms': 'ms'}, ms='.0f')}"
    write_results(out, "speed page", text, [*rows, *shown], ("what", "s", "cpu_s", "mb", "ms"))
