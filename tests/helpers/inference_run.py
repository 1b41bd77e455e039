"""How the tests run configs/inference.yaml: with a network that sees contrast without training."""

from pathlib import Path

from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "inference.yaml"
PAPER = ROOT / "configs" / "modes" / "paper.yaml"
CONTRAST = {"_target_": "tests.helpers.contrast_network.ContrastNetwork"}


def workflow(data, out, weights, config=CONFIG, **override):
    """An initialised inference workflow at the scans' own resolution, without pictures."""
    options = {"network_def": CONTRAST, "spatial_size": [48, 48, 32], "geometry#pictures": False} | override
    run = ConfigWorkflow(
        config if isinstance(config, list) else str(config),
        workflow_type="inference",
        logging_file=False,
        bundle_root=str(ROOT),
        dataset_dir=str(data),
        output_dir=str(out),
        ckpt_path=str(weights),
        **options,
    )
    run.initialize()
    return run
