"""TensorBoard, started for real on a run's folder, serves what each of its dashboards shows.

The run was killed after its sixth epoch, went on from the checkpoint of the fifth and ended with the tenth:
every series must still be that of one run.
"""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
from small_run import workflow
from tensorboard_server import serving
from tube_cases import tube_case, write_split

from bundle.handlers.training.dashboard.curves import read_curves

EPOCHS, STEPS = 10, 2
ENDS = [STEPS * epoch for epoch in range(1, EPOCHS + 1)]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """The run's folder, and a function that asks TensorBoard about it."""
    root = tmp_path_factory.mktemp("tensorboard")
    for number in range(1, 5):
        tube_case(root / "data" / "1-200", number, seed=number)
    parts = ["Training", "Training", "Training", "Val"]
    write_split(root / "data" / "imageCAS_data_split.xlsx", list(zip(range(1, 5), parts)))
    folder = root / "runs" / "small"
    keys = {"dataset_dir": root / "data", "output_dir": folder, "shown_interval": 1}
    keys |= {f"train#augment#prob_{kind}": 0.0 for kind in ("affine", "elastic")}  # it learns sooner
    workflow(**keys, max_epochs=5).run()
    shutil.copy(folder / "checkpoint_last.pt", root / "fifth.pt")
    workflow(**keys, max_epochs=6, resume=True).run()
    shutil.copy(root / "fifth.pt", folder / "checkpoint_last.pt")
    workflow(**keys, max_epochs=EPOCHS, resume=True).run()
    with serving(folder.parent, "small", root / "tensorboard.log") as ask:
        yield folder, ask


def read(ask, path, **query):
    return json.loads(ask(path, **query))


def test_there_is_one_run(dashboard):
    _, ask = dashboard
    assert read(ask, "runs") == ["small"]


def test_every_scalar_has_its_name(dashboard):
    _, ask = dashboard
    parts = ("loss", "loss_dice", "loss_binary_cross_entropy")
    assert set(read(ask, "plugin/scalars/tags")["small"]) == {
        *(f"train/{name}" for name in (*parts, "loss_epoch", "gradient_norm", "learning_rate")),
        *(f"val/{name}" for name in (*parts, "mean_dice", "best_mean_dice", "average_precision")),
        "speed/samples_per_second",
        "speed/peak_memory_gib",
    }


def scalar(ask, tag):
    """Steps and values."""
    points = read(ask, "plugin/scalars/scalars", run="small", tag=tag)
    return [step for _, step, _ in points], np.array([value for *_, value in points])


def test_the_curves_are_those_of_the_table(dashboard):
    folder, ask = dashboard
    rows = read_curves(folder / "curves.csv")
    for tag, column in (("train/loss_epoch", "train_loss"), ("val/mean_dice", "val_mean_dice")):
        steps, values = scalar(ask, tag)
        assert steps == [row["iteration"] for row in rows] == ENDS
        assert values == pytest.approx([row[column] for row in rows], rel=1e-5)


def test_the_parts_make_up_the_loss_at_every_step(dashboard):
    _, ask = dashboard
    for kind, expected in (("train", list(range(1, ENDS[-1] + 1))), ("val", ENDS)):
        steps, loss = scalar(ask, f"{kind}/loss")
        assert steps == expected
        parts = [scalar(ask, f"{kind}/loss_{part}")[1] for part in ("dice", "binary_cross_entropy")]
        assert sum(parts) == pytest.approx(loss, rel=1e-5)
    steps, norm = scalar(ask, "train/gradient_norm")
    assert steps == list(range(1, ENDS[-1] + 1)) and (norm > 0).all()


def test_speed_and_memory_are_plausible(dashboard):
    _, ask = dashboard
    _, memory = scalar(ask, "speed/peak_memory_gib")
    _, speed = scalar(ask, "speed/samples_per_second")
    assert (memory > 0.05).all() and (memory < 64).all() and (speed > 0).all()


def test_the_overlays_are_pictures_of_three_planes(dashboard):
    _, ask = dashboard
    tags = {f"val/case_4/{plane}" for plane in ("axial", "coronal", "sagittal")}
    assert set(read(ask, "plugin/images/tags")["small"]) == tags
    shown = read(ask, "plugin/images/images", run="small", tag="val/case_4/coronal", sample=0)
    assert [image["step"] for image in shown] == ENDS
    picture = ask("plugin/images/individualImage?" + shown[-1]["query"])
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert width >= 350 and height >= 350  # the volume is 48 mm wide and high


def test_the_precision_recall_curve_falls_from_all_voxels_to_none(dashboard):
    _, ask = dashboard
    curves = read(ask, "plugin/pr_curves/pr_curves", run="small", tag="val/precision_recall")["small"]
    assert [curve["step"] for curve in curves] == ENDS
    assert curves[-1]["recall"][0] == 1.0 and curves[-1]["recall"] == sorted(curves[-1]["recall"])[::-1]
    first = {name: counts[0] for name, counts in curves[-1].items() if name.endswith("tives")}
    assert first["false_negatives"] == first["true_negatives"] == 0
    assert first["true_positives"] + first["false_positives"] == 32 * 32 * 16


def test_the_mesh_is_that_of_two_tubes(dashboard):
    _, ask = dashboard
    entries = read(ask, "plugin/mesh/meshes", run="small", tag="val/case_4", sample=0)
    steps = [entry["step"] for entry in entries]
    assert steps == sorted(steps) and set(steps) <= set(ENDS) and ENDS[-1] in steps
    last = {"run": "small", "tag": "val/case_4", "sample": 0, "step": ENDS[-1]}
    vertices = np.frombuffer(ask("plugin/mesh/data", **last, content_type="VERTEX"), np.float32).reshape(
        -1, 3
    )
    colors = ask("plugin/mesh/data", **last, content_type="COLOR")
    faces = np.frombuffer(ask("plugin/mesh/data", **last, content_type="FACE"), np.int32)
    assert faces.max() == len(vertices) - 1 and len(colors) == 3 * len(vertices)
    assert np.ptp(vertices[:, 1]) == pytest.approx(48, abs=6)  # head to foot


def test_hyperparameters_stand_beside_the_metrics_of_the_run(dashboard):
    folder, ask = dashboard
    query = {
        "startIndex": 0,
        "sliceSize": 10,
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS"],
        "colParams": [{"metric": {"group": "", "tag": "val/best_mean_dice"}}],
    }
    (session,) = json.loads(ask("plugin/hparams/session_groups", body=query))["sessionGroups"]
    assert session["name"] == "small"
    assert session["hparams"]["learning_rate"] == 0.01 and session["hparams"]["channels"] == "[4, 8, 16, 32]"
    metrics = {entry["name"]["tag"]: entry["value"] for entry in session["metricValues"]}
    best = max(row["val_mean_dice"] for row in read_curves(folder / "curves.csv"))
    assert metrics["val/best_mean_dice"] == pytest.approx(best, rel=1e-5)


def test_config_and_versions_are_there_as_text(dashboard):
    _, ask = dashboard
    config, versions = (
        read(ask, "plugin/text/text", run="small", tag=f"run/{name}/text_summary")
        for name in ("config", "versions")
    )
    assert "&quot;shown_interval&quot;: 1" in config[-1]["text"]
    assert "<td>MONAI</td>" in versions[-1]["text"] and "<td>CPU</td>" in versions[-1]["text"]
