"""A finished case, read from its files."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom.uid import UID

import bundle
from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.common.errors import RunFailed
from bundle.common.files import replacing, sha256_of
from bundle.geometry.core import Branch, Tree
from bundle.geometry.io import read_branches
from bundle.geometry.measure import values_from_tree
from bundle.geometry.naming import UNKNOWN

__all__ = ["ROLES", "FinishedCase", "name_objects", "read_case"]

ROLES = {"seg": "dicom_segmentation", "sr": "dicom_measurements", "mesh": "dicom_surface"}
"""End of an object's file name, to its role among the `files` of the report."""


@dataclass(frozen=True)
class FinishedCase:
    """What the DICOM objects tell.

    name: of the case. mask: (X, Y, Z) bool, lumen. affine: (4, 4) voxel to RAS mm. report: `<case>.json`.
    branches: of the centreline tree, RAS mm; none where no centreline was found. stl: bytes of the surface,
    LPS mm; None where the case has no STL. made: when the case was finished. digest: of all of these.
    """

    name: str
    mask: np.ndarray
    affine: np.ndarray
    report: dict[str, Any]
    branches: list[Branch]
    stl: bytes | None
    made: datetime.datetime
    digest: str

    def uid(self, role: str) -> UID:
        """A UID of its own for each `role`: the same for the same case, source and version of the bundle.

        Name-based (UUID version 5, written under 2.25 as ITU-T X.667 says).
        """
        return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.digest}/{role}').int}")

    @cached_property
    def branch_of_voxels(self) -> np.ndarray:
        """Number of the branch that each voxel of the lumen belongs to, (X, Y, Z) int16; -1 outside.

        A voxel belongs to the branch in whose lumen it lies deepest (`values_from_tree`).
        """
        owner = np.full(self.mask.shape, -1, np.int16, order="F")
        if self.branches:
            voxels = voxels_of(self.mask)
            values = values_from_tree(Tree(branches=self.branches), voxel_to_world(voxels, self.affine))
            owner[tuple(voxels.T)] = values["branch_id"]
        return owner

    @cached_property
    def segments(self) -> dict[int, int]:
        """Number of the DICOM segment of each branch with a name and a voxel, by the branch's number, from 2.

        Segment 1 is the whole tree.
        """
        seen = set(np.unique(self.branch_of_voxels).tolist())
        named = [i for i, branch in enumerate(self.branches) if branch.name != UNKNOWN and i in seen]
        return {branch: number for number, branch in enumerate(named, start=2)}

    def label_of(self, number: int) -> str:
        """Name of a branch; of the further pieces of a vessel that the mask has in pieces "LAD, piece 2"."""
        name = self.branches[number].name
        before = sum(other.name == name for other in self.branches[:number])
        if name == UNKNOWN:
            return f"branch {number}"
        return f"{name}, piece {before + 1}" if before else name


def read_case(folder: Path, name: str, series_uid: str) -> FinishedCase:
    """The case `name` from its `folder`.

    Args:
        series_uid: of the source series, which belongs to what the UIDs are made of.

    Raises:
        RunFailed: a file is missing or cannot be read, or no vessel was found.
    """
    mask_file, json_file = folder / f"{name}_seg.nii.gz", folder / f"{name}.json"
    for path in (mask_file, json_file):
        if not path.is_file():
            raise RunFailed(f"case '{name}' is not finished: {path.name} is missing; run it again")
    try:
        report = json.loads(json_file.read_text(encoding="utf-8"))
        image = nib.load(mask_file)
        mask, affine = np.asarray(image.dataobj) > 0, np.asarray(image.affine, float)
        empty, files = report["empty"], report["files"]
        paths = {role: folder / files[role] for role in ("centerline", "mesh_stl") if role in files}
        branches = read_branches(paths["centerline"]) if "centerline" in paths else []
        stl = paths["mesh_stl"].read_bytes() if "mesh_stl" in paths else None
    except (OSError, EOFError, ValueError, KeyError, TypeError, nib.filebasedimages.ImageFileError) as error:
        raise RunFailed(f"case '{name}': its files cannot be read ({error}); run it again") from error
    if empty or not mask.any():
        raise RunFailed(f"case '{name}': no vessel was found, so there is nothing to write as DICOM")
    made = datetime.datetime.fromtimestamp(int(json_file.stat().st_mtime))
    own = report | {"files": {role: file for role, file in files.items() if role not in ROLES.values()}}
    text = json.dumps(own, sort_keys=True)  # the same with the objects' names in it and without
    told = f"{sha256_of([mask_file, *paths.values()])}/{text}/{series_uid}/{bundle.__version__}/{made}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    return FinishedCase(name, mask, affine, report, branches, stl, made, digest)


def name_objects(folder: Path, name: str, paths: Iterable[Path]) -> None:
    """Put the objects among the `files` of `<case>.json`, which keeps its time: when the case was made."""
    json_file = folder / f"{name}.json"
    report, stat = json.loads(json_file.read_text(encoding="utf-8")), json_file.stat()
    roles = {role: f"{name}_{end}.dcm" for end, role in ROLES.items()}
    written = {path.name for path in paths}
    kept = {role: file for role, file in report["files"].items() if role not in roles}
    files = kept | {role: file for role, file in roles.items() if file in written}
    if files != report["files"]:
        with replacing(json_file) as unfinished:
            unfinished.write_text(
                json.dumps(report | {"files": files}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            os.utime(unfinished, ns=(stat.st_atime_ns, stat.st_mtime_ns))
