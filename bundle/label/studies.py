"""The folder of scans that MONAI Label serves: as it is, or as links where it could not read it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix
from bundle.data import find_images

__all__ = ["ENDINGS", "study_folder"]

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
"""Of scans that MONAI Label is told to serve; its own list has pictures too, and no .mha."""


def study_folder(studies: Path, links: Path) -> Path:
    """The folder to serve: `studies`, or one in `links` with a link for each of its scans.

    MONAI Label reads the files that lie directly in a folder, and takes a label beside a scan for another
    scan. So a data set such as ImageCAS (``1-200/7.img.nii.gz`` with ``7.label.nii.gz``) is served as links
    ``7.nii.gz``; new labels go to ``labels/final`` in the folder of the links, and the data set stays as it
    is.

    Args:
        studies: folder of scans, or a data set that `find_images` knows.
        links: where the folder of links is made; the same one again for the same `studies`.

    Raises:
        InputError: no such folder, no scan in it, two scans of one name, or one with its voxels in another
            file.
    """
    if not studies.is_dir():
        raise InputError(
            f"there is no folder '{studies}'; STUDIES is the folder of your scans, or a DICOMweb address"
        )
    if not any(split_suffix(f)[1] for f in studies.rglob("*")):
        return studies  # to be filled while the server runs
    images = {item["case"]: Path(item["image"]) for item in find_images(studies)}
    served = [f for f in studies.iterdir() if f.name.lower().endswith(ENDINGS)]
    if sorted(images.values()) == sorted(served):
        return studies
    for image in images.values():
        if split_suffix(image)[1] in (".mhd", ".nhdr"):
            raise InputError(f"'{image}' has its voxels in another file: write it as .nii.gz, .nrrd or .mha")
    name = hashlib.sha256(str(studies.resolve()).encode()).hexdigest()[:8]
    folder = links / f"{studies.resolve().name}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.is_symlink():
            old.unlink()
    for case, image in images.items():
        (folder / f"{case}{split_suffix(image)[1]}").symlink_to(image.resolve())
    return folder
