"""The CT about the vessels as a page carries it: eight bits a voxel, slices side by side in one JPEG."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkCommonTransforms import vtkMatrixToLinearTransform
from vtkmodules.vtkImagingCore import vtkImageReslice

from bundle.common.coordinates import check_affine, ras_to_lps, voxel_size_mm, world_to_voxel

__all__ = ["HU_RANGE", "as_bytes", "jpeg", "packed_volume", "shown_share"]

HU_RANGE = (-300.0, 1000.0)
"""What black and white stand for, HU; what lies beyond is cut."""
MARGIN_MM = 8.0
_AIR = -1024
# Voxels and quality of the picture, from the finest: the first that fits is taken.
_TRIES = ((12e6, 60), (12e6, 45), (6e6, 55), (6e6, 35), (3e6, 40), (1.5e6, 35), (0.5e6, 30))


def as_bytes(hu: np.ndarray) -> np.ndarray:
    """HU as uint8 over `HU_RANGE`."""
    low, high = HU_RANGE
    return np.clip((hu - np.float32(low)) * np.float32(255 / (high - low)) + 0.5, 0, 255).astype(np.uint8)


def jpeg(grey: np.ndarray, quality: int) -> bytes:
    """A picture (H, W) uint8 as JPEG."""
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    return file.getvalue()


def shown_share(points_lps: np.ndarray, ct: np.ndarray, affine: np.ndarray) -> float:
    """Which share of the points (N, 3) LPS mm lies in the CT (X, Y, Z), whose affine is RAS."""
    at = world_to_voxel(ras_to_lps(points_lps), affine)
    return float(((at > -0.5) & (at < np.array(ct.shape) - 0.5)).all(axis=1).mean())


def resliced(
    ct: np.ndarray, affine: np.ndarray, low: np.ndarray, size: np.ndarray, step: float
) -> np.ndarray:
    """The CT on a grid along L, P and S, (Z, Y, X) int16, linearly; air where there is no CT.

    Args:
        ct: (X, Y, Z) int16 HU. affine: (4, 4) voxel to RAS mm, also oblique or flipped.
        low: first voxel's centre, LPS mm. size: voxels along x, y, z. step: mm.
    """
    image = vtkImageData()
    image.SetDimensions(*ct.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ravel(ct, order="F")))
    to_voxel = vtkMatrix4x4()
    to_voxel.DeepCopy((np.linalg.inv(affine) @ np.diag([-1.0, -1.0, 1.0, 1.0])).ravel())
    turn = vtkMatrixToLinearTransform()
    turn.SetInput(to_voxel)
    reslice = vtkImageReslice()
    reslice.SetInputData(image)
    reslice.SetResliceTransform(turn)
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(_AIR)
    reslice.SetOutputOrigin(*low)
    reslice.SetOutputSpacing(step, step, step)
    reslice.SetOutputExtent(0, int(size[0]) - 1, 0, int(size[1]) - 1, 0, int(size[2]) - 1)
    reslice.Update()
    return vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars()).reshape(size[::-1])


def packed_volume(
    ct: np.ndarray, affine: np.ndarray, bounds_mm: np.ndarray, most_bytes: int
) -> dict[str, Any] | None:
    """The CT in a box, so fine as fits; None where not even a coarse one does.

    Args:
        ct: (X, Y, Z) HU. affine: (4, 4) RAS mm. bounds_mm: (2, 3) LPS mm, of the vessels.
        most_bytes: of the picture in the page, as base64.

    Returns:
        `size` (x, y, z), `low_mm` (centre of the first voxel, LPS), `step_mm`, `hu` (see `HU_RANGE`),
        `columns` of slices in the picture `jpeg`, row by row from the lowest.
    """
    affine, ct = check_affine(affine), np.asarray(ct)
    ct = ct if ct.dtype == np.int16 else np.clip(ct, _AIR, 32767).astype(np.int16)
    low, high = bounds_mm[0] - MARGIN_MM, bounds_mm[1] + MARGIN_MM
    finest = float(voxel_size_mm(affine).min())
    grids: dict[float, np.ndarray] = {}
    for voxels, quality in _TRIES:
        step = max(finest, float((np.prod(high - low) / voxels) ** (1 / 3)))
        size = np.ceil((high - low) / step).astype(int) + 1
        if step not in grids:
            grids = {step: _atlas(as_bytes(resliced(ct, affine, low, size, step)))}
        file = jpeg(grids[step], quality)
        if len(file) * 4 / 3 <= most_bytes:
            return {
                "size": size.tolist(),
                "low_mm": np.round(low, 4).tolist(),
                "step_mm": step,
                "hu": list(HU_RANGE),
                "columns": grids[step].shape[1] // int(size[0]),
                "jpeg": base64.b64encode(file).decode(),
            }
    return None


def _atlas(volume: np.ndarray) -> np.ndarray:
    """Slices of (Z, Y, X) side by side, about square."""
    depth, height, width = volume.shape
    columns = max(1, min(depth, round(float(np.sqrt(depth * height / width)))))
    rows = -(-depth // columns)
    sheet = np.zeros((rows * columns, height, width), np.uint8)
    sheet[:depth] = volume
    return sheet.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
