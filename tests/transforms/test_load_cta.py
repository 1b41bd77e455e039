"""Good files load on their own grid; each kind of bad file ends in one sentence that names it."""

import gzip
import struct
import warnings

import itk
import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import list_data_collate
from tube_cases import tube_case

from bundle.common.errors import InputError
from bundle.transforms.load_cta import LoadCTAd

SHAPE = (12, 10, 8)
OBLIQUE = np.array([[0.0, -0.4, 0.1, 5], [0.39, 0.0, 0.0, -7], [0.0, 0.1, 0.6, 100], [0, 0, 0, 1]])


def hu(shape=SHAPE, dtype=np.int16):
    return (np.arange(np.prod(shape)).reshape(shape) - 300).astype(dtype)


def save(path, array=None, affine=OBLIQUE, header=None):
    nib.save(nib.Nifti1Image(hu() if array is None else array, affine, header), path)
    return path


def load(path, key="image"):
    return LoadCTAd([key])({key: str(path)})[key]


# --- good files


def test_loads_where_monai_label_asked_the_loader_for_meta_data_too(tmp_path):
    """It sets image_only to False on the loader of every LoadImaged."""
    path = save(tmp_path / "a.nii.gz")
    transform = LoadCTAd(["image"])
    transform._loader.image_only = False
    torch.testing.assert_close(transform({"image": str(path)})["image"].as_tensor(), load(path).as_tensor())


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "A.NII.GZ"])
@pytest.mark.parametrize("dtype", [np.int16, np.dtype(">i2"), np.uint16, np.float64])
def test_nifti_keeps_values_and_affine(tmp_path, name, dtype):
    array = np.abs(hu()).astype(dtype)
    image = load(save(tmp_path / name, array))
    assert image.shape == (1, *SHAPE) and image.dtype == torch.float32
    np.testing.assert_array_equal(image[0].numpy(), array)
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-5)
    assert image.meta["filename_or_obj"] == str(tmp_path / name)


def test_a_scaled_nifti_comes_in_hounsfield_units(tmp_path):
    path = save(tmp_path / "a.nii")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<2f", raw, 112, 2.0, -1024.0)  # scl_slope and scl_inter
    path.write_bytes(raw)
    np.testing.assert_array_equal(load(path)[0].numpy(), 2.0 * hu() - 1024.0)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "A.MHA", "A.NRRD"])
def test_itk_files_come_in_x_y_z_and_ras(tmp_path, name):
    volume = itk.image_from_array(hu().T.copy())  # ITK's arrays are (z, y, x)
    volume.SetSpacing([0.4, 0.5, 0.6])
    volume.SetOrigin([5.0, -7.0, 100.0])
    itk.imwrite(volume, tmp_path / name.lower())
    (tmp_path / name.lower()).rename(tmp_path / name)
    image = load(tmp_path / name)
    np.testing.assert_array_equal(image[0].numpy(), hu())
    expected = np.diag([-0.4, -0.5, 0.6, 1.0])
    expected[:3, 3] = [-5.0, 7.0, 100.0]  # LPS to RAS turns x and y
    np.testing.assert_allclose(image.affine, expected)
    assert list_data_collate([{"image": image}])["image"].shape == (1, 1, *SHAPE)


def test_a_last_axis_of_one_counts_as_3d(tmp_path):
    image = load(save(tmp_path / "a.nii.gz", hu()[..., None]))
    np.testing.assert_array_equal(image[0].numpy(), hu())


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 14), (0.0, 0.5)])
def test_a_label_is_1_wherever_the_file_is_above_0(tmp_path, values):
    label = np.zeros(SHAPE, type(values[1]) if isinstance(values[1], float) else np.int16)
    label[2:5, 3:6, 1:3] = values[1]
    loaded = load(save(tmp_path / "a.nii.gz", label.astype(np.float32)), "label")
    assert loaded.dtype == torch.uint8 and loaded.shape == (1, *SHAPE)
    np.testing.assert_array_equal(loaded[0].numpy(), label > 0)


def test_a_label_may_be_empty_and_differ_by_rounding(tmp_path):
    save(tmp_path / "i.nii.gz")
    save(tmp_path / "l.nii.gz", np.zeros(SHAPE, np.uint8), OBLIQUE + 1e-4 * np.eye(4)[:, [3, 0, 1, 2]])
    d = LoadCTAd(["image", "label"])({"image": tmp_path / "i.nii.gz", "label": tmp_path / "l.nii.gz"})
    assert not d["label"].any()


def test_both_keys_of_a_case(tmp_path):
    item = tube_case(tmp_path, "1")
    d = LoadCTAd(["image", "label"])(item)
    assert d["case"] == "1" and d["image"].shape == d["label"].shape
    inside, outside = d["image"][d["label"] > 0].mean(), d["image"][d["label"] == 0].mean()
    assert inside > 300 > 100 > outside
    with pytest.raises(KeyError):
        LoadCTAd(["image", "label"])({"image": item["image"]})
    assert "label" not in LoadCTAd(["image", "label"], allow_missing_keys=True)({"image": item["image"]})


