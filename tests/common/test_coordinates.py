import numpy as np
import pytest
from shapes import rotation

from bundle.common.coordinates import (
    check_affine,
    ras_to_lps,
    shear_deg,
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    voxels_of,
    world_to_voxel,
)

OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = rotation((20, -35, 10)) @ np.diag([-0.4, 0.35, 0.5])
OBLIQUE[:3, 3] = [12.0, -80.0, 33.0]


def test_lps_is_ras_with_left_and_back_positive():
    np.testing.assert_array_equal(ras_to_lps([[1.0, 2.0, 3.0]]), [[-1.0, -2.0, 3.0]])


def test_lps_agrees_with_itk_on_an_oblique_flipped_anisotropic_scan(tmp_path):
    itk = pytest.importorskip("itk")
    nib = pytest.importorskip("nibabel")
    path = str(tmp_path / "scan.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((5, 6, 7), np.uint8), OBLIQUE), path)
    image = itk.imread(path)
    for index in ([0, 0, 0], [4, 1, 6], [2, 5, 3]):
        physical = np.array(image.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(physical, ras_to_lps(voxel_to_world([index], OBLIQUE))[0], atol=1e-4)


def test_world_and_voxels_are_inverse():
    index = np.array([[0.0, 0.0, 0.0], [3.5, 2.25, 9.0]])
    np.testing.assert_allclose(world_to_voxel(voxel_to_world(index, OBLIQUE), OBLIQUE), index, atol=1e-9)


def test_voxel_size_and_volume_ignore_orientation():
    np.testing.assert_allclose(voxel_size_mm(OBLIQUE), [0.4, 0.35, 0.5])
    assert voxel_volume_mm3(OBLIQUE) == pytest.approx(0.4 * 0.35 * 0.5)


def test_shear_is_measured_in_degrees():
    sheared = np.eye(4)
    sheared[0, 1] = np.tan(np.radians(10))
    assert shear_deg(sheared) == pytest.approx(10)
    assert shear_deg(OBLIQUE) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.eye(3), "4x4"),
        (np.diag([1, 1, 0, 1]), "singular"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.diag([1, 1, 1, 2]), "last row"),
    ],
)
def test_an_impossible_affine_is_named(affine, words):
    with pytest.raises(ValueError, match=words):
        check_affine(affine)


@pytest.mark.parametrize("order", ["C", "F"])
def test_voxels_are_listed_in_the_order_of_the_indices(order):
    mask = np.asarray(np.random.default_rng(0).random((5, 7, 6)) > 0.6, order=order)
    np.testing.assert_array_equal(voxels_of(mask), np.argwhere(mask))
