"""The overlays of ensembles over inference, evaluation and native mode."""

import nibabel as nib
import numpy as np
import pytest
import torch
from evaluation_run import CONFIG as EVALUATE
from evaluation_run import evaluate
from inference_run import CONFIG, CONTRAST, ROOT, workflow
from scipy.special import xlogy
from tube_cases import tube_case

from bundle.networks import save_weights
from tests.helpers.contrast_network import ContrastNetwork

MODES = ROOT / "configs" / "modes"
NATIVE = [str(MODES / "native.yaml")]
SMALL = {"spacing_mm": 0.9, "inferer#roi_size": [32, 32, 32], "inferer#everywhere": "true", "amp": False}


@pytest.mark.parametrize("native", [False, True], ids=["default", "native"])
@pytest.mark.parametrize("mode", ["tta", "ensemble"])
def test_uncertainty_is_written_on_the_scans_grid(tmp_path, weights, native, mode):
    affine = np.diag([-1.0, -1.0, 1.5, 1.0])  # L, P, S
    item = tube_case(tmp_path / "data", "a", affine=affine)
    save_weights(ContrastNetwork(level=0.55), tmp_path / "other.pt")  # sees a little less
    options = {"checkpoints": [str(weights), str(tmp_path / "other.pt")]} if mode == "ensemble" else {}
    options |= (SMALL | {"network_def": CONTRAST}) if native else {}
    configs = [str(CONFIG), *(NATIVE if native else []), str(MODES / f"{mode}.yaml")]
    workflow(item["image"], tmp_path / "eval", weights, config=configs, **options).run()
    volumes = {
        name: nib.load(tmp_path / "eval" / "a" / f"a_{name}.nii.gz")
        for name in ("seg", "prob", "entropy", "mutual_information")
    }
    for volume in volumes.values():
        np.testing.assert_array_equal(volume.affine, affine)
        assert volume.shape == volumes["seg"].shape
    mask, probability, entropy, information = (volume.get_fdata() for volume in volumes.values())
    truth = nib.load(item["label"]).get_fdata() > 0
    assert 2 * (truth & (mask > 0)).sum() / (truth.sum() + mask.sum()) > 0.8
    assert probability[truth].mean() > 0.6
    own = -(xlogy(probability, probability) + xlogy(1 - probability, 1 - probability))
    assert 0.2 < entropy.max() <= 0.7 and (entropy < own + 0.05).all()
    if not native:
        np.testing.assert_allclose(entropy, own, atol=0.05)  # the network's grid is the scan's
    assert (information <= entropy + 0.01).all()
    if mode == "ensemble":
        assert information.max() > 0.01
        assert information[probability > 0.99].max(initial=0) < 0.02


def test_outputs_beside_the_lumen_stay_what_they_are(tmp_path, weights):
    """A mean of several outputs is split as the outputs of one pass are; entropy is the lumen's."""
    item = tube_case(tmp_path / "data", "a")
    network = {"_target_": "tests.configs.test_uncertainty.WithNeighbours"}
    configs = [str(CONFIG), *NATIVE, str(MODES / "tta.yaml")]
    run = workflow(item["image"], tmp_path / "eval", weights, config=configs, **SMALL, network_def=network)
    run.run()
    (output,) = run.parser.get_parsed_content("evaluator").state.output
    lumen = output["prob"] > 0.9
    assert output["vein"][lumen].mean() < 0.1 and output["aorta"].max() < 0.01
    assert output["entropy"].shape == output["prob"].shape == output["vein"].shape


def test_dropout_lies_over_the_evaluation(imagecas_dir, tmp_path, weights):
    modes = [str(EVALUATE), str(MODES / "mc_dropout.yaml")]
    network = {"_target_": "tests.configs.test_uncertainty.WithDropout"}
    rows = evaluate(imagecas_dir, tmp_path / "eval", weights, modes, network_def=network)
    assert len(rows) == 2 and all(float(row["dice"]) > 0.5 for row in rows.values())


class WithDropout(ContrastNetwork):
    """A layer of dropout that changes nothing."""

    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.0)


class WithNeighbours(ContrastNetwork):
    """Vein is what is no lumen, and there is no aorta."""

    def forward(self, image):
        lumen = super().forward(image)
        return torch.cat([lumen, -lumen, torch.full_like(lumen, -9.0)], dim=1)