# --- bad files: each writer returns the path, the sentence is what the person reads


def text(folder, name="a.nii.gz"):
    path = folder / name
    path.write_text("this is not an image, whatever its name says\n" * 20)
    return path


def cut_gzip(folder):
    rng = np.random.default_rng(0)
    path = save(folder / "a.nii.gz", rng.integers(0, 1000, (32, 32, 32)).astype(np.int16))
    path.write_bytes(path.read_bytes()[:-9000])
    return path


def cut_gzip_header(folder):
    path = save(folder / "a.nii.gz")
    path.write_bytes(path.read_bytes()[:60])
    return path


def cut(folder, name):
    if name.endswith(".nii"):
        path = save(folder / name)
    else:
        path = folder / name
        itk.imwrite(itk.image_from_array(hu()), path)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def empty(folder, name="a.nii.gz"):
    (folder / name).touch()
    return folder / name


def with_value(folder, value):
    array = hu(dtype=np.float32)
    array[1, 2, 3] = value
    return save(folder / "a.nii.gz", array)


def stated_pixdim(folder, value, name="a.nii"):
    path = save(folder / name)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<f", raw, 80, value)  # pixdim[1] of NIfTI-1
    path.write_bytes(raw)
    return path


def sform(folder, rows):
    """A NIfTI whose spacings look well, with these rows for its sform."""
    path = save(folder / "a.nii", affine=np.eye(4))
    raw = bytearray(path.read_bytes())
    struct.pack_into("<12f", raw, 280, *np.ravel(rows))
    path.write_bytes(raw)
    return path


def itk_header(folder, name, old, new):
    volume = itk.image_from_array(hu())
    volume.SetSpacing([1, 2, 3])
    itk.imwrite(volume, folder / name)
    raw = (folder / name).read_bytes()
    assert old in raw
    (folder / name).write_bytes(raw.replace(old, new))
    return folder / name


def itk_write(folder, name, array, **kwargs):
    itk.imwrite(itk.image_from_array(array, **kwargs), folder / name)
    return folder / name


def nan_affine(folder):
    affine = OBLIQUE.copy()
    affine[0, 3] = np.nan
    header = nib.Nifti1Header()
    header.set_sform(affine, 1)
    return save(folder / "a.nii.gz", affine=None, header=header)


def rgb(folder):
    return save(folder / "a.nii.gz", np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]))


