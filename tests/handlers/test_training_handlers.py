"""The handlers of a training run, each alone."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bundle.handlers.training.dashboard.curves import Curves, read_curves
from bundle.handlers.training.dashboard.writer import RunWriter
from bundle.handlers.training.reproducible import AugmentedBatch, Reproducible
from bundle.handlers.training.stop import EarlyStop
from bundle.transforms.batch_augment import BatchAugment


def test_a_batch_becomes_plain_float_tensors():
    shape = (1, 1, 4, 4, 4)
    batch = {"image": MetaTensor(torch.rand(shape)), "label": torch.ones(shape, dtype=torch.uint8)}
    image, label = AugmentedBatch()(batch, torch.device("cpu"))
    assert type(image) is torch.Tensor and type(label) is torch.Tensor
    assert image.dtype == label.dtype == torch.float32


def draws(start_epoch, epochs, length=3):
    """What an engine that starts after ``start_epoch`` draws at each of its steps."""
    drawn = []
    prepare = AugmentedBatch(BatchAugment())
    engine = Engine(lambda e, b: drawn.append((prepare.step, float(torch.rand(())))))
    Reproducible(seed=7, prepare_batch=prepare).attach(engine)

    @engine.on(Events.STARTED)
    def restore(e):
        e.state.epoch, e.state.iteration = start_epoch, start_epoch * length

    engine.run(range(length), max_epochs=epochs)
    return drawn


def test_random_numbers_depend_on_the_step_alone():
    whole = draws(0, 4)
    assert [step for step, _ in whole] == list(range(1, 13))
    torch.rand(5)
    assert draws(2, 4) == whole[6:]
    assert len({value for _, value in whole}) == 12


@pytest.mark.parametrize(
    ("best", "epoch", "stops"), [(10, 11, False), (10, 12, False), (10, 14, True), (-1, 99, False)]
)
def test_early_stop_counts_validations_since_the_best(best, epoch, stops):
    trainer, validator = Engine(lambda e, b: None), Engine(lambda e, b: None)
    validator.state.best_metric_epoch, trainer.state.epoch = best, epoch
    EarlyStop(validator, patience=2, interval=2)(trainer)
    assert bool(trainer.should_terminate) == stops


def log_losses(folder, losses, start_epoch=0, epochs=1):
    """Run an engine whose steps give ``losses``, with a Curves on it."""
    validator = Engine(lambda e, b: None)
    parameter = torch.nn.Parameter(torch.zeros(1))
    engine = Engine(lambda e, loss: {"loss": torch.tensor(loss)})
    writer = RunWriter(folder)
    log = Curves(folder, writer, torch.optim.SGD([parameter], lr=0.5), validator, every=2)
    log.attach(engine)

    @engine.on(Events.STARTED)
    def restore(e):
        e.state.epoch, e.state.iteration = start_epoch, start_epoch * len(losses)

    engine.run(losses, max_epochs=epochs)


def test_an_epoch_is_a_row_with_the_mean_of_its_losses(tmp_path):
    log_losses(tmp_path, [1.0, 2.0, 6.0], epochs=2)
    rows = read_curves(tmp_path / "curves.csv")
    assert [(row["epoch"], row["iteration"], row["train_loss"]) for row in rows] == [(1, 3, 3.0), (2, 6, 3.0)]
    assert rows[0]["learning_rate"] == 0.5 and rows[0]["val_mean_dice"] is None


def test_resuming_drops_the_rows_after_the_checkpoint(tmp_path):
    log_losses(tmp_path, [1.0, 3.0], epochs=4)
    with open(tmp_path / "curves.csv", "a") as file:
        file.write("5,10,0.")  # a kill cut this line short
    log_losses(tmp_path, [5.0, 7.0], start_epoch=2, epochs=3)
    assert [row["train_loss"] for row in read_curves(tmp_path / "curves.csv")] == [2.0, 2.0, 6.0]


def test_every_number_of_the_output_is_written_at_its_own_step(tmp_path):
    engine = Engine(lambda e, b: {"loss": torch.tensor(2.0 * b), "part": torch.tensor(1.0 * b), "pred": [0]})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    Curves(tmp_path, RunWriter(tmp_path), optimizer, Engine(lambda e, b: None), every=2).attach(engine)
    engine.run([1, 2, float("inf")])
    events = EventAccumulator(str(tmp_path)).Reload()
    points = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in ("train/loss", "train/part")}
    assert points == {
        "train/loss": [(1, 2.0), (2, 4.0), (3, float("inf"))],
        "train/part": [(1, 1.0), (2, 2.0)],  # no point where it is not finite
    }


def test_a_run_without_any_finite_loss_ends_with_a_reason(tmp_path):
    with pytest.raises(RuntimeError, match="lower the learning rate"):
        log_losses(tmp_path, [float("nan"), float("inf")])


def test_a_single_infinite_loss_of_fp16_is_left_out(tmp_path):
    log_losses(tmp_path, [1.0, float("inf"), 3.0])
    assert read_curves(tmp_path / "curves.csv")[0]["train_loss"] == 2.0
