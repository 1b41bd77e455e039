"""The centreline tree and its measurements on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyvista as pv

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import Branch, Tree
from bundle.geometry.naming import scct_segments

from .meshes import write_vtp

__all__ = ["BRANCH_COLUMNS", "STENOSIS_COLUMNS", "read_branches", "write_tree"]

BRANCH_COLUMNS = (
    "branch_id", "name", "name_confidence", "tree", "parent", "length_mm", "tortuosity",
    "mean_diameter_mm", "min_diameter_mm", "proximal_diameter_mm", "taper_mm_per_10mm", "volume_mm3",
    "gap_mm", "lumen_probability", "vein_probability", "certainty",
)  # fmt: skip
STENOSIS_COLUMNS = (
    "branch", "branch_id", "scct_segment", "at_mm", "length_mm", "minimal_lumen_diameter_mm",
    "minimal_lumen_area_mm2", "reference_diameter_mm", "percent_diameter_stenosis", "percent_low",
    "percent_high", "percent_area_stenosis", "assessable", "not_assessable_because", "severity_research_use",
    "measured_by", "percent_in_image", "narrows_in_image", "calcium_mm3", "x_lps_mm", "y_lps_mm", "z_lps_mm",
)  # fmt: skip


def write_tree(tree: Tree, path: str | os.PathLike, segments: Sequence[np.ndarray] | None = None) -> None:
    """VTP of a tree with branches, LPS mm: one polyline a branch, from its ostium's side to its tip.

    Point arrays: `radius_mm` (of the area), `inscribed_radius_mm` and the same as
    `MaximumInscribedSphereRadius`, which VMTK and 3D Slicer look for, `along_mm`, `branch_id`, `junction`,
    `gap`, `scct_segment`. Cell arrays: `branch_id`, `branch_name`, `name_confidence`, `parent_id`, `tree_id`.

    Args:
        segments: from `scct_segments`, where they are known already.

    Example:
        >>> write_tree(tree, "tree.vtp")
        >>> [branch.name for branch in read_branches("tree.vtp")] == [branch.name for branch in tree.branches]
        True
    """
    branches = tree.branches
    counts = [len(b.points) for b in branches]
    rows = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    cells = np.concatenate([[len(own), *own] for own in rows])
    lines = pv.PolyData(np.concatenate([b.points for b in branches]), lines=cells)
    joined = {
        "radius_mm": [b.radius for b in branches],
        "inscribed_radius_mm": [b.inscribed for b in branches],
        "MaximumInscribedSphereRadius": [b.inscribed for b in branches],
        "along_mm": [b.along_mm for b in branches],
        "branch_id": [np.repeat(np.arange(len(branches), dtype=np.int32), counts)],
        "junction": [b.junction.astype(np.uint8) for b in branches],
        "gap": [b.gap.astype(np.uint8) for b in branches],
        "scct_segment": scct_segments(tree) if segments is None else segments,
    }
    for name, arrays in joined.items():
        lines.point_data[name] = np.concatenate(arrays)
    lines.cell_data["branch_id"] = np.arange(len(branches), dtype=np.int32)
    lines.cell_data["branch_name"] = [b.name for b in branches]
    lines.cell_data["name_confidence"] = [float(b.confidence) for b in branches]
    lines.cell_data["parent_id"] = np.array([b.parent for b in branches], np.int32)
    lines.cell_data["tree_id"] = np.array([b.tree for b in branches], np.int32)
    write_vtp(lines, path)


def read_branches(path: str | os.PathLike) -> list[Branch]:
    """The branches of a file by `write_tree`, RAS mm again; their segments are not kept."""
    lines = pv.read(path)
    points = ras_to_lps(np.asarray(lines.points, np.float64))
    branches = []
    for number in range(lines.n_cells):
        own = np.asarray(lines.get_cell(number).point_ids)
        values = {name: np.asarray(lines.point_data[name])[own] for name in lines.point_data}
        said = {name: lines.cell_data[name][number] for name in lines.cell_data}
        branches.append(
            Branch(
                points=points[own], radius=values["radius_mm"], inscribed=values["inscribed_radius_mm"],
                junction=values["junction"] > 0, gap=values["gap"] > 0, parent=int(said["parent_id"]),
                tree=int(said["tree_id"]), name=str(said["branch_name"]),
                confidence=float(said["name_confidence"]), segments=[],
            )
        )  # fmt: skip
    return branches
