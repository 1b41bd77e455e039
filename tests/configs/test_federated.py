"""MONAI's own federated client trains and evaluates the bundle, round after round."""

from __future__ import annotations

import pytest
import torch
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems
from monai.fl.utils.exchange_object import ExchangeObject
from small_run import ROOT, SMALL

from bundle.handlers.training.dashboard.curves import read_curves


@pytest.fixture
def client(imagecas_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # its working folder is the aggregation's, not the bundle's
    shared = {"bundle_root": str(ROOT), "dataset_dir": str(imagecas_dir), "device": "cpu"}
    small = {key: SMALL[key] for key in ("spatial_size", "channels")}
    training = SMALL | shared | {"output_dir": str(tmp_path / "run")}
    evaluation = shared | small | {"output_dir": str(tmp_path / "eval"), "write_geometry": False}
    algorithm = MonaiAlgo(
        bundle_root=str(ROOT),
        config_train_filename="configs/train.yaml",
        train_kwargs=training,
        config_evaluate_filename=["configs/train.yaml", "configs/evaluate.yaml"],
        eval_kwargs=evaluation | {"initialize": ["$plain_errors()"]},  # the weights come from the server
        save_dict_key=None,
        best_model_filepath=None,
        final_model_filepath=None,
    )
    algorithm.initialize({ExtraItems.CLIENT_NAME: "site_1"})
    yield algorithm
    algorithm.finalize()


def test_it_trains_for_three_rounds_and_evaluates_what_the_server_sends(client, tmp_path):
    weights = {name: t.clone().numpy() for name, t in client.trainer.network.state_dict().items()}
    for rounds in (1, 2, 3):
        client.train(ExchangeObject(weights=weights))
        sent = client.get_weights()
        assert client.trainer.state.epoch == rounds
        # What is sent are the differences to what came.
        assert max(float(torch.as_tensor(value).abs().max()) for value in sent.weights.values()) > 0
        weights = {name: weights[name] + torch.as_tensor(sent.weights[name]).numpy() for name in weights}
    assert [row["epoch"] for row in read_curves(tmp_path / "run" / "curves.csv")] == [1, 2, 3]
    metrics = client.evaluate(ExchangeObject(weights=weights)).metrics
    assert 0 <= metrics["dice"] <= 1 and (tmp_path / "eval" / "metrics.csv").is_file()
