"""The foreign scans: another generator's, whose files say the same about themselves as the bundle's own."""

import ast
import json
import sys
from pathlib import Path

import foreign
import nibabel as nib
import numpy as np
import pytest
from foreign import case as foreign_case
from foreign import draw_case, write_foreign
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
            assert cdist(trees[branch["name"]][:1], trees[branch["parent"]]).min() < 2


def test_the_sets_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="held-out, shifted, foreign"):
        study_set("strange", 1, tmp_path)
    with pytest.raises(InputError, match="foreign hearts"):
        study_set("shifted", 1, tmp_path, real_courses=tmp_path)
    first = sorted(FIRST_SEEDS.values())
    assert first == [
        3_000_000,
        6_000_000,
        7_000_000,
    ]  # training has those under 3,000,000 and from 10,000,000


def test_real_courses_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"has no lca_cl\.vtp"):
        study_set("foreign", 1, tmp_path / "cases", real_courses=tmp_path)
    assert not (tmp_path / "cases").exists()
