"""Write a volume into its case's folder, on the scan's own grid, whole or not at all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
from monai.config import KeysCollection, PathLike
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from bundle.common.filenames import case_name
from bundle.common.nifti import slope_of, write_nifti
from bundle.common.planes import copied_by_planes


def scan_affine(img: MetaTensor) -> np.ndarray:
    """The affine (4x4, RAS mm) of ``img``: that of its file to the last bit where the grid is the file's.

    Going to another grid and back leaves rounding errors of 1e-15 in the affine; on the way out they would
    make files that should share a grid differ.
    """
    affine = np.asarray(img.affine, dtype=np.float64)
    original = img.meta.get("original_affine")
    if original is not None and np.allclose(affine, original, rtol=0, atol=1e-4):
        return np.asarray(original, dtype=np.float64)
    return affine


class SaveCased(SaveImaged):
    """Write masks or probabilities to ``<output_dir>/<case>/<case>_<output_postfix><output_ext>``.

    Stored as uint8, or uint16 for a scale above 255. With ``scale`` the values are probabilities: clipped to
    0...1, stored as ``round(p * scale)`` with ``scl_slope = 1 / scale``, so that every NIfTI reader sees
    0...1 again, to ``0.5 / scale``, in an eighth of the memory of float64. The affine is that of the scan's
    file, and the NIfTI code (scanner, aligned, ...) too where the scan was a NIfTI. The same array gives the
    same bytes.
    The path stands in the ``meta`` of what was written, under ``saved_to``.

    The case's name is the item ``case`` of the data, or else comes from the path of the file (`case_name`).
    It is a `SaveImaged`, so that MONAI Label leaves the writing to itself.

    Args:
        keys: volumes (1, X, Y, Z) with their affine, mm.
        output_dir: folder that holds a folder a case.
        output_postfix: what the file is, e.g. ``seg``.
        output_ext: ``.nii.gz`` or ``.nii``.
        scale: 255 for a probability, 65535 for a finer one, None for a mask.

    Raises:
        ValueError: for another extension or scale; when called, for more than one channel.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: PathLike,
        output_postfix: str = "seg",
        output_ext: str = ".nii.gz",
        scale: int | None = None,
    ) -> None:
        super().__init__(keys, output_dir=output_dir)
        if output_ext not in (".nii.gz", ".nii"):
            raise ValueError(f"output_ext must be .nii.gz or .nii, got {output_ext!r}.")
        if scale not in (None, 255, 65535):
            raise ValueError(f"scale must be 255 or 65535 (a probability) or null (a mask), got {scale}.")
        self.output_dir = Path(output_dir)
        self.ending = f"{output_postfix}{output_ext}"
        self.scale = scale

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            self._write(d[key], d.get("case") or case_name(d[key].meta["filename_or_obj"]))
        return d

    def _steps(self, probability: np.ndarray) -> np.ndarray:
        return np.rint(np.clip(probability, 0, 1) * np.float32(self.scale))

    def _write(self, img: MetaTensor, case: str) -> None:
        if img.shape[0] != 1:
            raise ValueError(f"one channel is expected, got an array of shape {tuple(img.shape)}.")
        kind = np.uint16 if self.scale is not None and self.scale > 255 else np.uint8
        volume = img.as_tensor()[0].cpu().numpy()
        steps = None if self.scale is None else self._steps
        stored = copied_by_planes(volume, kind, "F", steps)  # NIfTI has x fastest
        path = self.output_dir / case / f"{case}_{self.ending}"
        code = int(img.meta.get("sform_code", 0)) or int(img.meta.get("qform_code", 0)) or 1
        slope = None if self.scale is None else slope_of(self.scale)
        write_nifti(path, stored, scan_affine(img), slope, code)
        img.meta["saved_to"] = str(path)
