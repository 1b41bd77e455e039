"""One reader for scans, masks and probabilities: what nibabel and ITK say, or one sentence."""

import gc
import struct

import itk
import nibabel as nib
import numpy as np
import pytest
from nibabel import cifti2

from bundle.common.errors import InputError
from bundle.common.nifti import write_nifti
from bundle.data.readers import read_volume

SHAPE = (12, 10, 8)
TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, -1.0]])  # oblique, and z flipped
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = TURN * [0.4, 0.5, 0.75]
OBLIQUE[:3, 3] = [5, -7, 100]
LPS = np.diag([-1.0, -1, 1, 1])


def numbers(dtype=np.int16):
    return np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype) % 200


def nifti(path, array=None, affine=OBLIQUE):
    nib.save(nib.Nifti1Image(numbers() if array is None else array, affine), path)
    return path


def with_itk(path, array=None, affine=OBLIQUE, compression=False):
    image = itk.image_from_array((numbers() if array is None else array).T.copy())
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing)
    image.SetOrigin(lps[:3, 3])
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(lps[:3, :3] / spacing)))
    itk.imwrite(image, path, compression=compression)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd", "a.nhdr"])
def test_every_format_gives_the_same_array_in_its_own_type_and_the_same_affine(tmp_path, name, dtype):
    write = nifti if ".nii" in name else with_itk
    array, affine = read_volume(write(tmp_path / name, numbers(dtype)))
    gc.collect()  # the array needs no file and no image to live on
    (tmp_path / name).unlink()
    assert array.dtype == dtype and type(array) is np.ndarray
    np.testing.assert_array_equal(array, numbers(dtype))
    np.testing.assert_allclose(affine, OBLIQUE, atol=1e-5)


@pytest.mark.parametrize("axis", range(3))
def test_a_flipped_axis_stays_flipped(tmp_path, axis):
    affine = OBLIQUE @ np.diag([-1.0 if i == axis else 1.0 for i in range(4)])
    for path in (nifti(tmp_path / "a.nii.gz", affine=affine), with_itk(tmp_path / "a.nrrd", affine=affine)):
        np.testing.assert_allclose(read_volume(path)[1], affine, atol=1e-5)


def test_nibabel_and_itk_agree(tmp_path):
    """The voxel (3, 4, 5) of each file lies where the library itself says."""
    _, affine = read_volume(nifti(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(affine, nib.load(tmp_path / "a.nii.gz").affine)
    for name in ("a.nrrd", "a.mha"):
        path = with_itk(tmp_path / name, compression=True)
        place = np.array(itk.imread(path).TransformIndexToPhysicalPoint([3, 4, 5]))
        np.testing.assert_allclose((LPS @ read_volume(path)[1] @ [3, 4, 5, 1])[:3], place, atol=1e-6)


def test_a_big_endian_file_comes_in_the_machines_own_order(tmp_path):
    image = nib.Nifti1Image(numbers(), OBLIQUE).header.as_byteswapped(">")
    nib.save(nib.Nifti1Image(numbers(), None, image), tmp_path / "a.nii")
    array, _ = read_volume(tmp_path / "a.nii")
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, numbers())


def test_a_probability_stored_as_bytes_comes_as_0_to_1(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", numbers(np.uint8), OBLIQUE, slope=1 / 255)
    array, _ = read_volume(tmp_path / "a.nii.gz")
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, numbers(np.uint8) / 255, rtol=1e-6)


@pytest.mark.parametrize("write", [nifti, with_itk])
def test_a_fourth_axis_of_1_is_dropped(tmp_path, write):
    path = tmp_path / ("a.nii.gz" if write is nifti else "a.nrrd")
    if write is nifti:
        nifti(path, numbers()[..., None])
    else:
        itk.imwrite(itk.image_from_array(np.ascontiguousarray(numbers(np.float32).T[None])), path)
    array, affine = read_volume(path)
    np.testing.assert_array_equal(array, numbers())
    assert affine.shape == (4, 4)


def test_an_empty_and_a_constant_mask_are_masks(tmp_path):
    for value in (0, 1):
        array, _ = read_volume(nifti(tmp_path / "a.nii.gz", np.full(SHAPE, value, np.uint8)))
        assert array.dtype == np.uint8 and (array == value).all()


def stated_mm(path, value):
    raw = bytearray(path.read_bytes())
    struct.pack_into("<f", raw, 80, value)  # pixdim[1]
    path.write_bytes(raw)


def test_the_qform_counts_where_only_it_has_the_stated_voxels(tmp_path):
    image = nib.Nifti1Image(numbers(), OBLIQUE)
    image.set_qform(OBLIQUE, 1)
    image.set_sform(np.diag([9.0, 9, 9, 1]), 1)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii")[1], OBLIQUE, atol=1e-5)


def test_without_a_qform_the_sform_counts_whatever_the_stated_voxels(tmp_path):
    """A qform that the file does not have is an identity: it would turn the scan."""
    path = nifti(tmp_path / "a.nii")
    stated_mm(path, 0.9)
    np.testing.assert_allclose(read_volume(path)[1], OBLIQUE, atol=1e-5)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])
    return path


def text(path):
    path.write_text("this is not an image, whatever its name says\n" * 20)
    return path


def empty(path):
    path.touch()
    return path


def long_word(path):
    raw = with_itk(path).read_bytes()
    path.write_bytes(raw.replace(b"kinds: domain", b"kinds: " + b"A" * 5000))
    return path


def cifti(path):
    voxels = cifti2.BrainModelAxis.from_mask(np.ones((3, 3, 3), bool), affine=np.eye(4))
    nib.save(cifti2.Cifti2Image(np.zeros((1, 27)), (cifti2.ScalarAxis(["a"]), voxels)), path)
    return path


BAD = {
    "missing": (lambda d: d / "a.nii.gz", "does not exist"),
    "a folder": (lambda d: d, "is a folder"),
    "another kind": (lambda d: text(d / "a.txt"), "is not an image file: expected one that ends in .nii.gz"),
    "empty": (lambda d: empty(d / "a.nii.gz"), "is empty (0 bytes)"),
    "truncated nii.gz": (lambda d: cut(nifti(d / "a.nii.gz")), "is a truncated gzip file"),
    "truncated nrrd": (lambda d: cut(with_itk(d / "a.nrrd")), "is damaged or cut short"),
    "truncated mha": (lambda d: cut(with_itk(d / "a.mha")), "is damaged or cut short"),
    "text": (lambda d: text(d / "a.nii.gz"), "is not an image that can be read"),
    "a word of 5,000 letters": (lambda d: long_word(d / "a.nrrd"), "header that cannot be used"),
    "CIFTI": (lambda d: cifti(d / "a.dscalar.nii"), "is not an image that can be read"),
    "4-D": (lambda d: nifti(d / "a.nii.gz", np.zeros((*SHAPE, 2))), "is 4-D with 12x10x8x2 voxels"),
    "NaN": (lambda d: nifti(d / "a.nii.gz", np.full(SHAPE, np.nan)), "960 voxels that are NaN or infinite"),
    "1e300": (lambda d: nifti(d / "a.nii.gz", np.full(SHAPE, 1e300)), "has values beyond 3.40282e+38"),
    "a plane": (lambda d: nifti(d / "a.nii.gz", affine=np.diag([1, 1, 1e-9, 1])), "voxels of 1 x 1 x 1e-09"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_sentence_that_names_the_file(tmp_path, kind):
    make, words = BAD[kind]
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert words in str(caught.value) and f"'{path}'" in str(caught.value) and "\n" not in str(caught.value)
