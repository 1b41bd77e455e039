"""Phantoms of a pool as tensors."""

import numpy as np
import pytest
import torch
from monai.data import list_data_collate

from bundle.common.errors import InputError
from bundle.transforms.load_phantom import LoadPhantomd, pool_cases

AFFINE = np.array([[1.4, 0, 0, -80], [0, 1.4, 0, -90], [0, 0, 2.1, 5], [0, 0, 0, 1]])


@pytest.fixture
def pool(tmp_path):
    for seed in (10, 9):
        image = np.full((4, 4, 2), seed, np.int16)
        image[0], image[1], image[2] = -1000, 250, 3000
        label = np.where(image > 1000, 51, 0).astype(np.uint8)
        np.savez(tmp_path / f"{seed}.npz", image=image, label=label, affine=AFFINE)
    (tmp_path / "11.part123").write_bytes(b"being written")
    return tmp_path


def test_cases_are_the_finished_files_in_the_order_of_their_seeds(pool):
    assert [case["case"] for case in pool_cases(pool)] == ["9", "10"]


def test_hu_are_clipped_and_scaled_and_the_label_is_the_volume_fraction_of_lumen(pool):
    case = LoadPhantomd()(pool_cases(pool)[0])
    assert case["image"].shape == (1, 4, 4, 2) and case["image"].dtype == torch.float32
    assert [float(case["image"][0, i, 0, 0]) for i in range(3)] == [0.0, 0.5, 1.0]
    assert case["label"].dtype == torch.float32 and float(case["label"].sum()) == pytest.approx(8 * 0.2)


def test_the_affine_of_the_file_reaches_a_batch(pool):
    """What draws the case in mm reads it there."""
    batch = list_data_collate([LoadPhantomd()(case) for case in pool_cases(pool)])
    for key in ("image", "label"):
        np.testing.assert_array_equal(batch[key].affine, [AFFINE, AFFINE])


def test_an_empty_pool_is_said(tmp_path):
    with pytest.raises(InputError, match="holds no phantoms"):
        pool_cases(tmp_path)
