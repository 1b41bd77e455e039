"""The point clouds of a case, the values at the points of its wall and its clouds, and their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyvista as pv

from bundle.common.coordinates import voxel_size_mm
from bundle.geometry.core import Tree, Vessels, sample_volume
from bundle.geometry.measure import Stenosis, values_from_tree
from bundle.geometry.render import Label, branch_colors, crimson_to_yellow, nice_limits
from bundle.geometry.surface import PointCloud, surface_cloud, voxel_cloud

from .options import COLOURS

__all__ = [
    "choose_colour",
    "cloud_rgb",
    "clouds_of",
    "labels_of",
    "legend_of",
    "values_at",
    "wall_colours",
]

_GREY = (120, 124, 132)
_BESIDE_MM = 1.5


def values_at(
    vessels: Vessels,
    tree: Tree,
    points: np.ndarray,
    normals: np.ndarray | None,
    certainty: Sequence | None = None,
) -> dict:
    """Named values (N,) at points (N, 3) of the wall (with normals) or of the lumen (without).

    The confidence at the wall is the probability one voxel inwards, 0..1: on the wall itself it is the
    threshold everywhere and tells nothing. `certainty` is that of each branch, where it is known.
    """
    values = {}
    if vessels.probability is not None and normals is None:
        values["confidence"] = sample_volume(vessels.probability, vessels.affine, points, order=0)
    elif vessels.probability is not None:
        inwards = points - normals * float(voxel_size_mm(vessels.affine).mean())
        values["confidence"] = np.clip(sample_volume(vessels.probability, vessels.affine, inwards), 0.0, 1.0)
    if tree.branches:
        values |= values_from_tree(tree, points)
        if certainty is not None:
            values["certainty"] = np.asarray(certainty, np.float32)[values["branch_id"]]
        return values
    # The paper's colouring: the distance to the cloud's own middle.
    return values | {"centerline_distance_mm": np.linalg.norm(points - points.mean(axis=0), axis=1)}


def clouds_of(
    vessels: Vessels,
    mesh: pv.PolyData,
    tree: Tree,
    spacing_mm: float,
    voxels: bool,
    certainty: Sequence | None = None,
) -> dict[str, PointCloud]:
    """The surface cloud "points" and, with `voxels`, the cloud "voxels", with their values."""
    clouds = {"points": surface_cloud(mesh, spacing_mm)}
    if voxels:
        clouds["voxels"] = voxel_cloud(vessels.mask, vessels.affine)
    for cloud in clouds.values():
        cloud.values = values_at(vessels, tree, cloud.points, cloud.normals, certainty)
    return clouds


def choose_colour(
    colour_by: str | None, vessels: Vessels, tree: Tree, certainty: Sequence | None = None
) -> tuple[str, list[str]]:
    """The array that colours the clouds, and what has to be said about it.

    Raises:
        ValueError: colours by probability or by certainty were asked for and there is none.
    """
    if colour_by is None:
        colour_by = "distance" if vessels.probability is None else "probability"
    if colour_by == "probability" and vessels.probability is None:
        raise ValueError("clouds are coloured by probability only where there is one; a mask alone has none")
    if colour_by == "certainty" and tree.branches and certainty is None:
        raise ValueError(
            "colours by certainty need a probability, and weights whose certainty is known (native mode)"
        )
    if colour_by in ("branch", "certainty") and not tree.branches:
        return COLOURS["distance"], ["no branch was found; the clouds are coloured by distance"]
    return COLOURS[colour_by], []


def cloud_rgb(cloud: PointCloud, array: str, tree: Tree) -> np.ndarray:
    """Colours (N, 3) uint8 of a cloud's points by one of its arrays."""
    values = cloud.values[array]
    if array == COLOURS["branch"]:
        return branch_colors([branch.name for branch in tree.branches])[values]
    return crimson_to_yellow(values, limits_of(array, values))


def limits_of(array: str, values: np.ndarray) -> tuple[float, float]:
    """Of the colours of an array: the values' own, but of a certainty always the same, even odds to sure."""
    return (0.5, 1.0) if array == COLOURS["certainty"] else nice_limits(values)


def legend_of(tree: Tree, mesh: pv.PolyData, colour: str) -> tuple[np.ndarray, str]:
    """What mesh and pictures show: the lumen's width, or the distance to the middle where there is no tree.

    Where the clouds' `colour` is the certainty, that.
    """
    if colour == COLOURS["certainty"]:
        return mesh.point_data[colour], "Certainty that it is an artery"
    if tree.branches:
        return 2 * mesh.point_data["radius_mm"], "Lumen diameter (mm)"
    return mesh.point_data["centerline_distance_mm"], "Distance to the centre (mm)"


def is_coronary(tree: Tree, mesh: pv.PolyData) -> np.ndarray:
    """Which vertices (N,) of the mesh lie no further from a centreline than the vessel there is wide.

    The others are wall of what is no coronary, such as an aorta's.
    """
    if not tree.branches:
        return np.ones(mesh.n_points, bool)
    return mesh.point_data["centerline_distance_mm"] <= 2 * mesh.point_data["radius_mm"] + _BESIDE_MM


def wall_colours(tree: Tree, mesh: pv.PolyData, array: str, values: np.ndarray) -> dict:
    """`limits` of the colours of `values` (N,) at the mesh's vertices, and `rgb` (N, 3) uint8: grey what is
    no coronary."""
    coronary = is_coronary(tree, mesh)
    limits = limits_of(array, values[coronary])
    rgb = crimson_to_yellow(values, limits)
    rgb[~coronary] = _GREY
    return {"limits": limits, "rgb": rgb}


def labels_of(tree: Tree, lesions: Sequence[Stenosis]) -> list[Label]:
    """For a picture: assessable narrowings with their per cent, then the names, the longest branch first."""
    found = [
        Label(tuple(lesion.point_ras_mm), f"{lesion.percent_diameter:.0f} %", mark=True)
        for lesion in sorted(lesions, key=lambda lesion: -lesion.percent_diameter)
        if lesion.assessable
    ]
    for branch in sorted(tree.branches, key=lambda branch: -branch.length_mm):
        if branch.name != "unknown":
            found.append(Label(tuple(branch.points[len(branch.points) // 2]), branch.name))
    return found
