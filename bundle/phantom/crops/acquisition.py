"""Blur, motion, slab steps and noise of a batch of crops: `bundle.phantom.scanner.acquire` in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

PAD = 8
"""Voxels by which the border is repeated before the in-plane blur, so that nothing comes round."""

TEXTURES_MM = (6.0, 14.0, 2.0)
"""Size of the features of the three textures that organs may have."""


def generators(batch) -> list[torch.Generator]:
    """One generator a crop, on the crop's device, seeded by its plan."""
    device = batch["spacing"].device
    return [torch.Generator(device).manual_seed(seed) for seed in batch["seed"].tolist()]


def white(random: list[torch.Generator], size: tuple[int, int, int]) -> torch.Tensor:
    """Standard normal numbers (B, *size), each crop's from its own generator."""
    out = torch.empty(len(random), *size, device=random[0].device)
    for item, generator in zip(out, random):
        item.normal_(generator=generator)
    return out


def textures(random, size: tuple[int, int, int], spacing_mm: float = 0.5) -> torch.Tensor:
    """Smooth noise of standard deviation about 1 in three sizes: (B, 3, Z, Y, X)."""
    out = torch.empty(len(random), len(TEXTURES_MM), *size, device=random[0].device)
    for k, scale in enumerate(TEXTURES_MM):
        counts = tuple(int(np.ceil(n * spacing_mm / (scale / 2))) + 1 for n in size)
        noise = white(random, counts)
        for axis, count in enumerate(counts, start=1):
            smooth = ndimage.gaussian_filter1d(np.eye(count, dtype=np.float32), 1.0, axis=0, mode="wrap")
            smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
            smooth = torch.from_numpy(smooth).to(noise.device, non_blocking=True)
            noise = torch.movedim(torch.tensordot(smooth, noise, dims=([1], [axis])), 0, axis)
        out[:, k] = F.interpolate(noise[:, None], size=size, mode="trilinear", align_corners=True)[:, 0]
    return out


def shift_slabs(volume: torch.Tensor, moves: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Slices of (C, Z, Y, X) moved by `moves` (Z, 2) voxels along x and y; the border is repeated."""
    _, _, ny, nx = volume.shape
    y, x = (torch.arange(n, device=volume.device, dtype=torch.float32) for n in (ny, nx))
    at_x = (2 * (x[None, :] - moves[:, :1]) + 1) / nx - 1
    at_y = (2 * (y[None, :] - moves[:, 1:]) + 1) / ny - 1
    at = torch.stack([at_x[:, None, :].expand(-1, ny, -1), at_y[:, :, None].expand(-1, -1, nx)], -1)
    moved = F.grid_sample(volume.transpose(0, 1), at, mode=mode, padding_mode="border", align_corners=False)
    return moved.transpose(0, 1)


def acquire(image: torch.Tensor, batch, random) -> torch.Tensor:
    """Blur, move and add noise to (B, Z, Y, X) HU; then to the scanner's own voxels and back."""
    numbers = batch["numbers"].unbind(1)
    sigma2, motion, angle, strength, cutoff, ramp, gain, peak = (n.view(-1, 1, 1) for n in numbers)
    b, nz, ny, nx = image.shape
    image = torch.matmul(batch["blur_z"], image.reshape(b, nz, -1)).view(b, nz, ny, nx)

    fx, fy, f2 = _frequencies(batch["spacing"], ny + 2 * PAD, nx + 2 * PAD)
    relative = f2 / peak**2
    mtf = torch.exp(-2 * torch.pi**2 * sigma2 * f2) * (1 + gain * relative * torch.exp(1 - relative))
    smear = torch.sinc(motion * (fx * torch.cos(angle) + fy * torch.sin(angle)))
    transfer = mtf[:, None] * (1 + batch["moving"][:, :, None, None] * (smear[:, None] - 1))
    spectrum = torch.fft.rfft2(F.pad(image, (PAD,) * 4, mode="replicate")) * transfer
    image = torch.fft.irfft2(spectrum, s=(ny + 2 * PAD, nx + 2 * PAD))[..., PAD:-PAD, PAD:-PAD]

    _, _, f2 = _frequencies(batch["spacing"], ny, nx)
    texture = (f2 + 0.02**2) ** (0.5 * ramp) * torch.exp(-f2 / cutoff**2)
    texture = texture / _rms(texture, nx)
    noise = torch.matmul(batch["noise_z"], white(random, (nz, ny * nx))).view(b, nz, ny, nx)
    noise = torch.fft.irfft2(torch.fft.rfft2(noise) * texture[:, None], s=(ny, nx))
    image = image + noise * (strength * batch["profile"])[:, None]
    for k, crop in enumerate(batch["sampled"].tolist()):
        z, y, x = (batch[f"sampling_{axis}"][k] for axis in "zyx")
        seen = torch.matmul(y, torch.matmul(image[crop], x.T))
        image[crop] = torch.matmul(z, seen.view(nz, -1)).view(nz, ny, nx)
    return image


def _frequencies(spacing: torch.Tensor, ny: int, nx: int):
    """Frequencies (1/mm) of a real transform of (ny, nx): along x, along y, and their squared length."""
    fy = torch.fft.fftfreq(ny, device=spacing.device)[None, :, None] / spacing[:, 1, None, None]
    fx = torch.fft.rfftfreq(nx, device=spacing.device)[None, None, :] / spacing[:, 0, None, None]
    return fx, fy, fx**2 + fy**2


def _rms(texture: torch.Tensor, nx: int) -> torch.Tensor:
    """Standard deviation (B, 1, 1) that unit white noise has after multiplication with `texture`."""
    weight = torch.full((texture.shape[-1],), 2.0, device=texture.device)
    weight[0] = 1.0
    if nx % 2 == 0:
        weight[-1] = 1.0
    power = (texture.square() * weight).sum((1, 2), keepdim=True)
    return (power / (weight.sum() * texture.shape[1])).sqrt()
