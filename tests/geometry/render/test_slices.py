import numpy as np
import pytest
from PIL import Image

from bundle.geometry.render.slices import OUTLINE, overlay_picture, shown_slices, slices_of


def volume(shape, spacing):
    """RAS mm of every voxel's centre, (3, X, Y, Z), from the corner of the volume."""
    return np.stack(np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(shape, spacing)), indexing="ij"))


def test_the_slices_lie_in_the_mask_and_the_highest_comes_first():
    mask = np.zeros((20, 20, 60), bool)
    mask[8:12, 8:12, 15:41] = True
    shown = shown_slices(mask, 8)
    assert len(shown) == 8 and (np.diff(shown) > 0).all() and shown[0] >= 15 and shown[-1] <= 40
    slices = slices_of(lambda height: np.zeros((20, 20)), mask, [1, 1, 0.5])
    assert list(slices.heights_mm) == sorted(slices.heights_mm, reverse=True)
    assert slices.heights_mm[0] <= 12.5 and slices.heights_mm[-1] >= 0


def test_of_an_empty_mask_there_are_none():
    assert slices_of(lambda height: np.zeros((4, 4)), np.zeros((4, 4, 4), bool), [1, 1, 1]) is None


@pytest.mark.parametrize("coarser", [1, 2, 4])
def test_a_coarser_image_lies_on_the_mask(coarser):
    # A bright rod of 6 mm, and its mask on a grid that is finer than the image's.
    shape, spacing = np.array([96, 96, 48]), np.array([0.5, 0.5, 0.5])
    x, y, _ = volume(shape, spacing)
    mask = np.hypot(x - 20, y - 30) < 6
    x, y, _ = volume(shape // coarser, spacing * coarser)
    image = np.clip(0.5 + (6 - np.hypot(x - 20, y - 30)) / coarser, 0, 1)
    slices = slices_of(lambda height: image[:, :, int(height * image.shape[2])], mask, spacing)
    for picture, outline in zip(slices.image, slices.mask):
        both = (picture > 0.5) & outline
        assert 2 * both.sum() / ((picture > 0.5).sum() + outline.sum()) > 0.95


def test_the_patients_right_is_on_the_left_and_the_front_is_up(tmp_path):
    mask = np.zeros((60, 40, 4), bool)
    mask[50:55, 30:35] = True  # axes to the patient's right and front
    mask[5, 5] = True  # the other corner
    slices = slices_of(lambda height: np.zeros((60, 40)), mask, [1, 1, 1], count=1)
    overlay_picture(slices, tmp_path / "a.png", "case")
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    rows, columns = np.nonzero(np.abs(picture - OUTLINE).sum(axis=2) < 20)
    height, width = picture.shape[:2]
    large = np.bincount(2 * (rows < height / 2) + (columns < width / 2), minlength=4)
    assert large.argmax() == 3
