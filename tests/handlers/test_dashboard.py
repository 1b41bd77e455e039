"""What the dashboards of a training run show, each panel alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.engines import SupervisedEvaluator
from monai.handlers import from_engine
from monai.losses import DeepSupervisionLoss, DiceCELoss
from small_run import ROOT

from bundle.handlers.training.dashboard.dashboard import list_output
from bundle.handlers.training.dashboard.overlays import (
    BOTH,
    FALSE,
    MISSED,
    PANEL,
    overlay_pictures,
    projection,
)
from bundle.handlers.training.dashboard.precision_recall import PrecisionRecall, precision_recall
from bundle.handlers.training.dashboard.shown_cases import LEVEL, Case, is_shown, scene
from bundle.handlers.training.dashboard.speed import peak_memory_gib
from bundle.handlers.training.dashboard.step_figures import GradientNorm, ValidationLoss, watch_parts


def test_projections_are_as_a_radiologist_sees_them():
    # RAS: the patient's right is at high x, the front at high y, the head at high z.
    volume = np.zeros((8, 6, 4), np.float32)
    volume[7, 5, 3] = 1.0
    seen = [projection(volume, axis) for axis in range(3)]
    assert [picture.shape for picture in seen] == [(4, 6), (4, 8), (6, 8)]
    # What lies right, in front and at the head is seen at the upper left in all three.
    assert all(np.argwhere(picture).tolist() == [[0, 0]] for picture in seen)


def test_overlays_have_the_patients_proportions():
    truth = np.zeros((20, 20, 10), bool)
    truth[5:15, 5:15, 2:8] = True  # 10 x 10 x 18 mm with the voxels below
    image = np.full(truth.shape, 0.5, np.float32)
    pictures = overlay_pictures(image, truth, truth, (1.0, 1.0, 3.0))
    for name, width_mm, height_mm in (("axial", 10, 10), ("coronal", 10, 18), ("sagittal", 10, 18)):
        found = np.argwhere((pictures[name] == BOTH).all(-1)[24:-24])  # without the legend
        rows, columns = np.ptp(found, axis=0) + 1
        assert rows / columns == pytest.approx(height_mm / width_mm, rel=0.02)
        assert pictures[name].shape[1] == PANEL


def test_found_missed_and_false_have_their_colours():
    truth, prediction = np.zeros((2, 4, 4, 4), bool)
    truth[:2], prediction[1:3] = True, True
    picture = overlay_pictures(np.zeros(truth.shape), truth, prediction, (1, 1, 1))["axial"][24:-24]
    # From right to left in the patient, so from low x on the right of the picture.
    columns = picture[PANEL // 3, PANEL // 8 :: PANEL // 4][::-1]
    assert [tuple(color) for color in columns.tolist()] == [MISSED, BOTH, FALSE, (0, 0, 0)]


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],  # protanopia
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],  # deuteranopia
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],  # tritanopia
    ],
)
def test_colour_blind_people_tell_the_colours_apart(matrix):
    """With the matrices of Machado, Oliveira and Fernandes (IEEE TVCG 2009), severity 1, on linear RGB."""
    greys = [(level,) * 3 for level in (0, 100, 204)]
    linear = (np.array([MISSED, FALSE, BOTH, *greys]) / 255) ** 2.2
    seen = 255 * np.clip(linear @ np.transpose(matrix), 0, 1) ** (1 / 2.2)
    assert all(np.abs(a - b).max() > 50 for a, b in itertools.combinations(seen[:3], 2))
    assert all(np.abs(color - grey).max() > 30 for color in seen[:3] for grey in seen[3:])


def test_shown_are_the_first_the_last_and_one_every_few_epochs():
    shown = [epoch for epoch in range(4, 51, 4) if is_shown(epoch, 50, every=10, val_interval=4)]
    assert shown == [4, 12, 20, 32, 40, 48]
    assert [epoch for epoch in range(1, 8) if is_shown(epoch, 7, every=3, val_interval=1)] == [1, 3, 6, 7]


def ball(center_mm, affine, shape=(40, 40, 20)):
    """A ball of 5 mm about a point in RAS mm, as the share of each voxel."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = grid @ affine[:3, :3].T + affine[:3, 3]
    return np.clip(5.5 - np.linalg.norm(points - center_mm, axis=-1), 0, 1).astype(np.float32)


def test_the_mesh_shows_found_missed_and_false_where_they_are():
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (-20, -20, -20)  # the middle of the volume lies half a voxel off the origin
    right, left, front = (10, 0, 0), (-10, 0, 0), (0, 10, 0)
    truth = ball(right, affine) + ball(front, affine)
    prediction = ball(right, affine) + ball(left, affine)
    points, faces, rgb = scene(Case("1", truth, truth, prediction, affine))
    assert faces.max() == len(points) - 1
    # The viewer looks from the front: the patient's right is on its left, the front is near.
    for color, middle in ((BOTH, (-10, 0, 0)), (FALSE, (10, 0, 0)), (MISSED, (0, 0, 10))):
        own = points[(rgb == color).all(axis=1)]
        assert own.mean(axis=0) == pytest.approx(np.array(middle), abs=1.6)
        assert np.linalg.norm(own - own.mean(axis=0), axis=1) == pytest.approx(5.0, abs=1.2)


