"""Which layout a folder has. A new layout is a file beside this one and a name in `_LAYOUTS`."""

from __future__ import annotations

from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import SUFFIXES

from .asoca import read_asoca
from .case_index import CaseIndex
from .decathlon import read_decathlon
from .imagecas import read_imagecas
from .pairs import read_pairs
from .walk import describe_files, list_files

__all__ = ["LABELLED_LAYOUTS", "recognise"]

# The most specific first: pairs take any image.
_LAYOUTS = (read_decathlon, read_asoca, read_imagecas, read_pairs)
LABELLED_LAYOUTS = (
    "ImageCAS (<range>/<N>.img.nii.gz with <N>.label.nii.gz, or <id>/img.nii.gz with <id>/label.nii.gz), "
    "ASOCA (Normal and Diseased, each with CTCA and Annotations), a Decathlon dataset.json, and pairs "
    "(images/x.nii.gz with labels/x.nii.gz, or x.nii.gz with x_label.nii.gz)"
)


def recognise(root: Path, labelled: bool) -> CaseIndex:
    """The cases in a folder. ``labelled`` says what a message asks for: labels too, or images alone.

    Raises:
        InputError: no such folder, no image in it, or files that contradict their layout.
    """
    if not root.is_dir():
        expected = f"a folder with {LABELLED_LAYOUTS}" if labelled else "an image file or a folder of images"
        what = "is a file" if root.exists() else "does not exist"
        raise InputError(f"dataset_dir '{root}' {what}: expected {expected}")
    files = list_files(root)
    for read in _LAYOUTS:
        index = read(root, files)
        if index is not None:
            return index
    expected = LABELLED_LAYOUTS if labelled else f"files that end in {', '.join(SUFFIXES)}"
    raise InputError(f"no images in '{root}': looked for {expected}; found {describe_files(files)}")
