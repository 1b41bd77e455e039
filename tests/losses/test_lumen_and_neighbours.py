"""The losses of native resolution against answers known beforehand."""

import pytest
import torch
from monai.losses import DiceCELoss

from bundle.losses import ArteryOrVein, BesidePlaque, BoundaryLoss, CenterlineRecall, LumenAndNeighbours


def soft_targets():
    return torch.rand(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_perfect_volume_fraction_beats_a_wrong_one_in_every_channel():
    target = soft_targets()
    loss = LumenAndNeighbours()
    perfect = torch.logit(target.clamp(1e-4, 1 - 1e-4))
    best = float(loss(perfect, target))
    for channel in range(3):
        wrong = perfect.clone()
        wrong[:, channel] += 1.0
        assert float(loss(wrong, target)) > best + 0.01


def test_without_weight_only_the_lumen_counts_as_in_the_default_training():
    target, logits = soft_targets(), torch.zeros(2, 3, 8, 8, 8)
    other = logits.clone()
    other[:, 1:] = 5.0
    loss = LumenAndNeighbours(neighbours=0.0)
    assert loss(logits, target) == loss(other, target)
    default = DiceCELoss(sigmoid=True, squared_pred=True, batch=True)
    torch.testing.assert_close(loss(logits, target), default(logits[:, :1], target[:, :1]))


def test_a_missed_thin_vessel_costs_as_much_centreline_as_a_wide_one():
    lumen = torch.zeros(1, 1, 32, 32, 32)
    lumen[..., 4:12, 4:12] = 1  # a wide and a thin vessel of the same length
    lumen[..., 24, 24] = 1
    line = torch.zeros_like(lumen)
    line[..., 8, 8] = line[..., 24, 24] = 1
    full = 20 * lumen - 10
    wide, thin = full.clone(), full.clone()
    wide[..., :16, :16] = -10
    thin[..., 16:, 16:] = -10
    recall = CenterlineRecall()
    assert float(recall(full, line)) < 1e-3
    assert float(recall(wide, line)) == pytest.approx(0.5, abs=0.02)
    assert float(recall(thin, line)) == pytest.approx(0.5, abs=0.02)
    targets = torch.cat([lumen, line], 1)
    difference = LumenAndNeighbours(recall=0.5)(thin, targets) - LumenAndNeighbours()(thin, targets)
    assert float(difference) == pytest.approx(0.25, abs=0.01)


def test_the_distance_is_counted_from_the_wall_and_the_true_mask_is_best():
    target = torch.zeros(1, 1, 16, 16, 16)
    target[..., 5:11] = 1
    distance = BoundaryLoss(3).signed_distance(target)[0, 0, 8, 8]
    expected = [3.5, 2.5, 1.5, 0.5, -0.5, -1.5, -2.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    assert distance[1:15].tolist() == expected
    loss = BoundaryLoss(3)
    best = float(loss(20 * target - 10, target))
    for shift in (-2, -1, 1, 2):
        assert float(loss(20 * target.roll(shift, -1) - 10, target)) > best + 0.02
    assert float(loss(torch.zeros_like(target), torch.zeros_like(target))) == 0


def test_beside_plaque_the_true_fraction_is_best_and_elsewhere_nothing_counts():
    lumen = soft_targets()[:, :1].clamp(0.05, 0.95)
    plaque = torch.zeros_like(lumen)
    plaque[:, :, 2, 2, 2] = 1.0
    loss, perfect = BesidePlaque(), torch.logit(lumen)
    best = float(loss(perfect, lumen, plaque))
    for shift in (-0.5, 0.5):
        near, far = perfect.clone(), perfect.clone()
        near[:, :, 1:4, 1:4, 1:4] += shift
        far[:, :, 4:] += shift
        assert float(loss(near, lumen, plaque)) > best + 0.01
        assert float(loss(far, lumen, plaque)) == pytest.approx(best)
    assert float(loss(perfect, lumen, torch.zeros_like(plaque))) == 0


def test_a_vessel_taken_for_the_other_kind_counts_the_more_the_surer_the_mistake():
    artery, vein = torch.zeros(2, 1, 1, 16, 16, 16)
    artery[..., 4, 4], vein[..., 10:13, 10:13] = 1.0, 1.0
    loss, right = ArteryOrVein(), 8 * (artery - 0.5)
    assert float(loss(right, artery, artery, vein)) < 0.02
    for kind in (artery, vein):  # one line of 16 voxels weighs as much as a vein of 144
        wrong = [torch.where(kind > 0, -size * right.sign(), right) for size in (2.0, 4.0, 8.0)]
        costs = [float(loss(logits, artery, artery, vein)) for logits in wrong]
        assert costs == pytest.approx([1.07, 2.02, 4.01], abs=0.02)
    elsewhere = torch.where(artery + vein > 0, right, 9.0)
    assert float(loss(elsewhere, artery, artery, vein)) < 0.02
    assert float(loss(elsewhere, artery, *torch.zeros(2, *vein.shape))) == 0


@pytest.mark.parametrize("term", ["recall", "vessels", "plaque", "cldice", "boundary"])
def test_each_term_has_a_gradient_and_is_seen_as_a_part(term):
    few = (soft_targets()[:, :1] > 0.9).float()
    targets = torch.cat([soft_targets(), few, few.flip(2)], 1)
    logits = torch.zeros(2, 3, 8, 8, 8, requires_grad=True)
    plain, more = LumenAndNeighbours(), LumenAndNeighbours(**{term: 0.5})
    seen = []
    name = {"recall": "centerline"}.get(term, term)
    getattr(more, name).register_forward_hook(lambda *values: seen.append(float(values[2])))
    total = more(logits, targets)
    assert float(total - plain(logits, targets)) == pytest.approx(0.5 * seen[0], abs=1e-5)
    total.backward()
    assert logits.grad.abs().sum() > 0


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match="differ"):
        LumenAndNeighbours()(torch.zeros(1, 3, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4))
