"""A header that declares what cannot be is refused before any memory is taken for it."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import itk
import nibabel as nib
import numpy as np
import pytest

from bundle.common.errors import InputError
from bundle.transforms.load_cta import LoadCTAd

ROOT = Path(__file__).parents[2]
SHAPE = (12, 10, 8)


def nifti(path, sizes=SHAPE, zeros=0, compress=False, affine=None):
    """A NIfTI-1 header of ``sizes`` over the data of a small volume, with ``zeros`` more bytes behind."""
    volume = np.random.default_rng(0).integers(-1000, 700, SHAPE).astype(np.int16)
    raw = bytearray(nib.Nifti1Image(volume, np.eye(4) if affine is None else affine).to_bytes())
    struct.pack_into("<3h", raw, 42, *sizes)
    raw += bytes(zeros)
    path.write_bytes(gzip.compress(bytes(raw), 1) if compress else bytes(raw))
    return path


def offset(path, value):
    nifti(path)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<f", raw, 108, value)
    path.write_bytes(raw)
    return path


def text(path, old, new):
    """An NRRD or MHA file with one piece of its header replaced."""
    volume = np.random.default_rng(0).integers(-1000, 700, SHAPE[::-1]).astype(np.int16)
    itk.imwrite(itk.image_from_array(volume), path)
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new, 1))
    return path


BAD = {
    "nii": lambda d: nifti(d / "a.nii", (30000, 30000, 30000)),
    "nii.gz": lambda d: nifti(d / "a.nii.gz", (30000, 30000, 30000), compress=True),
    "nrrd": lambda d: text(d / "a.nrrd", b"sizes: 12 10 8", b"sizes: 30000 30000 30000"),
    "mha": lambda d: text(d / "a.mha", b"DimSize = 12 10 8", b"DimSize = 30000 30000 30000"),
}
CHILD = """
import resource, sys
from bundle.common.errors import InputError
from bundle.transforms.load_cta import LoadCTAd
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        LoadCTAd("image")({"image": path})
    except InputError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_30000_cubed_is_refused_without_taking_memory(tmp_path):
    """And so are 600 MB that a gzip of 600 kB unfolds to, behind a volume of 2 kB."""
    paths = [BAD[kind](tmp_path) for kind in BAD]
    bomb = nifti(tmp_path / "bomb.nii.gz", zeros=600 << 20, compress=True)
    words = [sys.executable, "-c", CHILD, *map(str, [*paths, bomb])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *sentences, grown_mib = done.stdout.splitlines()
    assert len(sentences) == 4 and all("30000x30000x30000 voxels" in s for s in sentences)
    assert int(grown_mib) < 100


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: nifti(d / "a.nii", (900, 900, 900)), "is damaged or cut short, with 900x900x900 voxels"),
        (lambda d: nifti(d / "a.nii.gz", (900, 900, 900), compress=True), "is damaged or cut short"),
        (lambda d: nifti(d / "a.nii", (-5, 10, 8)), "declares -5x10x8 voxels"),
        (lambda d: offset(d / "a.nii", float("inf")), "is damaged or cut short"),
        (lambda d: offset(d / "a.nii", 1e9), "is damaged or cut short"),
        (lambda d: nifti(d / "a.nii", affine=np.diag([1e-30, 1, 1, 1])), "has voxels of 1e-30 x 1 x 1 mm"),
        (lambda d: text(d / "a.nrrd", b"sizes: 12 10 8", b"sizes: 12 10"), "sizes '12 10'"),
        (lambda d: text(d / "a.nrrd", b"type: short", b"type: block"), "the type 'block'"),
        (lambda d: text(d / "a.nrrd", b"domain", b"A" * 5000), "header that cannot be used"),
        (lambda d: text(d / "a.nrrd", b"(0,1,0)", b"(0,nan,0)"), "space directions"),
        (lambda d: text(d / "a.mha", b"DimSize = 12 10 8", b"DimSize = 12 -10 8"), "DimSize '12 -10 8'"),
        (lambda d: text(d / "a.mha", b"NDims = 3", b"NDims = 99"), "is 99-D"),
        (lambda d: text(d / "a.mha", b"MET_SHORT", b"MET_STRING"), "the ElementType 'MET_STRING'"),
        (lambda d: text(d / "a.mha", b"Offset = 0 0 0", b"Offset = 0 inf 0"), "Offset '0 inf 0'"),
        (lambda d: text(d / "a.mha", b"= LOCAL", b"= /dev/zero"), "must be one file beside it"),
        (lambda d: text(d / "a.mha", b"= LOCAL", b"= LIST"), "must be one file beside it"),
        (lambda d: text(d / "a.mha", b"= LOCAL", b"= gone.raw"), "which does not exist"),
    ],
)
def test_a_header_that_contradicts_itself(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        LoadCTAd("image")({"image": str(path)})
    assert words in str(caught.value) and f"'{path}'" in str(caught.value) and "\n" not in str(caught.value)


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "a.nii")
    with pytest.raises(InputError, match="is a device or a pipe"):
        LoadCTAd("image")({"image": str(tmp_path / "a.nii")})


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_data_in_a_file_beside_the_header(tmp_path, name):
    volume = np.random.default_rng(0).integers(-1000, 700, SHAPE[::-1]).astype(np.int16)
    itk.imwrite(itk.image_from_array(volume), tmp_path / name)
    image = LoadCTAd("image")({"image": str(tmp_path / name)})["image"]
    np.testing.assert_array_equal(image[0].numpy(), volume.T)
