"""Resampling and smoothing of a whole batch, each item by its own parameters, in few kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["affine_matrices", "blur_batch", "bspline_basis", "warp_batch"]


def affine_matrices(angles: torch.Tensor, scale: torch.Tensor, shear: torch.Tensor) -> torch.Tensor:
    """Matrices that send an output position to the input position it is read from.

    Args:
        angles: (B, 3) rotation about the X, Y and Z axis in radians, applied in that order.
        scale: (B, 3) magnification along each axis; 2 makes things twice as large.
        shear: (B, 3) of XY, XZ and YZ.

    Returns:
        (B, 3, 3), axes in the order X, Y, Z.
    """
    cos, sin = torch.cos(angles), torch.sin(angles)
    matrix = torch.diag_embed(1.0 / scale)
    upper = torch.eye(3).repeat(len(angles), 1, 1)
    upper[:, 0, 1], upper[:, 0, 2], upper[:, 1, 2] = shear.unbind(1)
    matrix = matrix @ upper
    for axis in range(3):
        i, j = [k for k in range(3) if k != axis]
        turn = torch.eye(3).repeat(len(angles), 1, 1)
        turn[:, i, i] = turn[:, j, j] = cos[:, axis]
        turn[:, i, j], turn[:, j, i] = -sin[:, axis], sin[:, axis]
        matrix = matrix @ turn
    return matrix


def bspline_basis(size: int, controls: int) -> torch.Tensor:
    """(size, controls) values at ``size`` voxel centres of uniform cubic B-splines, each row summing to 1.

    Of the ``controls`` points one lies outside each end, as free-form deformation needs
    (Rueckert et al., IEEE TMI 18, 1999).
    """
    cells = controls - 3
    position = (torch.arange(size, dtype=torch.float64) + 0.5) / size * cells
    # Distance to control point c, which sits at c - 1 in units of a cell.
    distance = (position[:, None] - (torch.arange(controls) - 1)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far).float()


def warp_batch(
    image: torch.Tensor,
    label: torch.Tensor,
    matrices: torch.Tensor,
    shift_mm: torch.Tensor,
    controls_mm: torch.Tensor | None,
    extent_mm: Sequence[float],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read image and label at moved positions, outside of the volume at its border.

    Args:
        image: (B, C, X, Y, Z) float, interpolated linearly.
        label: (B, D, X, Y, Z) float, the fraction of each voxel that is lumen; interpolated linearly too,
            so that image and label blur alike.
        matrices: (B, 3, 3) from `affine_matrices`, about the centre of the volume, in millimetres.
        shift_mm: (B, 3) along X, Y, Z.
        controls_mm: (B, 3, CX, CY, CZ) displacement in mm at the control points of a cubic B-spline, or None.
        extent_mm: of the field of view along X, Y, Z. Rotation happens in this space, so that it stays a
            rotation though the voxels of a resized volume are not cubes.

    Returns:
        the image in its dtype, the label in its dtype, on their device.
    """
    shape, device = image.shape[2:], image.device
    half = torch.tensor(extent_mm, dtype=torch.float32) / 2
    # From normalised (-1 to 1) output coordinates to normalised input coordinates.
    theta = torch.cat([matrices * half / half[:, None], (shift_mm / half)[:, :, None]], dim=2)
    # grid_sample wants the last axis first.
    theta = torch.cat([theta[:, :, :3].flip(1, 2), theta[:, :, 3:].flip(1)], dim=2)
    theta = theta.to(device, non_blocking=True)
    grid = F.affine_grid(theta, [len(image), 1, *shape], align_corners=False)
    if controls_mm is not None:
        controls = (controls_mm / half[:, None, None, None]).flip(1).to(device, non_blocking=True)
        for size, count in zip(shape, controls_mm.shape[2:]):
            basis = bspline_basis(size, count).to(device, non_blocking=True)
            # The axis just expanded goes last, so three turns bring back the order X, Y, Z.
            controls = torch.tensordot(controls, basis, dims=([2], [1]))
        grid = grid + controls.permute(0, 2, 3, 4, 1)
    both = torch.cat([image.float(), label.float()], dim=1)
    both = F.grid_sample(both, grid, mode="bilinear", padding_mode="border", align_corners=False)
    moved_image, moved_label = both.split([image.shape[1], label.shape[1]], dim=1)
    return moved_image.to(image.dtype), moved_label.to(label.dtype)


def blur_batch(image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur each item of (B, C, X, Y, Z) by its own Gaussian of ``sigma`` (B,) voxels, cut at 3 sigma.

    Written as a sum of shifted copies: on a GPU that is faster than cuDNN's grouped convolutions and always
    gives the same bits. The border is replicated.
    """
    radius = math.ceil(3.0 * float(sigma.max()))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
    taps = weights / weights.sum(1, keepdim=True)
    taps = taps.to(image.device, image.dtype, non_blocking=True)
    for axis in (2, 3, 4):
        pad = [0] * 6
        pad[2 * (4 - axis)] = pad[2 * (4 - axis) + 1] = radius
        padded = F.pad(image, pad, mode="replicate")
        image = torch.zeros_like(image)
        for k in range(2 * radius + 1):
            shifted = padded.narrow(axis, k, image.shape[axis])
            image = torch.addcmul(image, shifted, taps[:, k].view(-1, 1, 1, 1, 1))
    return image
