"""Connected parts of a mask, by their voxels.

Vessels fill a hundredth of their box: what is asked of their voxels takes a tenth of the time that the same
takes of all voxels.
"""

from __future__ import annotations

import cc3d
import numpy as np

from bundle.common.coordinates import voxels_of

__all__ = ["number_parts", "parts_of_voxels", "without_specks"]


def number_parts(
    mask: np.ndarray, least: int = 1, connectivity: int = 26
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The connected parts of at least so many voxels, numbered from 1 on.

    Args:
        mask: (X, Y, Z) bool. connectivity: 6, 18 or 26.

    Returns:
        labels (X, Y, Z), 0 outside of the parts; their voxels (N, 3), in the order of the array, and the part
        (N,) of each.

    Example:
        >>> mask = np.zeros((2, 2, 9), bool)
        >>> mask[0, 0, [0, 2, 3, 7, 8]] = True
        >>> labels, voxels, part = number_parts(mask, least=2)
        >>> labels[0, 0].tolist(), voxels[:, 2].tolist(), part.tolist()
        ([0, 0, 1, 1, 0, 0, 0, 2, 2], [2, 3, 7, 8], [1, 1, 2, 2])
    """
    labels, voxels = cc3d.connected_components(mask, connectivity=connectivity), voxels_of(mask)
    part = labels[tuple(voxels.T)]
    enough = np.bincount(part, minlength=1) >= least
    enough[0] = False
    if enough[1:].all():
        return labels, voxels, part
    part = np.where(enough, np.cumsum(enough), 0).astype(labels.dtype)[part]
    labels[tuple(voxels.T)] = part
    return labels, voxels[part > 0], part[part > 0]


def parts_of_voxels(mask: np.ndarray) -> list[np.ndarray]:
    """The voxels (N, 3) of each 26-connected part of a bool mask (X, Y, Z), in the order of the array."""
    _, voxels, part = number_parts(mask)
    if len(voxels) == 0:
        return []
    order = np.argsort(part, kind="stable")
    return np.split(voxels[order], np.flatnonzero(np.diff(part[order])) + 1)


def without_specks(mask: np.ndarray, least: int, connectivity: int = 26) -> np.ndarray:
    """A bool mask (X, Y, Z) without its connected parts of fewer voxels than `least`."""
    return number_parts(mask, least, connectivity)[0] > 0
