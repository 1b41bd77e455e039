"""What augmentation may and may not do to a scan."""

import pytest
import torch

from bundle.transforms.batch_augment import BatchAugment
from bundle.transforms.batch_warp import affine_matrices, blur_batch, bspline_basis, warp_batch

NONE = {name: 0.0 for name in ("prob_affine", "prob_elastic", "prob_gamma", "prob_contrast")}
NONE |= {name: 0.0 for name in ("prob_brightness", "prob_noise", "prob_blur", "prob_low_res")}
EXTENT = (160.0, 160.0, 80.0)


def batch(count=2, shape=(32, 32, 16), seed=0):
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 1, *shape, generator=random)
    return image, (image > 0.9).float()


def ball(shape=(64, 64, 32), extent=EXTENT, centre=(0.0, 0.0, 0.0), radius_mm=15.0):
    """A ball, in the millimetres of the field of view, with a soft edge."""
    axes = [((torch.arange(n) + 0.5) / n - 0.5) * e - c for n, e, c in zip(shape, extent, centre)]
    x, y, z = torch.meshgrid(*axes, indexing="ij")
    distance = (x**2 + y**2 + z**2).sqrt()
    return ((radius_mm - distance) / 2.5 + 0.5).clamp(0, 1)[None, None]


def centre_mm(volume, extent=EXTENT):
    """The centre of mass of a (1, 1, X, Y, Z) volume, in mm from the middle."""
    weights, found = volume[0, 0].double(), []
    for axis in range(3):
        other = [a for a in range(3) if a != axis]
        n = weights.shape[axis]
        position = ((torch.arange(n) + 0.5) / n - 0.5) * extent[axis]
        found.append(float((weights.sum(dim=other) * position).sum() / weights.sum()))
    return found


def test_the_same_step_gives_the_same_batch_and_another_step_another():
    image, label = batch()
    first, again, other = (BatchAugment()(image, label, step, seed=3) for step in (5, 5, 6))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_another_seed_gives_another_batch():
    image, label = batch()
    assert not torch.equal(
        BatchAugment()(image, label, 5, seed=1)[0], BatchAugment()(image, label, 5, seed=2)[0]
    )


def test_the_global_random_state_is_neither_read_nor_changed():
    image, label = batch()
    torch.manual_seed(1)
    first = BatchAugment()(image, label, 5)[0]
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(first, BatchAugment()(image, label, 5)[0])
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())


def test_with_all_probabilities_zero_nothing_changes():
    image, label = batch()
    out = BatchAugment(**NONE)(image, label, 1)
    assert torch.equal(out[0], image) and torch.equal(out[1], label)


def test_items_of_a_batch_differ():
    image, label = batch(1)
    out, _ = BatchAugment(prob_affine=1.0)(image.repeat(2, 1, 1, 1, 1), label.repeat(2, 1, 1, 1, 1), 1)
    assert not torch.allclose(out[0], out[1], atol=0.05)


@pytest.mark.parametrize("step", range(6))
def test_shapes_types_and_ranges_are_kept(step):
    image, label = batch(3)
    out_image, out_label = BatchAugment()(image, label, step)
    assert out_image.shape == image.shape and out_image.dtype == image.dtype
    assert out_label.shape == label.shape and out_label.dtype == label.dtype
    assert out_image.min() >= 0 and out_image.max() <= 1
    assert out_label.min() >= 0 and out_label.max() <= 1


@pytest.mark.parametrize("step", range(4))
def test_the_label_moves_with_the_image(step):
    image = ball(centre=(20.0, -10.0, 5.0))
    geometry = NONE | {"prob_affine": 1.0, "prob_elastic": 1.0, "extent_mm": EXTENT}
    out_image, out_label = BatchAugment(**geometry)(image, image.clone(), step)
    assert out_label.sum() > 100
    torch.testing.assert_close(out_image, out_label)


def test_a_thin_vessel_keeps_its_volume():
    x, y, _ = torch.meshgrid(torch.arange(64), torch.arange(64), torch.arange(32), indexing="ij")
    vessel = (torch.hypot(x - 31.5, y - 31.5) < 1.0)[None, None].float()  # two voxels wide
    rigid = NONE | {"prob_affine": 1.0, "scale": (1.0, 1.0), "scale_axis": 0.0, "shear": 0.0}
    volumes = [BatchAugment(**rigid)(vessel, vessel, step)[1].sum() / vessel.sum() for step in range(8)]
    assert sum(volumes) / 8 == pytest.approx(1.0, abs=0.03)


def test_rotation_keeps_the_shape_of_a_ball_though_voxels_are_not_cubes():
    image = ball(centre=(30.0, 0.0, 0.0))
    matrices = affine_matrices(torch.tensor([[0.0, 0.0, torch.pi / 2]]), torch.ones(1, 3), torch.zeros(1, 3))
    out, _ = warp_batch(image, (image >= 0.5).float(), matrices, torch.zeros(1, 3), None, EXTENT)
    found = centre_mm(out)
    assert abs(found[0]) < 0.5 and abs(abs(found[1]) - 30) < 0.5 and abs(found[2]) < 0.5
    assert out.sum() == pytest.approx(float(image.sum()), rel=0.02)

    # About Y, from the fine X axis onto the coarse Z axis: 15 mm stay 15 mm.
    image = ball(centre=(15.0, 0.0, 0.0))
    matrices = affine_matrices(torch.tensor([[0.0, torch.pi / 2, 0.0]]), torch.ones(1, 3), torch.zeros(1, 3))
    out, _ = warp_batch(image, (image >= 0.5).float(), matrices, torch.zeros(1, 3), None, EXTENT)
    found = centre_mm(out)
    assert abs(found[0]) < 0.5 and abs(abs(found[2]) - 15) < 0.5


