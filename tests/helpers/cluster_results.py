"""What runs on workers are compared by: the options of all of them, and what they left behind."""

from __future__ import annotations

import csv
import json

from inference_run import CONTRAST
from page_case import data_of

KEYS = {"network_def": CONTRAST, "spatial_size": [48, 48, 32], "geometry#pictures": False}
OPTIONS = ("--mode", "paper", "--device", "cpu")


def table(out):
    """Rows of summary.csv, without what is measured by the clock."""
    with open(out / "summary.csv", newline="") as file:
        return [{key: row[key] for key in row if key != "seconds"} for row in csv.DictReader(file)]


def contents(out):
    """Every file of every case; of JSON and page what they say, without the times."""
    found = {}
    for path in sorted(out.glob("*/*")):
        found[str(path.relative_to(out))] = path.read_bytes()
        if path.suffix == ".json":
            report = json.loads(path.read_text())
            report["record"]["file_bytes"].pop(f"{path.stem}.html")  # as long as its times
            found[str(path.relative_to(out))] = {
                key: report[key] for key in report if key not in ("seconds", "provenance")
            }
        if path.suffix == ".html":
            page = data_of(path)
            found[str(path.relative_to(out))] = {key: page[key] for key in page if key != "report"}
    return found
