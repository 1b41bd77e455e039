"""The loss of lumen and neighbours against answers known beforehand."""

import pytest
import torch

from bundle.losses import LumenAndNeighbours


def soft_targets():
    return torch.rand(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_perfect_share_beats_a_wrong_one_in_every_channel():
    target = soft_targets()
    loss = LumenAndNeighbours()
    perfect = torch.logit(target.clamp(1e-4, 1 - 1e-4))
    best = float(loss(perfect, target))
    for channel in range(3):
        wrong = perfect.clone()
        wrong[:, channel] += 1.0
        assert float(loss(wrong, target)) > best + 0.01


def test_without_weight_only_the_lumen_counts():
    target, logits = soft_targets(), torch.zeros(2, 3, 8, 8, 8)
    other = logits.clone()
    other[:, 1:] = 5.0
    loss = LumenAndNeighbours(weight=0.0)
    assert loss(logits, target) == loss(other, target)
    assert len(loss.parts) == 3


def test_a_missed_thin_vessel_costs_as_much_centreline_as_a_wide_one():
    targets = torch.zeros(1, 2, 32, 32, 32)
    targets[:, 0, :, 4:12, 4:12] = 1  # a wide and a thin vessel of the same length
    targets[:, 0, :, 24, 24] = 1
    targets[:, 1, :, 8, 8] = targets[:, 1, :, 24, 24] = 1
    full = 20 * targets[:, :1] - 10
    wide, thin = full.clone(), full.clone()
    wide[:, :, :, :16, :16] = -10
    thin[:, :, :, 16:, 16:] = -10
    loss = LumenAndNeighbours(recall_weight=0.5)
    costs = {}
    for name, logits in (("full", full), ("wide missed", wide), ("thin missed", thin)):
        loss(logits, targets)
        costs[name] = float(loss.parts[-1])
    assert costs["full"] < 1e-3
    assert costs["wide missed"] == pytest.approx(0.5, abs=0.02)
    assert costs["thin missed"] == pytest.approx(0.5, abs=0.02)
    without = LumenAndNeighbours()(thin, targets)
    assert float(loss(thin, targets) - without) == pytest.approx(0.25, abs=0.01)


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match="differ"):
        LumenAndNeighbours()(torch.zeros(1, 3, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4))
