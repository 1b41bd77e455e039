import numpy as np
import pyvista as pv
from vessels import straight

from bundle.geometry.core.tree import Segment, Tree, make_branch
from bundle.geometry.solver.boundary import END_COLUMNS, end_rows
from bundle.geometry.solver.model import Patch, SolverModel


def test_flow_goes_with_the_cube_of_the_radius_within_each_tree():
    """Murray: a daughter of twice the radius takes eight times the flow."""
    (segment,) = straight(np.full(10, 1.0)).segments
    pieces = [(0, -1, "LM"), (0, 0, "LAD"), (0, 0, "LCx"), (1, -1, "RCA")]
    tree = Tree([Segment(**segment.arrays(), parent=parent, tree=number) for number, parent, _ in pieces])
    tree.branches = [make_branch(tree, [i], name, 1.0, p) for i, (_, p, name) in enumerate(pieces)]
    ends = [("inlet", 0, 2.0), ("outlet", 1, 2.0), ("outlet", 2, 1.0), ("inlet", 3, 2.0), ("outlet", 3, 0.5)]
    away = np.array([1.0, 0, 0])
    patches = [Patch(0, "wall", "wall", None, None, None, 1.0)]
    patches += [
        Patch(label, f"{kind}_{branch}", kind, branch, 3 * away, away, np.pi * radius**2)
        for label, (kind, branch, radius) in enumerate(ends, start=1)
    ]
    rows = end_rows(SolverModel(pv.PolyData(), patches, []), tree)
    assert [round(row["flow_share"], 3) for row in rows] == [0.5, 0.889, 0.111, 0.5, 1.0]
    assert [row["diameter_mm"] for row in rows] == [4, 4, 2, 4, 1]
    assert (rows[0]["x_lps_mm"], rows[0]["normal_x_lps"]) == (-3, -1)
    assert all(tuple(row) == END_COLUMNS for row in rows)
