import numpy as np
import pytest

from bundle.geometry.io.masks import read_mask


def test_labels_above_zero_are_lumen_and_it_is_said():
    array = np.zeros((3, 3, 3), np.int16)
    array[0, 0, 0], array[1, 1, 1] = 1, 7
    mask, probability, remarks = read_mask(array)
    assert mask.sum() == 2 and probability is None
    assert "1, 7" in remarks[0] and "all count" in remarks[0]
    assert read_mask(array, label=7)[0].sum() == 1


def test_whole_floats_are_labels():
    mask, probability, remarks = read_mask(np.eye(3)[..., None].repeat(2, axis=2))
    assert mask.sum() == 6 and probability is None and remarks == []


@pytest.mark.parametrize("lowest", [-1024, 0])
def test_a_scan_is_no_mask(lowest):
    scan = np.random.default_rng(0).integers(lowest, 1500, (20, 20, 20))
    with pytest.raises(ValueError, match="a scan and not a mask"):
        read_mask(scan)
    with pytest.raises(ValueError, match="a scan and not a mask"):
        read_mask(scan, label=int(scan[0, 0, 0]))


def test_many_labels_are_a_mask():
    organs = np.arange(1, 118).repeat(100)[: 20 * 20 * 20].reshape(20, 20, 20)  # fills all of the volume
    assert read_mask(organs, label=5)[0].sum() == 100
    specks = np.zeros((20, 20, 20), int)
    specks.flat[::20] = np.arange(1, 401)
    assert read_mask(specks)[0].sum() == 400


def test_fractions_are_a_probability():
    array = np.linspace(0, 1, 27).reshape(3, 3, 3)
    mask, probability, remarks = read_mask(array, threshold=0.4)
    assert (mask == (array >= 0.4)).all() and probability.dtype == np.float32
    assert "probability" in remarks[0]


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.linspace(-3, 8.5, 27).reshape(3, 3, 3), {}, "-3 to 8.5"),
        (np.full((3, 3, 3), np.nan), {}, "NaN"),
        (np.ones((3, 3)), {}, "three axes"),
        (np.ones((3, 3, 3, 2)), {}, "three axes"),
        (np.ones((3, 3, 3), int), {"label": 4}, "label 4"),
        (np.full((3, 3, 3), 0.3), {"label": 1}, "probability"),
    ],
)
def test_what_is_no_mask_is_named(array, options, words):
    with pytest.raises(ValueError, match=words):
        read_mask(array, **options)
