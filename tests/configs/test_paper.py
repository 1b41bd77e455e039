"""configs/modes/paper.yaml over each config: the paper's own steps, and nothing that it does not have."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv
import torch
from evaluation_run import CONFIG as EVALUATE
from evaluation_run import evaluate
from inference_run import CONFIG, PAPER, ROOT, workflow
from monai.bundle import ConfigParser, ConfigWorkflow
from small_run import SMALL
from tube_cases import tube_case

MODES = [str(CONFIG), str(PAPER)]


@pytest.fixture
def segmented(tmp_path, weights):
    """The folder, the report and the true mask of two tubes of 3 mm radius."""
    item = tube_case(tmp_path / "data", "a")
    workflow(item["image"], tmp_path / "eval", weights, MODES).run()
    report = json.loads((tmp_path / "eval" / "a" / "a.json").read_text())
    return tmp_path / "eval" / "a", report, nib.load(item["label"]).get_fdata() > 0


def test_the_mesh_is_one_tree_smoothed_by_laplace_and_says_what_it_lost(segmented):
    folder, report, truth = segmented
    mesh = pv.read(folder / "a_mesh.vtp")
    assert mesh.split_bodies().n_blocks == 1
    one_tube_mm3 = truth.sum() * 1.5 / 2
    assert 0.6 * one_tube_mm3 < mesh.volume < one_tube_mm3  # Laplacian smoothing shrinks
    assert report["smoothing"]["method"] == "laplacian"
    warnings = " ".join(report["warnings"])
    assert "keeping the largest part of the surface took 5" in warnings
    assert "does nothing at voxels of 1 mm" in warnings  # an opening of 0.5 mm


def test_the_cloud_is_the_mask_at_full_resolution(segmented):
    """Of both trees: the paper cleans the mesh, and shows the points of the mask."""
    folder, _, _ = segmented
    mask = nib.load(folder / "a_seg.nii.gz").get_fdata() > 0
    assert len(pv.read(folder / "a_voxels.ply").points) == mask.sum()


def test_no_cavity_is_filled_and_no_speck_dropped(tmp_path):
    from bundle.geometry.case import ExportOptions, export_case

    mask = np.zeros((24, 24, 24), bool)
    mask[4:20, 4:20, 4:20] = True
    mask[10:14, 10:14, 10:14] = False
    options = ConfigParser.load_config_file(PAPER)["geometry"]
    settings = {k: v for k, v in options.items() if k != "_target_"} | {
        "largest_part": False,
        "pictures": False,
    }
    assert ExportOptions(**settings).wall == "mask"
    settings |= {"smoothing": "none", "centerline": False}
    report = export_case(mask, np.eye(4), tmp_path, "hollow", **settings)
    assert report["mesh"]["parts"] == 2
    # Marching cubes between voxel centres: a cube of 16 loses its edges and corners, the cavity of 4 gains.
    assert report["mesh"]["volume_mm3"] == pytest.approx(mask.sum(), rel=0.05)


def test_evaluation_has_the_same_steps(imagecas_dir, tmp_path, weights):
    rows = evaluate(imagecas_dir, tmp_path / "eval", weights, [str(EVALUATE), str(PAPER)])
    assert all(float(row["threshold"]) == 0.5 and float(row["dice"]) > 0.8 for row in rows.values())


def test_training_is_the_papers(imagecas_dir, tmp_path):
    config = ConfigWorkflow(
        [str(ROOT / "configs" / "train.yaml"), str(PAPER)],
        workflow_type="train",
        logging_file=False,
        bundle_root=str(ROOT),
        dataset_dir=str(imagecas_dir),
        output_dir=str(tmp_path / "run"),
        **SMALL | {"max_epochs": 1},
    )
    config.initialize()
    case = config.train_dataset[0]
    assert set(torch.unique(case["label"]).tolist()) == {0.0, 1.0}
    prepare = config.parser.get_parsed_content("train#prepare_batch")
    batch = {key: case[key][None] for key in ("image", "label")}
    assert torch.equal(prepare(batch, torch.device("cpu"))[0], case["image"][None].as_tensor())
    loss = config.parser.get_parsed_content("loss")
    assert not loss.dice.squared_pred and loss.lambda_dice == loss.lambda_ce == 1.0
    optimizer = config.parser.get_parsed_content("optimizer")
    assert isinstance(optimizer, torch.optim.Adam)
    config.run()
    assert (tmp_path / "run" / "model.pt").is_file()


@pytest.mark.parametrize("name", ["train", "inference"])
def test_no_key_of_it_is_without_effect_somewhere(name):
    """Each key stands in a config that it lies over: a mistyped one would change nothing, silently."""
    known = set()
    for config in ("train", "inference"):
        known |= set(ConfigParser.load_config_file(ROOT / "configs" / f"{config}.yaml"))
    assert set(ConfigParser.load_config_file(PAPER)) <= known
    own = set(ConfigParser.load_config_file(ROOT / "configs" / f"{name}.yaml"))
    assert len(set(ConfigParser.load_config_file(PAPER)) & own) >= 6