def test_scale_two_makes_a_ball_eight_times_as_large():
    image = ball()
    matrices = affine_matrices(torch.zeros(1, 3), torch.full((1, 3), 2.0), torch.zeros(1, 3))
    _, label = warp_batch(image, (image >= 0.5).float(), matrices, torch.zeros(1, 3), None, EXTENT)
    assert float(label.sum() / (image >= 0.5).sum()) == pytest.approx(8.0, rel=0.05)


def test_shift_is_in_millimetres():
    image = ball()
    identity = torch.eye(3)[None]
    out, _ = warp_batch(
        image, (image >= 0.5).float(), identity, torch.tensor([[12.0, -8.0, 6.0]]), None, EXTENT
    )
    assert centre_mm(out) == pytest.approx([-12.0, 8.0, -6.0], abs=0.3)


def test_equal_control_points_are_a_shift_along_their_axis():
    image = ball()
    controls = torch.zeros(1, 3, 9, 9, 7)
    controls[:, 0], controls[:, 2] = 10.0, -4.0
    out, _ = warp_batch(
        image, (image >= 0.5).float(), torch.eye(3)[None], torch.zeros(1, 3), controls, EXTENT
    )
    assert centre_mm(out) == pytest.approx([-10.0, 0.0, 4.0], abs=0.3)


def test_bsplines_sum_to_one_and_reproduce_a_line():
    basis = bspline_basis(40, 8)
    torch.testing.assert_close(basis.sum(1), torch.ones(40))
    line = basis @ (torch.arange(8.0) - 1)
    torch.testing.assert_close(line, (torch.arange(40) + 0.5) / 40 * 5, atol=1e-5, rtol=1e-5)


def test_outside_of_the_volume_the_border_goes_on():
    image = torch.full((1, 1, 16, 16, 8), 0.4)
    away = torch.tensor([[500.0, 0.0, 0.0]])
    out, _ = warp_batch(image, (image >= 0.5).float(), torch.eye(3)[None], away, None, EXTENT)
    torch.testing.assert_close(out, image)


def test_left_and_right_are_not_exchanged_unless_asked():
    image = ball(centre=(40.0, 0.0, 0.0))
    label = (image >= 0.5).float()
    geometry = NONE | {"prob_affine": 1.0, "extent_mm": EXTENT}
    for step in range(8):
        assert centre_mm(BatchAugment(**geometry)(image, label, step)[0])[0] > 10
    mirrored = BatchAugment(**NONE, flip_prob=(1.0, 0.0, 0.0))(image, label, 0)[1]
    torch.testing.assert_close(mirrored, label.flip(2))


def test_noise_has_the_sigma_asked_for():
    image = torch.full((1, 1, 32, 32, 32), 0.5)
    out, _ = BatchAugment(**NONE | {"prob_noise": 1.0}, noise=(0.03, 0.03))(image, image, 1)
    assert float((out - image).std()) == pytest.approx(0.03, rel=0.03)


def test_blur_spreads_a_point_by_its_sigma_and_keeps_its_sum():
    image = torch.zeros(2, 1, 21, 21, 21)
    image[:, :, 10, 10, 10] = 1.0
    out = blur_batch(image, torch.tensor([1.2, 0.0]))
    assert float(out[0].sum()) == pytest.approx(1.0, abs=1e-4)
    position = torch.arange(21.0) - 10
    for axis in (1, 2, 3):
        profile = out[0].sum(dim=[a for a in range(4) if a != axis])
        assert float((profile * position**2).sum()) == pytest.approx(1.2**2, rel=0.05)
    torch.testing.assert_close(out[1], image[1])


def test_low_resolution_removes_detail_and_keeps_the_mean():
    image, label = batch(1)
    out, _ = BatchAugment(**NONE | {"prob_low_res": 1.0}, low_res=(0.5, 0.5))(image, label, 1)
    assert out.std() < 0.6 * image.std()
    assert float(out.mean()) == pytest.approx(float(image.mean()), abs=0.01)


def test_gamma_contrast_and_brightness_leave_the_label_alone():
    image, label = batch()
    tones = NONE | {"prob_gamma": 1.0, "prob_contrast": 1.0, "prob_brightness": 1.0}
    out_image, out_label = BatchAugment(**tones)(image, label, 1)
    assert torch.equal(out_label, label) and not torch.equal(out_image, image)


def test_image_and_label_of_different_grids_are_refused():
    with pytest.raises(ValueError, match="one batch and grid"):
        BatchAugment()(torch.zeros(1, 1, 8, 8, 8), torch.zeros(1, 1, 8, 8, 4), 0)
