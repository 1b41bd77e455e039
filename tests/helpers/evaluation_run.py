"""How the tests run configs/evaluate.yaml: with a network that sees contrast without training."""

import csv
from pathlib import Path

from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "evaluate.yaml"


def evaluate(data, out, weights, config=str(CONFIG), **override):
    """Run the evaluation and return the rows of metrics.csv by case."""
    run = ConfigWorkflow(
        config,
        workflow_type="inference",
        logging_file=False,
        bundle_root=str(ROOT),
        dataset_dir=str(data),
        output_dir=str(out),
        ckpt_path=str(weights),
        network_def={"_target_": "tests.helpers.contrast_network.ContrastNetwork"},
        **({"spatial_size": [40, 56, 24], "write_geometry": False} | override),
    )
    run.initialize()
    run.run()
    with open(out / "metrics.csv", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}
