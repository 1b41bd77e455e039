"""Augmentation of a whole batch on its device."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from .batch_warp import affine_matrices, blur_batch, warp_batch

__all__ = ["BatchAugment"]

Range = Sequence[float]
_PRIME = 1_000_003


class BatchAugment:
    """Random geometry and intensity for a batch, drawn anew for each item.

    Why not MONAI's ``Rand*`` transforms: they work on one sample at a time, mostly in the loader's processes;
    for a small volume on a fast GPU that costs more than the network's own step. Here rotation, scaling,
    shear, translation and elastic deformation become one resampling of the batch on its device. MONAI's
    transforms remain a line away: what is put into ``train#random_transforms`` runs on each sample, after
    the cached part, before this.

    The decisions and the few numbers are drawn on the host from a generator seeded by (seed, step), the noise
    on the device from another one seeded alike: the same step is augmented the same way in every run, so
    a resumed run goes on as if nothing had happened. Nothing waits for the device.

    Outside of the volume the border is repeated: after the scaling of HU, zero would be -500 HU, a wall of
    fat-like darkness that no scanner shows.

    Order: geometry, gamma, contrast and brightness, noise, blur, low resolution; then a clip to [0, 1], where
    the network's input always lies. The kinds and their default ranges follow nnU-Net (Isensee et al., Nature
    Methods 18, 2021), with rotations about all axes kept to how patients lie.

    Args:
        prob_affine: probability that an item is moved affinely.
        rotate_deg: largest rotation about each of X, Y, Z.
        scale: range of magnification, drawn once an item; each axis then differs by up to ``scale_axis``.
        scale_axis: relative difference between axes.
        shear: largest shear.
        shift_mm: largest translation along each axis.
        prob_elastic: probability of a free-form deformation.
        elastic_mm: range of the standard deviation of the control points' displacement.
        elastic_cells: cells of the B-spline grid along X, Y, Z.
        extent_mm: typical field of view along X, Y, Z, as volumes are resized to a fixed number of voxels.
        flip_prob: probability of mirroring along each axis. All 0: a mirrored chest is situs inversus, its
            heart on the right, and an upside-down one does not exist.
        prob_gamma, gamma: probability and range of the exponent on intensities in [0, 1], log-uniform.
        prob_contrast, contrast: probability and range of the factor about the item's mean.
        prob_brightness, brightness: probability and largest shift; 0.1 is 150 HU.
        prob_noise, noise: probability and range of the sigma of white noise; 0.02 is 30 HU.
        prob_blur, blur: probability and range of the sigma in voxels.
        prob_low_res, low_res: probability and range of the factor by which a volume is shrunk before it is
            brought back.

    Shapes: image (B, C, X, Y, Z) float in [0, 1], label (B, D, X, Y, Z) float, the
    fraction of each voxel that is lumen, which geometry blurs as it does the image; both keep
    shape and dtype.
    """

    def __init__(
        self,
        prob_affine: float = 0.8,
        rotate_deg: Range = (10.0, 10.0, 15.0),
        scale: Range = (0.8, 1.25),
        scale_axis: float = 0.08,
        shear: float = 0.05,
        shift_mm: Range = (10.0, 10.0, 10.0),
        prob_elastic: float = 0.3,
        elastic_mm: Range = (1.0, 4.0),
        elastic_cells: Sequence[int] = (6, 6, 4),
        extent_mm: Range = (180.0, 180.0, 120.0),
        flip_prob: Range = (0.0, 0.0, 0.0),
        prob_gamma: float = 0.3,
        gamma: Range = (0.7, 1.5),
        prob_contrast: float = 0.3,
        contrast: Range = (0.75, 1.25),
        prob_brightness: float = 0.3,
        brightness: float = 0.1,
        prob_noise: float = 0.3,
        noise: Range = (0.0, 0.05),
        prob_blur: float = 0.2,
        blur: Range = (0.4, 1.0),
        prob_low_res: float = 0.15,
        low_res: Range = (0.5, 0.9),
    ) -> None:
        self.prob_affine, self.rotate_deg = prob_affine, tuple(rotate_deg)
        self.scale, self.scale_axis = tuple(scale), scale_axis
        self.shear, self.shift_mm = shear, tuple(shift_mm)
        self.prob_elastic, self.elastic_mm = prob_elastic, tuple(elastic_mm)
        self.elastic_cells, self.extent_mm = tuple(elastic_cells), tuple(extent_mm)
        self.flip_prob = tuple(flip_prob)
        self.prob_gamma, self.gamma = prob_gamma, tuple(gamma)
        self.prob_contrast, self.contrast = prob_contrast, tuple(contrast)
        self.prob_brightness, self.brightness = prob_brightness, brightness
        self.prob_noise, self.noise = prob_noise, tuple(noise)
        self.prob_blur, self.blur = prob_blur, tuple(blur)
        self.prob_low_res, self.low_res = prob_low_res, tuple(low_res)

    def __call__(
        self, image: torch.Tensor, label: torch.Tensor, step: int, seed: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The augmented batch of ``step``, counted over the whole run, by the ``seed`` of the run.

        Raises:
            ValueError: image and label differ in batch size or grid, or are not five-dimensional.
        """
        grids = [volume.shape[:1] + volume.shape[2:] for volume in (image, label)]
        if image.ndim != 5 or label.ndim != 5 or grids[0] != grids[1]:
            raise ValueError(
                "image and label must be (B, C, X, Y, Z) of one batch and grid, "
                f"got {tuple(image.shape)} and {tuple(label.shape)}."
            )
        draw = (seed * _PRIME + step) % 2**63  # a large prime keeps neighbouring runs from sharing draws
        random = torch.Generator().manual_seed(draw)
        with torch.no_grad():
            image, label = self._geometry(image, label, random)
            image = self._intensity(image, random)
            image = self._noise(image, random, draw)
            image = self._smooth(image, random)
            return image.clamp(0.0, 1.0), label

    @staticmethod
    def _uniform(random: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=random)

    @staticmethod
    def _chosen(random: torch.Generator, probability: float, count: int) -> torch.Tensor:
        return torch.rand(count, generator=random) < probability

    def _geometry(self, image, label, random):
        count = len(image)
        moved = self._chosen(random, self.prob_affine, count)[:, None]
        angles = torch.deg2rad(torch.tensor(self.rotate_deg)) * self._uniform(random, -1, 1, count, 3)
        scale = torch.exp(self._uniform(random, *map(math.log, self.scale), count, 1))
        scale = scale * (1 + self.scale_axis * self._uniform(random, -0.5, 0.5, count, 3))
        shear = self._uniform(random, -self.shear, self.shear, count, 3)
        shift = torch.tensor(self.shift_mm) * self._uniform(random, -1, 1, count, 3)
        mirror = torch.rand(count, 3, generator=random) < torch.tensor(self.flip_prob)
        bent = self._chosen(random, self.prob_elastic, count)
        sigma = self._uniform(random, *self.elastic_mm, count) * bent
        controls = torch.randn(count, 3, *[c + 3 for c in self.elastic_cells], generator=random)
        if not (moved.any() or bent.any() or mirror.any()):
            return image, label
        scale = torch.where(moved, scale, torch.ones_like(scale))
        matrices = affine_matrices(angles * moved, scale, shear * moved)
        matrices = matrices * torch.where(mirror, -1.0, 1.0)[:, None, :]
        controls = controls * sigma.view(-1, 1, 1, 1, 1) if bent.any() else None
        return warp_batch(image, label, matrices, shift * moved, controls, self.extent_mm)

    def _intensity(self, image, random):
        count = len(image)
        gamma = torch.exp(self._uniform(random, *map(math.log, self.gamma), count))
        contrast = self._uniform(random, *self.contrast, count)
        brightness = self._uniform(random, -self.brightness, self.brightness, count)
        parameters = torch.stack([gamma, contrast, brightness])
        neutral = torch.tensor([[1.0], [1.0], [0.0]])
        chances = torch.tensor([[self.prob_gamma], [self.prob_contrast], [self.prob_brightness]])
        use = torch.rand(3, count, generator=random) < chances
        if not use.any():
            return image
        parameters = torch.where(use, parameters, neutral).to(image.device, non_blocking=True)
        gamma, contrast, brightness = parameters.view(3, -1, 1, 1, 1, 1).unbind(0)
        if use[0].any():
            image = image.clamp(0.0, 1.0) ** gamma
        if use[1].any():
            mean = image.mean(dim=(2, 3, 4), keepdim=True)
            image = mean + (image - mean) * contrast
        return image + brightness

    def _noise(self, image, random, draw):
        sigma = self._uniform(random, *self.noise, len(image))
        sigma = sigma * self._chosen(random, self.prob_noise, len(image))
        if not sigma.any():
            return image
        # A fresh generator on the device: filling the batch with noise there costs next to nothing.
        device_random = torch.Generator(device=image.device).manual_seed(draw)
        noise = torch.randn(image.shape, generator=device_random, device=image.device, dtype=image.dtype)
        return torch.addcmul(image, noise, sigma.view(-1, 1, 1, 1, 1).to(image.device, non_blocking=True))

    def _smooth(self, image, random):
        sigma = self._uniform(random, *self.blur, len(image))
        sigma = sigma * self._chosen(random, self.prob_blur, len(image))
        factors = self._uniform(random, *self.low_res, len(image))
        coarse = self._chosen(random, self.prob_low_res, len(image))
        if sigma.any():
            image = blur_batch(image, sigma)
        if not coarse.any():
            return image
        items = list(image.split(1))
        for i, (chosen, factor) in enumerate(zip(coarse.tolist(), factors.tolist())):
            if chosen:
                size = [max(1, round(n * factor)) for n in image.shape[2:]]
                small = F.interpolate(items[i], size=size, mode="area")
                items[i] = F.interpolate(small, size=image.shape[2:], mode="trilinear", align_corners=False)
        return torch.cat(items)
