"""Which layout a folder has. A new layout is a file beside this one and a name in `_LAYOUTS`."""

from __future__ import annotations

import os
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import SUFFIXES, natural_key, split_suffix

from .asoca import read_asoca
from .case_index import CaseIndex
from .decathlon import read_decathlon
from .dicom import refuse_dicom
from .imagecas import read_imagecas
from .pairs import read_pairs

__all__ = ["LABELLED_LAYOUTS", "recognise"]

# The most specific first: pairs take any image.
_LAYOUTS = (read_decathlon, read_asoca, read_imagecas, read_pairs)
LABELLED_LAYOUTS = (
    "ImageCAS (<range>/<N>.img.nii.gz with <N>.label.nii.gz, or <id>/img.nii.gz with <id>/label.nii.gz), "
    "ASOCA (Normal and Diseased, each with CTCA and Annotations), a Decathlon dataset.json, and pairs "
    "(images/x.nii.gz with labels/x.nii.gz, or x.nii.gz with x_label.nii.gz)"
)
_PHANTOMS = ("data", "phantoms")
_MAX_DEPTH = 4  # no layout is deeper; "/" given by mistake ends soon


def recognise(root: Path, labelled: bool) -> CaseIndex:
    """The cases in a folder. ``labelled`` says what a message asks for: labels too, or images alone.

    Raises:
        InputError: no such folder, no image in it, or files that contradict their layout.
    """
    if not root.is_dir():
        expected = f"a folder with {LABELLED_LAYOUTS}" if labelled else "an image file or a folder of images"
        what = "is a file" if root.exists() else "does not exist"
        if root.parts[-2:] == _PHANTOMS:  # the default, which everyone meets who gives none
            expected = (
                "phantoms from `coronary phantoms` or `python scripts/make_phantoms.py`; or give a data set "
                "of your own"
            )
        raise InputError(f"dataset_dir '{root}' {what}: expected {expected}")
    files = _list_files(root)
    for read in _LAYOUTS:
        index = read(root, files)
        if index is not None:
            return index
    refuse_dicom(root, [root / file for file in files])
    expected = LABELLED_LAYOUTS if labelled else f"DICOM and files that end in {', '.join(SUFFIXES)}"
    raise InputError(f"no images in '{root}': looked for {expected}; found {_describe(files)}")


def _list_files(root: Path) -> list[Path]:
    """Every visible file below ``root``, relative to it, in natural order (2 before 10).

    Linked folders are followed, once each; hidden files and folders (``.DS_Store``, ``._3.img.nii.gz``)
    are left out.
    """
    found: list[Path] = []
    visited: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        here = Path(folder).relative_to(root)
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        # macOS archives carry a shadow of every file in __MACOSX.
        subfolders[:] = sorted(f for f in subfolders if not f.startswith(".") and f != "__MACOSX")
        if len(here.parts) >= _MAX_DEPTH:
            subfolders.clear()
        found.extend(here / f for f in files if not f.startswith("."))
    return sorted(found, key=lambda path: [natural_key(part) for part in path.parts])


def _describe(files: list[Path]) -> str:
    """What a person would see in the folder: ``nothing``, or ``7 files such as 'notes.txt'``."""
    images = [f for f in files if split_suffix(f)[1]]
    shown, noun = (images, "image file") if images else (files, "file")
    return f"{len(shown)} {noun}{'s' if len(shown) > 1 else ''} such as '{shown[0]}'" if files else "nothing"
