import csv

import numpy as np
import pytest
import pyvista as pv
from hearts import heart

from bundle.common.coordinates import ras_to_lps
from bundle.common.tables import exact, write_csv
from bundle.geometry.io.trees import BRANCH_COLUMNS, read_branches, write_tree
from bundle.geometry.measure.branches import measure_tree, values_from_tree
from bundle.geometry.naming import name_branches


@pytest.fixture(scope="module")
def tree():
    return name_branches(heart()[0])


def test_vtp_has_a_line_a_branch_in_lps_with_radius_and_name(tree, tmp_path):
    write_tree(tree, tmp_path / "c.vtp")
    back = pv.read(tmp_path / "c.vtp")
    assert back.n_cells == len(tree.branches)
    assert list(back.cell_data["branch_name"]) == [b.name for b in tree.branches]
    for number, branch in enumerate(tree.branches):
        cell = back.get_cell(number)
        np.testing.assert_allclose(cell.points, ras_to_lps(branch.points), atol=1e-3)
        np.testing.assert_allclose(back.point_data["radius_mm"][cell.point_ids], branch.radius)
    assert list(back.field_data["SPACE"]) == ["LPS"]


def test_what_was_written_is_read(tree, tmp_path):
    write_tree(tree, tmp_path / "c.vtp")
    for back, branch in zip(read_branches(tmp_path / "c.vtp"), tree.branches, strict=True):
        assert (back.name, back.parent, back.tree) == (branch.name, branch.parent, branch.tree)
        np.testing.assert_allclose(back.points, branch.points, atol=1e-4)
        np.testing.assert_array_equal(back.junction, branch.junction)


def test_table_has_units_and_a_row_a_branch(tree, tmp_path):
    write_csv(tmp_path / "b.csv", measure_tree(tree), BRANCH_COLUMNS, exact)
    with open(tmp_path / "b.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == [b.name for b in tree.branches]
    assert float(rows[0]["length_mm"]) == pytest.approx(tree.branches[0].length_mm, abs=0.01)


def test_the_wall_of_a_thick_vessel_is_not_given_to_a_thin_one_beside_it(tree):
    lad = next(i for i, b in enumerate(tree.branches) if b.name == "LM")
    branch = tree.branches[lad]
    middle = branch.points[len(branch.points) // 2]
    wall = middle + np.array([[0, 0, 2.2], [0, 2.2, 0], [0, 0, -2.2]])
    values = values_from_tree(tree, wall)
    assert (values["branch_id"] == lad).all()
    np.testing.assert_allclose(values["radius_mm"], 2.2)
    np.testing.assert_allclose(values["centerline_distance_mm"], 2.2, atol=0.3)
