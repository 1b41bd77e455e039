"""The foreign scans: another generator's, whose files say the same about themselves as the bundle's own."""

import ast
import json
import sys
from itertools import pairwise
from pathlib import Path

import foreign
import nibabel as nib
import numpy as np
import pytest
from foreign import case as foreign_case
from foreign import draw_case, write_foreign
from foreign.labelled import read_labelled
from foreign.scan import draw_scanner
from foreign.vessels import STEP
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from studies.sets import FIRST_SEEDS, study_set

from bundle.common.errors import InputError

ALLOWED = {"nibabel", "numpy", "scipy"} | set(sys.stdlib_module_names)
NARCO = Path(__file__).parents[3] / "shared" / "data" / "narco119"
SPACING = 2.5


@pytest.fixture(scope="module")
def case():
    return draw_case(7_000_001, SPACING)


def test_it_imports_nothing_of_the_generator():
    for path in Path(foreign.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {name.split(".")[0] for name in names} <= ALLOWED, path


def test_the_centreline_lies_in_the_label_where_a_voxel_can_hold_it(case):
    inverse = np.linalg.inv(case.affine)
    near = ndimage.maximum_filter(case.label, 3)
    for branch in case.truth["branches"]:
        points, radius = np.array(branch["points_ras_mm"]).reshape(-1, 3), np.array(branch["radius_mm"])
        assert len(points) == len(radius)
        voxel = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
        assert ((voxel >= 0) & (voxel < case.label.shape)).all()
        assert near[tuple(voxel[radius > 0.6 * SPACING].T)].all()


def test_the_lumen_is_bright_and_the_tissues_are_what_they_are_called(case):
    hu = case.truth["parameters"]["hu"]
    assert set(np.unique(case.tissue)) == {0, 1, 2, 3, 4, 5}
    assert ((case.tissue == 1) == (case.label == 1)).all()
    assert abs(np.median(case.image[case.tissue == 3]) - hu["aorta"]) < 0.1 * hu["aorta"]
    assert np.median(case.image[case.label == 1]) > 200
    assert np.median(case.image[case.tissue == 5]) > 100


def test_the_label_of_a_shifted_slab_lies_around_its_centreline(monkeypatch):
    # Moved by whole voxels it would lie up to half of one beside the vessel that the image shows.
    spacing = 1.0
    scanner = draw_scanner(np.random.default_rng(3))
    still = {"slabs": [(-1e3, 0.45, 0.45)], "motion_mm": 0.0, "tilt_degrees": [0.0] * 3}
    monkeypatch.setattr(foreign_case, "draw_scanner", lambda rng: scanner | still)
    case = draw_case(7_000_001, spacing)
    line = np.concatenate([b["points_ras_mm"] for b in case.truth["branches"] if b["points_ras_mm"]])
    voxels = np.argwhere(case.label) @ case.affine[:3, :3].T + case.affine[:3, 3]
    distance, nearest = cKDTree(line).query(voxels)
    beside = (voxels - line[nearest])[distance < 3 * spacing].mean(0)
    np.testing.assert_allclose(beside[:2], 0, atol=0.15 * spacing)


def test_one_seed_is_one_case_and_a_file_keeps_it(case, tmp_path):
    (paths,) = write_foreign([7_000_001], tmp_path, 1, spacing_mm=SPACING)
    image, label = nib.load(paths["image"]), nib.load(paths["label"])
    np.testing.assert_array_equal(image.get_fdata(), case.image)
    np.testing.assert_array_equal(label.get_fdata(), case.label)
    np.testing.assert_allclose(image.affine, case.affine, atol=1e-4)
    truth = json.loads(Path(paths["truth"]).read_text())
    assert truth["parameters"]["seed"] == 7_000_001
    assert "".join(nib.aff2axcodes(image.affine)) == truth["parameters"]["scanner"]["orientation"]
    before = Path(paths["image"]).stat().st_mtime_ns
    write_foreign([7_000_001], tmp_path, 1, spacing_mm=SPACING)
    assert Path(paths["image"]).stat().st_mtime_ns == before


def test_another_seed_is_another_heart(case):
    other = draw_case(7_000_002, 3.0)
    assert other.truth["parameters"]["hu"] != case.truth["parameters"]["hu"]


@pytest.mark.skipif(not NARCO.is_dir(), reason="../shared/data/narco119 is not here")
def test_real_courses_lie_on_the_heart_and_begin_at_the_aorta():
    case = draw_case(7_000_003, SPACING, NARCO)
    assert case.truth["parameters"]["courses"] == "narco119"
    trees = {branch["name"]: np.array(branch["points_ras_mm"]) for branch in case.truth["branches"]}
    assert 100 < STEP * len(trees["LCA"]) < 260 and 120 < STEP * len(trees["RCA"]) < 280
    inverse = np.linalg.inv(case.affine)
    near = ndimage.binary_dilation(case.tissue == 3, iterations=2)
    for name in ("LCA", "RCA"):
        assert near[tuple(np.rint(inverse[:3, :3] @ trees[name][0] + inverse[:3, 3]).astype(int))]
    for branch in case.truth["branches"]:
        if branch["parent"]:
            assert cdist(trees[branch["name"]][:1], trees[branch["parent"]]).min() < 2.5


def test_the_sets_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="held-out, shifted, foreign, real"):
        study_set("strange", 1, tmp_path)
    # Training has seeds under 3,000,000 and from 10,000,000 on.
    assert sorted(FIRST_SEEDS.values()) == [3_000_000, 6_000_000, 7_000_000, 7_500_000]


