"""Tiny files for the tests of what is found on disk."""

import nibabel as nib
import numpy as np


def touch(path, text=""):
    """An empty file: discovery goes by names alone wherever the names say enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def nifti(path, dtype=np.int16, shape=(3, 4, 5), affine=None):
    """A small NIfTI volume of ascending numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def names(items):
    return [item["case"] for item in items]
