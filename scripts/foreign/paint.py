"""Layers and balls as voxels."""

from __future__ import annotations

import numpy as np

from .chest import Layer
from .shapes import Lattice

__all__ = ["fill", "fractions", "paint_layers"]


def hat(coarse: Lattice, fine: Lattice, axis: int) -> np.ndarray:
    """(fine, coarse) matrix of linear interpolation along an axis."""
    place = np.clip(
        (fine.axis(axis) - coarse.origin[axis]) / coarse.step[axis], 0, coarse.shape[axis] - 1.001
    )
    low = place.astype(int)
    weights = np.zeros((len(place), coarse.shape[axis]), np.float32)
    rows = np.arange(len(place))
    weights[rows, low] = 1 - (place - low)
    weights[rows, low + 1] = place - low
    return weights


def paint_layers(layers: list[Layer], noises, coarse: Lattice, fine: Lattice, behind: int = 0):
    """HU (Z, Y, X) float32 and the tissue map uint8.

    Args:
        noises: the coarse-grid textures, fine and coarse.
        behind: so many of the first layers have edges as wide as the coarse grid's voxels, which is quick.
    """
    wx, wy, wz = (hat(coarse, fine, i) for i in range(3))
    edge = float(np.mean(fine.step))
    image = np.empty(fine.zyx, np.float32)
    tissue = np.zeros(fine.zyx, np.uint8)
    ground = np.full(coarse.zyx, -1000.0, np.float32)
    grain = np.zeros(coarse.zyx, np.float32)
    for layer in layers[:behind]:
        cover = np.clip(0.5 + layer.depth / coarse.step[0], 0, 1)
        ground += (layer.hu - ground) * cover
        grain += (layer.texture - grain) * cover
    ground += grain * noises[0]
    for k in range(fine.shape[2]):
        low = int(np.argmax(wz[k] > 0))
        part = 1 - wz[k, low]

        def between(volume, y=slice(None), x=slice(None), low=low, part=part):
            return volume[low, y, x] * (1 - part) + volume[low + 1, y, x] * part

        image[k] = wy @ between(ground) @ wx.T
        mottle = [wy @ between(v) @ wx.T for v in noises]
        for layer in layers[behind:]:
            flat = between(layer.depth)
            shown = flat > -edge - 1e-3
            spans = []
            for axis, weights in ((1, wy), (0, wx)):
                some = np.flatnonzero(shown.any(axis))
                span = slice(max(some[0] - 1, 0), some[-1] + 2) if len(some) else slice(0, 0)
                covered = np.flatnonzero(weights[:, span].sum(1) > 0.999)
                spans.append((span, slice(covered[0], covered[-1] + 1) if len(covered) else slice(0, 0)))
            (y, rows), (x, columns) = spans
            if rows.start == rows.stop or columns.start == columns.stop:
                continue
            cover = wy[rows, y] @ np.clip(flat[y, x], -4, 4) @ wx[columns, x].T
            cover *= 1 / edge
            cover += 0.5
            np.clip(cover, 0, 1, out=cover)
            view = image[k, rows, columns]
            change = layer.hu - view
            if layer.texture:
                change += layer.texture * mottle[int(layer.coarse)][rows, columns]
            change *= cover
            view += change
            if layer.tissue or tissue[k].any():
                np.putmask(map_ := tissue[k, rows, columns].copy(), cover > 0.5, layer.tissue)
                tissue[k, rows, columns] = map_
    return image, tissue


def fractions(fine: Lattice, tubes, finest_mm: float = 0.25):
    """What balls along tubes fill of every voxel, counted on a finer grid.

    Args:
        tubes: (points (N, 3), radius (N,) or a number, HU (N,) or a number).

    Returns:
        flat voxels, the part of each that is filled, the mean HU there.
    """
    split = np.maximum(np.ceil(fine.step / finest_mm - 0.2), 1).astype(int)
    step = fine.step / split
    origin = fine.origin - fine.step / 2 + step / 2
    counts = np.array(fine.shape) * split
    cells, values = [], []
    for points, radius, hu in tubes:
        points = np.asarray(points, float)
        for point, r, value in zip(
            points, np.broadcast_to(radius, len(points)), np.broadcast_to(hu, len(points))
        ):
            low = np.maximum(np.ceil((point - r - origin) / step), 0).astype(int)
            high = np.minimum(np.floor((point + r - origin) / step) + 1, counts).astype(int)
            if (low >= high).any():
                continue
            x, y, z = (np.arange(a, b) for a, b in zip(low, high))
            ball = ((origin[0] + step[0] * x - point[0]) ** 2)[None, None] + (
                (origin[1] + step[1] * y - point[1]) ** 2
            )[None, :, None]
            ball = ball + ((origin[2] + step[2] * z - point[2]) ** 2)[:, None, None] <= r * r
            k, j, i = np.nonzero(ball)
            cells.append(((z[k] * counts[1] + y[j]) * counts[0]) + x[i])
            values.append(np.full(len(i), value, np.float32))
    if not cells:
        return np.zeros(0, int), np.zeros(0, np.float32), np.zeros(0, np.float32)
    cells, first = np.unique(np.concatenate(cells), return_index=True)
    values = np.concatenate(values)[first]
    i, rest = cells % counts[0], cells // counts[0]
    j, k = rest % counts[1], rest // counts[1]
    voxel = ((k // split[2]) * fine.shape[1] + j // split[1]) * fine.shape[0] + i // split[0]
    voxels, inverse = np.unique(voxel, return_inverse=True)
    full = np.bincount(inverse)
    mean = np.bincount(inverse, values) / full
    return voxels, (full / np.prod(split)).astype(np.float32), mean.astype(np.float32)


def fill(image: np.ndarray, painted) -> None:
    """Blend what `fractions` found into an image (Z, Y, X), in place."""
    voxels, part, value = painted
    flat = image.reshape(-1)
    flat[voxels] += part * (value - flat[voxels])
