"""How the tests run configs/evaluate.yaml: as inference_run does its config, on a grid of its own."""

import csv

from inference_run import ROOT, workflow

CONFIG = ROOT / "configs" / "evaluate.yaml"


def evaluate(data, out, weights, config=CONFIG, **override):
    """Run the evaluation and return the rows of metrics.csv by case."""
    small = {"spatial_size": [40, 56, 24], "write_geometry": False}
    workflow(data, out, weights, config, **(small | override)).run()
    with open(out / "metrics.csv", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}
