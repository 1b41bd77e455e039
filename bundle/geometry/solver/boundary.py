"""Inlets and outlets of a model as a flow solver's boundary conditions want them."""

from __future__ import annotations

import numpy as np

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import Tree

from .model import SolverModel

__all__ = ["END_COLUMNS", "MURRAY", "end_rows"]

MURRAY = 3.0
"""Flow goes with this power of the radius: Murray, PNAS 1926, whose vessels cost least work."""

END_COLUMNS = (
    "ModelFaceID", "name", "kind", "branch_id", "branch", "tree", "area_mm2", "diameter_mm", "flow_share",
    "x_lps_mm", "y_lps_mm", "z_lps_mm", "normal_x_lps", "normal_y_lps", "normal_z_lps",
)  # fmt: skip


def end_rows(model: SolverModel, tree: Tree) -> list[dict]:
    """A row an inlet and an outlet of a model of `tree`, with the columns `END_COLUMNS`.

    `flow_share` goes with the cube of the radius (`MURRAY`): of an outlet it is the share of its tree's flow,
    of an inlet the share of what flows into all trees; each sums to 1. What leaves by the aorta has none: how
    much of the heart's output its branches take is no matter of their radius. `diameter_mm` is of the circle
    with the end's area. The normal has length 1 and points out of the lumen.

    Example:
        >>> [row["name"] for row in end_rows(solver_model(wall, tree), tree)]
        ['inlet_LM', 'outlet_LM']
    """
    ends = [patch for patch in model.patches if patch.kind != "wall"]
    branches = [None if patch.branch is None else tree.branches[patch.branch] for patch in ends]
    group = [
        (patch.kind, branch.tree if branch is not None and patch.kind == "outlet" else -1)
        for patch, branch in zip(ends, branches)
    ]
    flow = np.array([patch.area_mm2 for patch in ends]) ** (MURRAY / 2)
    rows = []
    for number, patch in enumerate(ends):
        branch = branches[number]
        own = np.array([other == group[number] for other in group])
        row = {"ModelFaceID": patch.label, "name": patch.name, "kind": patch.kind}
        row["branch_id"], row["branch"] = patch.branch, "aorta" if branch is None else branch.name
        row["tree"] = None if branch is None else branch.tree
        row["area_mm2"] = round(patch.area_mm2, 4)
        row["diameter_mm"] = round(float(np.sqrt(4 * patch.area_mm2 / np.pi)), 4)
        row["flow_share"] = round(float(flow[number] / flow[own].sum()), 5)
        if patch.branch is None and patch.kind == "outlet":
            row["flow_share"] = None
        center, normal = np.round(ras_to_lps(patch.center), 4), np.round(ras_to_lps(patch.normal), 5)
        row |= dict(zip(END_COLUMNS[-6:], [*(center + 0.0).tolist(), *(normal + 0.0).tolist()]))
        rows.append(row)
    return rows
