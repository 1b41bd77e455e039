"""How one crop is scanned: blur, motion, noise and slab steps, drawn on the CPU as a few small arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bundle.phantom.core import Grid
from bundle.phantom.scanner import Protocol, draw_protocol, slab_moves

THICK, COARSE = 0.2, 0.12
"""Part of the crops as a scanner with thick slices shows them, and as one with larger voxels on all axes."""


@dataclass
class Scan:
    """What the renderer needs of an acquisition on a crop of (Z, Y, X) voxels.

    Attributes:
        numbers: (8,) sigma^2 of the in-plane point spread (mm^2), length (mm) and angle (rad) of motion,
            noise (HU), its cut-off (1/mm) and ramp, strength and frequency (1/mm) of edge enhancement.
        moving: (Z,) float32, 1 where slices are blurred by motion.
        blur_z, noise_z: (Z, Z) float32 matrices: point spread along z; correlation of neighbouring slices.
        profile: (Y, X) float32, relative strength of the noise.
        moves: (Z, 2) float32, shift (x, y) of each slice in voxels where slabs do not meet.
        sampling: float32 matrices (Z, Z), (Y, Y), (X, X) that give a scanner's own voxels where those are
            larger than the crop's; None where they are not.
    """

    numbers: np.ndarray
    moving: np.ndarray
    blur_z: np.ndarray
    noise_z: np.ndarray
    profile: np.ndarray
    moves: np.ndarray
    sampling: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


def scan_of(
    protocol: Protocol,
    grid: Grid,
    low: np.ndarray,
    high: np.ndarray,
    *,
    noise_factor: float = 1.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    moving: np.ndarray | None = None,
    edge: tuple[float, float] = (0.0, 0.5),
    voxel: np.ndarray | None = None,
) -> Scan:
    """The same acquisition as `bundle.phantom.scanner.acquire` with `protocol`, on a crop.

    Args:
        grid: of the crop.
        low, high: corners (mm) of the whole scan, for the noise's profile.
        noise_factor: of the protocol's noise.
        tilt: of the noise's profile along x and y.
        moving: (Z,) bool; None takes the protocol's part of the whole scan.
        edge: strength and frequency (1/mm) of the kernel's edge enhancement; strength 0 is none.
        voxel: (3,) mm, spacing (x, y, z) of the scanner's voxels; None takes those of the crop.
    """
    nz = grid.shape[2]
    sigma2 = max((protocol.psf_fwhm_mm / 2.355) ** 2 - float(np.mean(grid.spacing[:2] ** 2)) / 12, 0.0)
    sigma_z = np.sqrt(max((protocol.psf_z_fwhm_mm / 2.355) ** 2 - grid.spacing[2] ** 2 / 12, 0.0))
    sigma_z /= grid.spacing[2]
    blur_z = np.eye(nz, dtype=np.float32)
    if sigma_z > 0.2:
        blur_z = ndimage.gaussian_filter1d(blur_z, sigma_z, axis=0, truncate=3)
    overlap = float(np.clip(1 - grid.spacing[2] / 1.2, 0, 0.6))
    behind = np.subtract.outer(np.arange(nz), np.arange(nz))
    noise_z = np.where(behind >= 0, overlap ** np.maximum(behind, 0), 0.0)
    noise_z[:, 1:] *= np.sqrt(1 - overlap**2)
    x, y = (2 * (grid.axis(i) - low[i]) / (high[i] - low[i]) - 1 for i in (0, 1))
    profile = 1.1 - 0.25 * (x[None, :] ** 2 + y[:, None] ** 2) + tilt[0] * x[None, :] + tilt[1] * y[:, None]
    if moving is None:
        height = (grid.axis(2) - low[2]) / (high[2] - low[2])
        moving = np.abs(height - 0.5) < protocol.motion_part / 2
    moves = slab_moves(grid.axis(2), protocol.slab_steps) / grid.spacing[:2]
    sampling = None
    if voxel is not None:
        sampling = tuple(resampling(grid.shape[i], grid.spacing[i], voxel[i]) for i in (2, 1, 0))
    numbers = [sigma2, protocol.motion_mm, protocol.motion_angle, protocol.noise_hu * noise_factor]
    numbers += [protocol.noise_cutoff_per_mm, protocol.noise_ramp, *edge]
    return Scan(
        np.array(numbers, np.float32),
        np.asarray(moving, np.float32) * bool(protocol.motion_mm),
        blur_z.astype(np.float32),
        noise_z.astype(np.float32),
        np.maximum(profile, 0.2).astype(np.float32),
        moves.astype(np.float32),
        sampling,
    )


def resampling(count: int, spacing: float, voxel: float) -> np.ndarray:
    """Means over voxels of `voxel` mm, brought back to `count` points `spacing` mm apart.

    Means of boxes, then linear interpolation: a (count, count) float32 matrix whose rows sum to 1. Where
    `voxel` is no larger than `spacing` it is the identity.
    """
    if voxel <= spacing:
        return np.eye(count, dtype=np.float32)
    at = np.arange(count) * spacing
    centre = np.arange(-0.5 * voxel, at[-1] + 1.5 * voxel, voxel)
    apart = np.abs(at - centre[:, None])
    # The part of a point's own span that lies in the larger voxel.
    means = np.clip((voxel + spacing) / 2 - apart, 0, spacing)
    means = means[means.sum(1) > 0.3 * voxel]
    centre = (means @ at) / means.sum(1)
    means /= means.sum(1, keepdims=True)
    after = np.searchsorted(centre, at).clip(1, len(centre) - 1)
    share = np.clip((at - centre[after - 1]) / (centre[after] - centre[after - 1]), 0, 1)[:, None]
    return ((1 - share) * means[after - 1] + share * means[after]).astype(np.float32)


def draw_voxel(rng: np.random.Generator) -> np.ndarray | None:
    """The spacing (x, y, z) of a scanner's voxels in mm where they are larger than a crop's, of most None.

    Some scans have thick slices, and some were resampled to as much as 1.6 mm.
    """
    chance = rng.random()
    if chance > THICK + COARSE:
        return None
    if chance > COARSE:
        return np.array([0.0, 0.0, rng.uniform(0.6, 1.5)])
    plane = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    return np.array([plane, plane, min(plane * rng.uniform(1.0, 1.6), 2.0)])


def draw_scan(rng: np.random.Generator, grid: Grid, low, high, wide: bool) -> Scan:
    """Draw an acquisition for a crop as `draw_protocol` does for a scan; `wide` leaves its ranges.

    A scan comes to the network's grid by linear interpolation, which takes up to half of the noise of its
    own smaller voxels: the noise is drawn between none and all of that loss.
    """
    protocol = draw_protocol(rng)
    if wide:
        protocol.psf_fwhm_mm = float(rng.uniform(0.3, 1.7))
        protocol.psf_z_fwhm_mm = float(rng.uniform(0.3, 1.9))
        protocol.noise_hu = float(rng.uniform(2, 80))
        protocol.noise_cutoff_per_mm = float(rng.uniform(0.2, 2.0))
        protocol.noise_ramp = float(rng.uniform(-0.6, 1.2))
    edge = (float(rng.uniform(0, 1.2)), float(rng.uniform(0.3, 0.8))) if rng.random() < 0.3 else (0.0, 0.5)
    first, last = np.sort(rng.uniform(-0.5, 1.5, 2)) * grid.shape[2]
    height = np.arange(grid.shape[2])
    return scan_of(
        protocol,
        grid,
        np.asarray(low),
        np.asarray(high),
        noise_factor=float(rng.uniform(0.45, 1.0)),
        tilt=tuple(rng.normal(0, 0.12, 2)),
        moving=(height >= first) & (height < last),
        edge=edge,
        voxel=draw_voxel(rng),
    )
