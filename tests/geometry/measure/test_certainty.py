"""How sure a branch is: the mean of the maps along it, and a logistic model of both and the length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.geometry.core import Branch
from bundle.geometry.measure import BranchCertainty, evidence_of

MODEL = BranchCertainty(intercept=-1.0, lumen=0.6, vein=-2.5, length=0.9)


def straight_branch(length_mm: float) -> Branch:
    points = np.column_stack([np.full(40, 10.0), np.full(40, 10.0), np.linspace(2, 2 + length_mm, 40)])
    no = np.zeros(40, bool)
    return Branch(points, np.ones(40), np.ones(40), no, no, -1, 0, "LAD", 1.0, [0])


def test_the_means_are_those_along_the_line():
    lumen, vein = np.zeros((40, 40, 80)), np.full((40, 40, 80), 0.2)
    lumen[19:22, 19:22] = np.linspace(0, 1, 80)  # rises along the vessel
    (row,) = evidence_of(
        [straight_branch(30)], np.diag([0.5, 0.5, 0.5, 1]), {"lumen": lumen, "vein": vein}, MODEL
    )
    assert row["lumen_probability"] == pytest.approx(17 / 39.5, abs=0.01)  # of the middle, 17 mm
    assert row["vein_probability"] == pytest.approx(0.2)
    assert row["certainty"] == pytest.approx(MODEL(30, 17 / 39.5, 0.2), abs=0.01)


def test_without_a_map_or_a_model_nothing_is_said():
    affine, branches = np.eye(4), [straight_branch(20)]
    assert evidence_of(branches, affine, {"lumen": None, "vein": None}, MODEL) == [
        {"lumen_probability": None, "vein_probability": None, "certainty": None}
    ]
    (row,) = evidence_of(branches, affine, {"lumen": np.full((30, 30, 30), 0.7), "vein": None})
    assert row == {"lumen_probability": 0.7, "vein_probability": None, "certainty": None}


@given(
    length=st.floats(1, 200),
    lumen=st.lists(st.floats(0, 1), min_size=2, max_size=2),
    vein=st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_more_lumen_is_surer_and_more_vein_less_sure(length, lumen, vein):
    low, high = sorted(lumen)
    less, more = sorted(vein)
    assert 0 < MODEL(length, low, more) <= MODEL(length, high, less) < 1
    assert MODEL(length, low) == MODEL(length, low, 0.0)


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="length must be a number"):
        BranchCertainty(0.0, 1.0, 1.0, float("inf"))
