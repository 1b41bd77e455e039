"""Where a model that keeps the aorta is cut: across it, at either end of what the mask holds of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bundle.common.coordinates import voxel_to_world, voxel_volume_mm3, voxels_of
from bundle.common.polylines import at_length
from bundle.geometry.centerline import find_aorta, vessel_tree
from bundle.geometry.core import Tree, Vessels
from bundle.geometry.surface import smooth_surface, vessel_surface

from .ends import Plane

__all__ = ["aorta_ends"]

_STEP_MM = 1.0
_WHOLE = 0.8  # of the section further in: a plane nearer to the end cuts only a corner off
_DEEPER_MM = (0.0, 1.0, 2.0, 4.0)


def aorta_ends(vessels: Vessels, tree: Tree) -> list[tuple[str, str, list[Plane]]]:
    """Name, kind and planes, in the order in which they are to be tried, of the aorta's inlet and outlet.

    Args:
        vessels: with the aorta. tree: of the coronaries; the aorta's end that lies nearer to where they begin
            is the inlet.

    Returns:
        nothing where the mask holds no aorta, or too little of it to tell its direction.
    """
    aorta = find_aorta(vessels.mask, vessels.affine)
    if aorta is None:
        return []
    own = replace(vessels, mask=aorta)
    pieces = vessel_tree(own, smooth_surface(vessel_surface(own))[0]).segments
    if not pieces:
        return []
    axis = max(pieces, key=lambda piece: piece.length_mm)
    inwards = float(np.median(axis.radius))
    if axis.length_mm < 2.0 * inwards:
        return []
    ostia = np.mean([s.points[0] for s in tree.segments if s.parent < 0], axis=0)
    lines = sorted((axis.points, axis.points[::-1]), key=lambda line: np.linalg.norm(line[0] - ostia))
    voxels = voxel_to_world(voxels_of(aorta), vessels.affine)
    size = voxel_volume_mm3(vessels.affine)
    planes = [_planes(line, inwards, voxels, size) for line in lines]
    return [(f"{kind}_aorta", kind, own) for kind, own in zip(("inlet", "outlet"), planes)]


def _planes(line: np.ndarray, radius_mm: float, voxels: np.ndarray, voxel_mm3: float) -> list[Plane]:
    """Planes across the beginning of a line (N, 3) among voxels (M, 3), the first near the mask's end.

    The direction is that of the line from one to two radii inside: nearer to a flat end it turns to a corner.
    """
    near, far = at_length(line, line, np.array([0.8, 1.8]) * radius_mm)
    out = (near - far) / np.linalg.norm(near - far)
    away = voxels - near
    height = away @ out
    height[np.linalg.norm(away - np.outer(height, out), axis=1) > 2.0 * radius_mm] = -np.inf
    step = np.floor((height.max() - height) / _STEP_MM)
    count = np.array([np.count_nonzero(step == n) for n in range(int(2.0 * radius_mm / _STEP_MM))])
    first = int(np.argmax(count >= _WHOLE * np.median(count)))
    found = []
    for deeper in _DEEPER_MM:
        section = voxels[step == first + int(deeper / _STEP_MM)]
        area = len(section) * voxel_mm3 / _STEP_MM
        found.append(Plane(section.mean(axis=0), out, float(np.sqrt(area / np.pi))))
    return found
