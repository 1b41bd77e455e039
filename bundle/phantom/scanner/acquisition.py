"""What the scanner makes of attenuation: blur, motion, noise. Arrays are (z, y, x) HU."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from bundle.phantom.core import Grid

from .protocol import Protocol

__all__ = ["acquire"]


def acquire(
    rng: np.random.Generator,
    image: np.ndarray,
    grid: Grid,
    protocol: Protocol,
    workers: int = 1,
    chunk: int = 16,
) -> np.ndarray:
    """Blur, move, add noise. Works in place on chunks of slices; returns the (z, y, x) float32 image."""
    nz, ny, nx = image.shape
    fy = np.abs(fft.fftfreq(ny, grid.spacing[1]))[:, None].astype(np.float32)
    fx = fft.rfftfreq(nx, grid.spacing[0])[None, :].astype(np.float32)
    f2 = fx**2 + fy**2
    # The voxel's own extent blurs already: what a coarse grid cannot resolve is left out.
    sigma2 = max((protocol.psf_fwhm_mm / 2.355) ** 2 - np.mean(grid.spacing[:2] ** 2) / 12, 0.0)
    mtf = np.exp(-2 * np.pi**2 * sigma2 * f2)
    if protocol.motion_mm:
        signed_fy = fft.fftfreq(ny, grid.spacing[1])[:, None]
        phase = protocol.motion_mm * (
            fx * np.cos(protocol.motion_angle) + signed_fy * np.sin(protocol.motion_angle)
        )
        moving_mtf = mtf * np.sinc(phase)
        low = int(nz * (1 - protocol.motion_part) / 2)
        moving = (np.arange(nz) >= low) & (np.arange(nz) < nz - low)
    texture = (f2 + 0.02**2) ** (0.5 * protocol.noise_ramp) * np.exp(-f2 / protocol.noise_cutoff_per_mm**2)
    texture = texture.astype(np.float32) / _rms(texture, nx)
    sigma = protocol.noise_hu * _noise_scale(grid, protocol)

    sigma_z2 = max((protocol.psf_z_fwhm_mm / 2.355) ** 2 - grid.spacing[2] ** 2 / 12, 0.0)
    if sigma_z2 > 0:
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
    for first in range(0, nz, chunk):
        part = slice(first, min(first + chunk, nz))
        white = rng.standard_normal((part.stop - part.start, ny, nx), dtype=np.float32)
        spectrum = fft.rfft2(image[part], workers=workers)
        if protocol.motion_mm:
            spectrum *= np.where(moving[part, None, None], moving_mtf, mtf).astype(np.float32)
        else:
            spectrum *= mtf.astype(np.float32)
        if overlap:  # neighbouring slices share data
            for k in range(len(white)):
                before = last if k == 0 else white[k - 1]
                if before is not None:
                    white[k] = overlap * before + np.sqrt(1 - overlap**2) * white[k]
            last = white[-1].copy()
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
    power = (texture**2 * weight).sum() / (weight.sum() * texture.shape[0])
    return float(np.sqrt(power))


def _noise_scale(grid: Grid, protocol: Protocol) -> float:
    """Noise of a voxel that averages several of the scan's own, relative to theirs.

    A scan shrunk to few voxels is averaged over boxes; its noise, correlated over about the PSF's width,
    falls with the square root of the number of independent samples in a box.
    """
    own = np.array([protocol.field_of_view_mm / 512] * 2 + [protocol.slice_mm])
    correlated = np.maximum(own, [protocol.psf_fwhm_mm * 0.6] * 2 + [protocol.psf_z_fwhm_mm * 0.6])
    samples = np.maximum(grid.spacing / correlated, 1.0)
    return float(1 / np.sqrt(np.prod(samples)))
