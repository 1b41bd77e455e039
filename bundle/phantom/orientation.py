"""The order and direction in which a scan's axes are stored."""

from __future__ import annotations

import numpy as np
from nibabel import orientations

__all__ = ["reorient"]


def reorient(arrays: list[np.ndarray], affine: np.ndarray, codes: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Permute and flip arrays (X, Y, Z) whose axes are R, A, S so that they point along `codes`.

    Returns:
        the arrays, first axis fastest as files have them, and the affine of the same places in the world.

    Raises:
        ValueError: `codes` are no three axis codes.
    """
    try:
        wanted = orientations.axcodes2ornt(codes)
        if sorted(wanted[:, 0]) != [0, 1, 2]:
            raise ValueError
    except ValueError:
        message = f"The orientation is {codes!r}; three axis codes such as 'LPS' are needed."
        raise ValueError(message) from None
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), wanted)
    affine = affine @ orientations.inv_ornt_aff(turn, arrays[0].shape)
    return [np.asfortranarray(orientations.apply_orientation(array, turn)) for array in arrays], affine
