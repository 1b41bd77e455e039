"""The scanner: geometry of the acquisition, blur, noise, motion. Arrays are (z, y, x) HU."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from bundle.phantom.core import Grid


@dataclass
class Protocol:
    """What is drawn for one acquisition. Lengths in mm, noise in HU."""

    field_of_view_mm: float
    slice_mm: float
    slices: int
    psf_fwhm_mm: float
    psf_z_fwhm_mm: float
    noise_hu: float
    noise_cutoff_per_mm: float
    noise_ramp: float
    streak_hu: float
    motion_mm: float
    motion_angle: float
    motion_part: float
    slab_steps: list
    tilt_degrees: tuple
    orientation: str

    def grid(self, shape: tuple[int, int, int] | None) -> Grid:
        """The scan's grid with its first corner at the origin; `shape` (x, y, z) keeps the field of view."""
        full = np.array([512, 512, self.slices])
        extent = np.array([self.field_of_view_mm, self.field_of_view_mm, self.slice_mm * self.slices])
        shape = full if shape is None else np.array(shape)
        spacing = extent / shape
        return Grid(spacing / 2, spacing, tuple(int(n) for n in shape))

    def as_dict(self) -> dict:
        return asdict(self)


def draw_protocol(rng: np.random.Generator) -> Protocol:
    """Draw an acquisition: 0.3 to 0.5 mm in plane, 0.25 to 0.75 mm slices, at most 300 of them."""
    pixel = float(np.clip(rng.normal(0.36, 0.045), 0.29, 0.5))
    slice_mm = float(
        rng.choice([0.25, 0.4, 0.45, 0.5, 0.6, 0.625, 0.75], p=[0.02, 0.1, 0.13, 0.5, 0.1, 0.1, 0.05])
    )
    reach = float(np.clip(rng.normal(132, 12), 105, 165))
    if rng.random() < 0.25:  # the whole chest, or bypass grafts: a long scan with a wide field of view
        pixel, slice_mm = float(rng.uniform(0.36, 0.5)), float(rng.choice([0.6, 0.625, 0.75]))
        reach = float(rng.uniform(165, 226))
    steps = []
    if rng.random() < 0.22:  # step-and-shoot: slabs that do not quite meet
        slab = rng.uniform(25, 45)
        steps = [
            (float(slab * (i + rng.uniform(0.2, 1))), *map(float, rng.normal(0, [0.9, 0.9])))
            for i in range(int(reach / slab))
        ]
    moving = rng.random() < 0.25
    tilted = rng.random() < 0.25
    return Protocol(
        field_of_view_mm=512 * pixel,
        slice_mm=slice_mm,
        slices=int(min(round(reach / slice_mm), 300)),
        psf_fwhm_mm=float(rng.uniform(0.45, 1.1)),
        psf_z_fwhm_mm=float(rng.uniform(0.5, 1.1)),
        noise_hu=float(np.clip(rng.lognormal(np.log(28), 0.45), 8, 90)),
        noise_cutoff_per_mm=float(rng.uniform(0.35, 0.9)),
        noise_ramp=float(rng.uniform(0.3, 1.0)),
        streak_hu=float(rng.choice([0.0, rng.uniform(5, 45)], p=[0.4, 0.6])),
        motion_mm=float(rng.uniform(0.6, 3.0)) if moving else 0.0,
        motion_angle=float(rng.uniform(0, np.pi)),
        motion_part=float(rng.uniform(0.2, 0.9)),
        slab_steps=steps,
        tilt_degrees=tuple(float(x) for x in rng.normal(0, 6, 3)) if tilted else (0.0, 0.0, 0.0),
        orientation=str(
            rng.choice(["LPS", "RAS", "LAS", "RPS", "LPI", "SRA"], p=[0.45, 0.2, 0.15, 0.1, 0.07, 0.03])
        ),
    )


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


def orientation_matrix(protocol: Protocol) -> np.ndarray:
    """Rotation of the scanner's frame in the world (RAS): the tilt of patient or gantry."""
    return Rotation.from_euler("xyz", protocol.tilt_degrees, degrees=True).as_matrix()