BAD = {
    "missing": (lambda d: d / "gone.nii.gz", "does not exist"),
    "folder": (lambda d: d, "is a folder: expected one image file"),
    "other suffix": (lambda d: text(d, "a.txt"), "is not an image file: expected one that ends in .nii.gz"),
    "text as nii.gz": (text, "is not an image that can be read: expected NIfTI, NRRD or MHA"),
    "text as nii": (lambda d: text(d, "a.nii"), "is not an image that can be read"),
    "text as nrrd": (lambda d: text(d, "a.nrrd"), "is not an image that can be read"),
    "text as mha": (lambda d: text(d, "a.mha"), "is not an image that can be read"),
    "truncated gzip": (cut_gzip, "is a truncated gzip file: copy or download it again"),
    "gzip cut in the header": (cut_gzip_header, "is a truncated gzip file"),
    "truncated nii": (lambda d: cut(d, "a.nii"), "is damaged or cut short"),
    "truncated nrrd": (lambda d: cut(d, "a.nrrd"), "is damaged or cut short"),
    "truncated mha": (lambda d: cut(d, "a.mha"), "is damaged or cut short"),
    "empty nii.gz": (empty, "is empty (0 bytes)"),
    "empty nrrd": (lambda d: empty(d, "a.nrrd"), "is empty (0 bytes)"),
    "2-D nifti": (lambda d: save(d / "a.nii.gz", hu((20, 30))), "is 2-D with 20x30 voxels"),
    "2-D nrrd": (lambda d: itk_write(d, "a.nrrd", hu((20, 30))), "is 2-D with 30x20 voxels"),
    "one slice": (lambda d: save(d / "a.nii.gz", hu((20, 30, 1))), "with 20x30x1 voxels: expected a 3-D"),
    "4-D nifti": (lambda d: save(d / "a.nii.gz", hu((*SHAPE, 3))), "is 4-D with 12x10x8x3 voxels"),
    "4-D nrrd": (lambda d: itk_write(d, "a.nrrd", hu((3, 8, 10, 12), np.float32)), "is 4-D with 12x10x8x3"),
    "5-D nifti": (lambda d: save(d / "a.nii.gz", hu((*SHAPE, 1, 3))), "is 5-D with"),
    "RGB nifti": (rgb, "has colour or complex voxels: expected one number a voxel"),
    "vector nrrd": (
        lambda d: itk_write(d, "a.nrrd", np.zeros((*SHAPE, 3), np.float32), is_vector=True),
        "has 3 values a voxel: expected one",
    ),
    "NaN": (lambda d: with_value(d, np.nan), "has 1 voxels that are NaN or infinite"),
    "inf": (lambda d: with_value(d, np.inf), "has 1 voxels that are NaN or infinite"),
    "-inf": (lambda d: with_value(d, -np.inf), "has 1 voxels that are NaN or infinite"),
    "constant": (lambda d: save(d / "a.nii.gz", np.full(SHAPE, 7, np.int16)), "is constant"),
    "constant mha": (lambda d: itk_write(d, "a.mha", np.zeros(SHAPE, np.int16)), "every voxel is 0"),
    "singular affine": (
        lambda d: sform(d, [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]),
        "has a singular affine (voxel axes of 1 x 1 x 1 mm): expected three independent axes",
    ),
    "an axis of length 0": (
        lambda d: sform(d, [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]),
        "has a singular affine (voxel axes of 1 x 0 x 1 mm)",
    ),
    "NaN affine": (nan_affine, "has NaN or infinity in its affine"),
    "pixdim 0": (lambda d: stated_pixdim(d, 0.0), "states a spacing of 0 x"),
    "pixdim -1": (lambda d: stated_pixdim(d, -1.0), "states a spacing of -1 x"),
    "pixdim NaN": (lambda d: stated_pixdim(d, np.nan), "states a spacing of nan x"),
    "mha spacing 0": (
        lambda d: itk_header(d, "a.mha", b"ElementSpacing = 1 2 3", b"ElementSpacing = 1 0 3"),
        "states a spacing of 1 x 0 x 3 mm: expected more than 0",
    ),
    "mha spacing -2": (
        lambda d: itk_header(d, "a.mha", b"ElementSpacing = 1 2 3", b"ElementSpacing = 1 -2 3"),
        "states a spacing of 1 x -2 x 3 mm",
    ),
    "mha singular": (
        lambda d: itk_header(d, "a.mha", b"= 1 0 0 0 1 0 0 0 1", b"= 1 0 0 1 0 0 0 0 1"),
        "has a singular affine",
    ),
    "nrrd spacing 0": (lambda d: itk_header(d, "a.nrrd", b"(0,2,0)", b"(0,0,0)"), "has a singular affine"),
    "nrrd singular": (lambda d: itk_header(d, "a.nrrd", b"(0,2,0)", b"(2,0,0)"), "has a singular affine"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_sentence_that_names_the_file(tmp_path, kind):
    make, sentence = BAD[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert sentence in message
    assert f"'{path}'" in message and "\n" not in message


@pytest.mark.parametrize("kind", ["NaN", "2-D nifti", "truncated gzip", "singular affine", "missing"])
def test_a_bad_label_is_named_too(tmp_path, kind):
    path = BAD[kind][0](tmp_path)
    with pytest.raises(InputError) as caught:
        load(path, "label")
    assert BAD[kind][1] in str(caught.value)


def other_affine(change):
    affine = OBLIQUE.copy()
    change(affine)
    return affine


@pytest.mark.parametrize(
    ("shape", "affine", "sentence"),
    [
        ((12, 10, 7), OBLIQUE, "12x10x7 against 12x10x8 voxels"),
        (SHAPE, other_affine(lambda a: a.__setitem__((0, 3), 8.0)), "up to 3 mm apart"),
        (SHAPE, OBLIQUE @ np.diag([1, 1, 1.1, 1]), "mm apart"),
        (SHAPE, OBLIQUE @ np.diag([-1, 1, 1, 1]), "mm apart"),
    ],
    ids=["shape", "origin", "spacing", "flipped"],
)
def test_a_label_on_another_grid_than_its_image(tmp_path, shape, affine, sentence):
    image = save(tmp_path / "i.nii.gz")
    label = save(tmp_path / "l.nii.gz", np.ones(shape, np.uint8), affine)
    with pytest.raises(InputError) as caught:
        LoadCTAd(["image", "label"])({"image": str(image), "label": str(label)})
    message = str(caught.value)
    assert sentence in message and "lies on another grid than its image" in message
    assert str(image) in message and str(label) in message and "\n" not in message


def test_a_gzip_that_is_whole_but_no_image(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(b"plain words " * 100))
    with pytest.raises(InputError, match="is not an image that can be read"):
        load(path)


def test_the_image_is_kept_as_it_was_loaded(tmp_path):
    item = tube_case(tmp_path, "1", affine=OBLIQUE)
    d = LoadCTAd(["image", "label"], keep="ct")(item)
    before = d["image"].clone()
    d["image"] += 7  # a later transform
    assert d["ct"].dtype == torch.int16 and d["ct"].shape == d["image"].shape
    np.testing.assert_array_equal(d["ct"].numpy(), before.numpy())
    np.testing.assert_allclose(d["ct"].affine, OBLIQUE)
    assert "ct" not in LoadCTAd(["image", "label"])(item)


def test_nothing_is_said_of_readers_that_are_not_used(capfd, recwarn):
    LoadCTAd("image")
    assert capfd.readouterr() == ("", "") and not recwarn.list
