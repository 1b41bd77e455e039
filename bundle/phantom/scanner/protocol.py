"""What is drawn for one acquisition: the grid, the blur, the noise, the motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.core import Grid

__all__ = ["Protocol", "draw_protocol"]


@dataclass
class Protocol:
    """One acquisition. Lengths in mm, noise in HU."""

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
        shape = (512, 512, self.slices) if shape is None else tuple(map(int, shape))
        spacing = self._size_mm / shape
        return Grid(spacing / 2, spacing, shape)

    def extent(self) -> Grid:
        """The corners of the field of view, on which anatomy is drawn: every shape shows one patient."""
        return Grid(np.zeros(3), self._size_mm, (2, 2, 2))

    @property
    def _size_mm(self) -> np.ndarray:
        return np.array([self.field_of_view_mm, self.field_of_view_mm, self.slice_mm * self.slices])

    def rotation(self) -> np.ndarray:
        """(3, 3), from the scanner's frame to the world (RAS): the tilt of patient or gantry."""
        return Rotation.from_euler("xyz", self.tilt_degrees, degrees=True).as_matrix()


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
