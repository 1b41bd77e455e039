"""What the scanner makes of attenuation: blur, motion, noise, steps. Arrays are (z, y, x) HU.

Step-and-shoot: slabs of slices that do not quite meet. A step is (height mm, dx mm, dy mm).
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from bundle.phantom.core import Grid

from .protocol import Protocol

__all__ = ["acquire", "move_points", "shift_slabs", "slab_moves"]

CHUNK = 16  # slices


def acquire(rng, image: np.ndarray, grid: Grid, protocol: Protocol, workers: int = 1) -> np.ndarray:
    """Blur, move, add noise. Works in place on chunks of slices; returns the (z, y, x) float32 image."""
    nz, ny, nx = image.shape
    fy = np.abs(fft.fftfreq(ny, grid.spacing[1]))[:, None].astype(np.float32)
    fx = fft.rfftfreq(nx, grid.spacing[0])[None, :].astype(np.float32)
    f2 = fx**2 + fy**2
    # The voxel's own extent blurs already: what a coarse grid cannot resolve is left out.
    sigma2 = max((protocol.psf_fwhm_mm / 2.355) ** 2 - np.mean(grid.spacing[:2] ** 2) / 12, 0.0)
    mtf = np.exp(-2 * np.pi**2 * sigma2 * f2)
    signed_fy = fft.fftfreq(ny, grid.spacing[1])[:, None]
    along = fx * np.cos(protocol.motion_angle) + signed_fy * np.sin(protocol.motion_angle)
    mtf = np.stack([mtf, mtf * np.sinc(protocol.motion_mm * along)]).astype(np.float32)  # at rest, moving
    low = int(nz * (1 - protocol.motion_part) / 2)
    moving = ((np.arange(nz) >= low) & (np.arange(nz) < nz - low)).astype(int)
    texture = (f2 + 0.02**2) ** (0.5 * protocol.noise_ramp) * np.exp(-f2 / protocol.noise_cutoff_per_mm**2)
    texture = texture.astype(np.float32) / _rms(texture, nx)
    sigma = protocol.noise_hu * _noise_scale(grid, protocol)

    sigma_z2 = max((protocol.psf_z_fwhm_mm / 2.355) ** 2 - grid.spacing[2] ** 2 / 12, 0.0)
    kernel_sigma = np.sqrt(sigma_z2) / grid.spacing[2]
    if kernel_sigma > 0.2:
        ndimage.gaussian_filter1d(image, kernel_sigma, axis=0, output=image, truncate=3)
    # Noise is stronger in the middle of the body and where it is wide.
    y, x = np.linspace(-1, 1, ny, dtype=np.float32), np.linspace(-1, 1, nx, dtype=np.float32)
    tilt = rng.normal(0, 0.12, 2)
    profile = 1.1 - 0.25 * (x[None, :] ** 2 + y[:, None] ** 2) + tilt[0] * x[None, :] + tilt[1] * y[:, None]
    drift = np.exp(ndimage.gaussian_filter1d(rng.normal(0, 1, nz), max(nz / 12, 1)) * 0.4).astype(np.float32)
    overlap = float(np.clip(1 - grid.spacing[2] / 1.2, 0, 0.6))
    last = None
    for first in range(0, nz, CHUNK):
        part = slice(first, min(first + CHUNK, nz))
        white = rng.standard_normal((part.stop - part.start, ny, nx), dtype=np.float32)
        spectrum = fft.rfft2(image[part], workers=workers)
        spectrum *= mtf[moving[part]]
        if overlap:  # neighbouring slices share data
            for k in range(len(white)):
                if last is not None:
                    white[k] = overlap * last + np.sqrt(1 - overlap**2) * white[k]
                last = white[k]
        noise = fft.irfft2(fft.rfft2(white, workers=workers) * texture, s=(ny, nx), workers=workers)
        noise *= (sigma * drift[part])[:, None, None] * profile
        image[part] = fft.irfft2(spectrum, s=(ny, nx), workers=workers)
        image[part] += noise
    return image


def _rms(texture: np.ndarray, nx: int) -> float:
    """Standard deviation that white noise of unit variance has after multiplication with `texture`."""
    weight = np.full(texture.shape[1], 2.0)
    weight[0] = 1.0
    if nx % 2 == 0:
        weight[-1] = 1.0
    return float(np.sqrt((texture**2 * weight).sum() / (weight.sum() * texture.shape[0])))


def _noise_scale(grid: Grid, protocol: Protocol) -> float:
    """Noise of a voxel that averages several of the scan's own, relative to theirs.

    A scan shrunk to few voxels is averaged over boxes; its noise, correlated over about the PSF's width,
    falls with the square root of the number of independent samples in a box.
    """
    own = np.array([protocol.field_of_view_mm / 512] * 2 + [protocol.slice_mm])
    correlated = np.maximum(own, [protocol.psf_fwhm_mm * 0.6] * 2 + [protocol.psf_z_fwhm_mm * 0.6])
    samples = np.maximum(grid.spacing / correlated, 1.0)
    return float(1 / np.sqrt(np.prod(samples)))


def slab_moves(z: np.ndarray, steps) -> np.ndarray:
    """Displacement (dx, dy) mm at heights z (N,). Each slab has its own place: offsets do not add up."""
    moves = np.zeros((len(z), 2))
    for height, dx, dy in steps:
        moves[z > height] = (dx, dy)
    return moves


def shift_slabs(image: np.ndarray, grid: Grid, steps, mode: str) -> np.ndarray:
    """A (z, y, x) image whose slabs are misaligned; `mode` fills what moves in, as for `ndimage.shift`."""
    moves = slab_moves(grid.axis(2), steps)
    out = image.copy()
    for move in np.unique(moves, axis=0):
        if not move.any():
            continue
        chosen = (moves == move).all(axis=1)
        shift = (0, move[1] / grid.spacing[1], move[0] / grid.spacing[0])
        out[chosen] = ndimage.shift(image[chosen], shift, order=1, mode=mode)
    return out


def move_points(points: np.ndarray, steps) -> np.ndarray:
    """The same slab shifts applied to centreline points (N, 3)."""
    points = points.copy()
    points[:, :2] += slab_moves(points[:, 2], steps)
    return points