def test_there_is_no_mesh_of_nothing_and_of_foam():
    nothing, foam = np.zeros((8, 8, 8), np.float32), np.ones((8, 8, 8), np.float32)
    assert scene(Case("1", nothing, nothing, nothing, np.eye(4))) is None
    assert scene(Case("1", nothing, nothing, foam, np.eye(4))) is None


def test_precision_and_recall_of_a_few_voxels():
    # At the thresholds 0, 1/2 and 1: three voxels of artery and four of background.
    curve = precision_recall(artery=np.array([1, 0, 2]), background=np.array([3, 1, 0]))
    assert curve["tp"].tolist() == [3, 2, 2] and curve["fp"].tolist() == [4, 1, 0]
    assert curve["fn"].tolist() == [0, 1, 1] and curve["tn"].tolist() == [0, 3, 4]
    assert curve["precision"] == pytest.approx([3 / 7, 2 / 3, 1])
    assert curve["recall"] == pytest.approx([1, 2 / 3, 2 / 3])


def validate(batches, *handlers):
    """Run an evaluator whose network gives the image back, so that it is the logits."""
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"), val_data_loader=batches, network=torch.nn.Identity()
    )
    for handler in handlers:
        handler.attach(evaluator)
    evaluator.run()
    return evaluator.state.metrics


def test_the_validation_loss_is_the_mean_over_cases_however_they_are_batched():
    torch.manual_seed(0)
    logits, label = torch.randn(3, 1, 4, 4, 4), torch.rand(3, 1, 4, 4, 4)
    loss = DiceCELoss(sigmoid=True)
    batches = [{"image": logits[i], "label": label[i]} for i in (slice(0, 2), slice(2, 3))]
    metrics = validate(batches, ValidationLoss(loss))
    cases = [{"image": logits[i : i + 1], "label": label[i : i + 1]} for i in range(3)]
    assert metrics == pytest.approx(validate(cases, ValidationLoss(loss)))
    assert metrics["val_loss"] == pytest.approx(float(loss(logits, label)))
    parts = metrics["val_loss_dice"] + metrics["val_loss_binary_cross_entropy"]
    assert parts == pytest.approx(metrics["val_loss"])


@pytest.mark.parametrize(("sign", "expected"), [(1, 1.0), (-1, 0.1)])
def test_the_average_precision_of_a_perfect_and_of_a_reversed_network(sign, expected):
    label = torch.zeros(1, 1, 10, 10, 10)
    label[:, :, 0] = 1
    metrics = validate([{"image": sign * (2 * label - 1), "label": label}], PrecisionRecall())
    assert metrics["val_average_precision"] == pytest.approx(expected)


def test_deep_supervision_gives_the_part_of_the_finest_level_and_a_function_none():
    loss = DeepSupervisionLoss(DiceCELoss(sigmoid=True))
    parts = watch_parts(loss)
    fine, coarse, label = torch.randn(1, 1, 8, 8, 8), torch.randn(1, 1, 4, 4, 4), torch.ones(1, 1, 8, 8, 8)
    loss([fine, coarse], label)
    assert float(parts["loss"]) == pytest.approx(float(loss.loss(fine, label)))
    assert watch_parts(torch.nn.functional.l1_loss) == {}


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_the_gradient_norm_is_that_of_the_unscaled_loss(scale):
    network = torch.nn.Linear(2, 1, bias=False)
    engine = Engine(lambda e, b: None)
    engine.scaler = None if scale is None else torch.amp.GradScaler("cpu", init_scale=scale)
    loss = network(torch.tensor([[3.0, 4.0]])).sum()
    (loss if scale is None else engine.scaler.scale(loss)).backward()
    engine.state.output = {}
    GradientNorm(network)(engine)
    assert float(engine.state.output["gradient_norm"]) == pytest.approx(5.0)


def test_memory_is_that_of_the_process():
    before = peak_memory_gib("cpu")
    held = np.ones(int((before + 0.25) * 2**30 / 8))
    assert peak_memory_gib("cpu") - before > 0.2 and held.sum() > 0


def test_monais_handlers_find_the_loss_in_the_output():
    seen = []
    engine = Engine(lambda e, b: {"loss": b})
    engine.add_event_handler(Events.ITERATION_COMPLETED, list_output)
    read = from_engine(["loss"], first=True)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda e: seen.append(read(e.state.output)))
    engine.run([1.0, 2.0])
    assert seen == [1.0, 2.0]


def test_meshes_are_cut_at_the_threshold_of_inference():
    config = ConfigParser.load_config_file(ROOT / "configs" / "inference.yaml")
    assert config["threshold_upper"] == LEVEL