def test_real_courses_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match="courses has no courses of patients"):
        study_set("real", 1, tmp_path)
    assert not list(tmp_path.iterdir())


GRID = np.array([0.4 / 0.41, 0.4 / 0.39, 0.4 / 0.25])  # rows, columns and slices of a voxel of 0.4 mm


def a_line(*corners):
    """Voxels on the straight lines between corners (row, column, slice), as a skeleton's."""
    corners = np.array(corners)
    steps = [np.linspace(a, b, np.abs(b - a).max() + 1)[1:] for a, b in pairwise(corners)]
    return (np.rint(np.vstack([corners[:1], *steps])) * GRID + 0.3).tolist()


def labelled_file(path):
    """Left: LM to the left, then LAD to the front with a diagonal, LCx to the back. Right: RCA and PDA."""
    content = {
        "l_points": [
            {"point_set": a_line((100, 100, 200), (100, 125, 200)), "cls": 9},
            {"point_set": a_line((99, 126, 200), (60, 150, 190)), "cls": 10},
            {"point_set": a_line((59, 151, 190), (20, 160, 100)), "cls": 10},
            {"point_set": a_line((60, 151, 189), (50, 200, 160)), "cls": 11},
            {"point_set": a_line((101, 126, 200), (160, 170, 180)), "cls": 15},
        ],
        "r_points": [
            {"point_set": a_line((80, 60, 190), (60, 0, 120), (130, 20, 60)), "cls": 2},
            {"point_set": a_line((129, 21, 59), (80, 60, 20)), "cls": 6},
        ],
        "l_tree": [[0, 1], [1, 2], [1, 3], [0, 4]],
        "r_tree": [[0, 1]],
    }
    path.write_text(json.dumps(content))


def test_readers_trees_are_in_millimetres_and_lie_as_the_patient_does(tmp_path):
    labelled_file(tmp_path / "A.json")
    courses = {course.name: course for course in read_labelled(tmp_path / "A.json")}
    assert list(courses) == ["LM", "LAD", "D1", "LCx", "RCA", "PDA"]
    main = courses["LM"].points
    assert np.linalg.norm(main[-1] - main[0]) == pytest.approx(25 * 0.4, abs=0.3)
    assert main[-1, 0] < main[0, 0] - 9  # columns run to the left
    assert courses["LAD"].points[-1, 1] > courses["LCx"].points[-1, 1] + 40  # rows to the back
    assert courses["LAD"].points[-1, 2] < main[0, 2] - 35  # slices up
    assert courses["RCA"].points[:, 0].max() > main[0, 0] + 35  # the right coronary on the right
    parents = {name: list(courses)[c.parent] if c.parent >= 0 else None for name, c in courses.items()}
    assert parents == {"LM": None, "LAD": "LM", "D1": "LAD", "LCx": "LM", "RCA": None, "PDA": "RCA"}
    for name, parent in parents.items():
        if parent:
            assert cdist(courses[name].points[:1], courses[parent].points).min() < 1.5
    assert all((np.diff(course.radius) <= 0).all() for course in courses.values())


def test_points_that_lie_on_no_grid_are_refused(tmp_path):
    labelled_file(tmp_path / "A.json")
    content = json.loads((tmp_path / "A.json").read_text())
    rng = np.random.default_rng(0)
    for part in content["l_points"] + content["r_points"]:
        part["point_set"] = (
            np.array(part["point_set"]) + rng.uniform(0, 5, (len(part["point_set"]), 3))
        ).tolist()
    (tmp_path / "A.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="voxels of a grid"):
        read_labelled(tmp_path / "A.json")


def test_patients_take_turns_on_foreign_hearts(tmp_path):
    for name in ("A", "B"):
        labelled_file(tmp_path / f"{name}.json")
    drawn = [draw_case(seed, 4.0, tmp_path).truth for seed in (7_500_000, 7_500_001)]
    assert [truth["parameters"]["tree"]["patient"] for truth in drawn] == ["A", "B"]
    names = [branch["name"] for branch in drawn[0]["branches"]]
    assert names == ["LM-0", "D1-2", "LCx-3", "RCA-4", "PDA-5"]  # the LAD goes on from the left main
