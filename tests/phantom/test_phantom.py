"""Facts about a synthetic scan: determinism, geometry, anatomy, contrast, truth."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from bundle.phantom import make_phantom

TINY = (64, 64, 48)
MIDDLE = (160, 160, 120)


@pytest.fixture(scope="module")
def case():
    return make_phantom(4, MIDDLE, orientation="RAS")


def world(case, voxels):
    return np.asarray(voxels) @ case.affine[:3, :3].T + case.affine[:3, 3]


def voxels(case, points):
    return (np.asarray(points) - case.affine[:3, 3]) @ np.linalg.inv(case.affine[:3, :3]).T


def test_same_seed_same_scan_and_other_seed_another():
    first, again, other = (make_phantom(seed, TINY) for seed in (3, 3, 5))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.label, again.label)
    np.testing.assert_array_equal(first.affine, again.affine)
    assert (
        first.tree["branches"][0]["points_ras_mm"].tolist()
        == again.tree["branches"][0]["points_ras_mm"].tolist()
    )
    assert not np.array_equal(first.image, other.image)


def test_image_is_int16_hounsfield_and_label_binary(case):
    assert case.image.dtype == np.int16 and case.label.dtype == np.uint8
    assert case.image.shape == case.label.shape == MIDDLE
    assert case.image.min() >= -1024 and case.image.max() <= 3071
    assert set(np.unique(case.label)) == {0, 1}
    air = np.median(case.image[case.image < -950])
    assert -1024 <= air <= -950


def test_every_shape_shows_the_same_patient():
    coarse, fine = make_phantom(2, TINY, orientation="RAS"), make_phantom(2, (96, 96, 72), orientation="RAS")
    a, b = coarse.tree["branches"], fine.tree["branches"]
    assert [x["name"] for x in a] == [x["name"] for x in b]
    for x, y in zip(a, b):
        np.testing.assert_allclose(x["radius_mm"], y["radius_mm"])
        np.testing.assert_allclose(x["points_ras_mm"], y["points_ras_mm"], atol=1e-6)


def test_centerline_runs_in_the_label_and_in_enhanced_blood(case):
    thick = np.vstack([b["points_ras_mm"][b["radius_mm"] > 1.2][12:] for b in case.tree["branches"]])
    at = np.rint(voxels(case, thick)).astype(int)
    at = at[((at >= 0) & (at < case.label.shape)).all(axis=1)]
    assert case.label[tuple(at.T)].mean() > 0.97
    aorta = case.parameters["contrast"]["aorta"]
    assert np.median(case.image[tuple(at.T)]) > 0.55 * aorta


def test_label_surface_lies_one_radius_from_the_centerline(case):
    """Every labelled voxel is within its vessel's radius of the axis, to the size of a voxel."""
    points = np.vstack([b["points_ras_mm"] for b in case.tree["branches"]])
    radius = np.concatenate([b["radius_mm"] for b in case.tree["branches"]])
    labelled = world(case, np.argwhere(case.label))
    distance, nearest = cKDTree(points).query(labelled)
    voxel = np.linalg.norm(case.affine[:3, :3], axis=0).max()
    assert (distance - radius[nearest]).max() < voxel


def test_label_volume_equals_the_tubes_volume(case):
    """The lumen's volume is that of its tubes, less overlaps at bifurcations and what lies in the aorta.

    Vessels thinner than 0.8 mm in radius fill less than half of most of these 1.5 mm voxels.
    """
    radii = np.concatenate([b["radius_mm"] for b in case.tree["branches"]])
    thick, all_tubes = (0.5 * np.pi * (radii[radii > limit] ** 2).sum() for limit in (0.8, 0.0))
    measured = case.label.sum() * abs(np.linalg.det(case.affine[:3, :3]))
    assert 0.75 * thick < measured < 1.05 * all_tubes


def test_two_trees_start_at_the_aorta_and_do_not_touch(case):
    names = {b["name"]: b for b in case.tree["branches"]}
    assert {"LM", "LAD", "LCx", "RCA"} <= set(names)
    left = np.vstack([names[n]["points_ras_mm"] for n in ("LM", "LAD", "LCx")])
    right = names["RCA"]["points_ras_mm"]
    assert cKDTree(left).query(right[: len(right) // 2])[0].min() > 5.0
    for root in ("LM", "RCA"):
        assert names[root]["parent"] is None


def test_anatomy_in_patient_space(case):
    """RAS: the RCA lies right of the LAD, the LCx behind it, and the LAD ends below its start."""
    names = {b["name"]: b["points_ras_mm"] for b in case.tree["branches"]}
    assert names["RCA"][:, 0].mean() > names["LAD"][:, 0].mean() + 20
    assert names["LCx"][:, 1].mean() < names["LAD"][:, 1].mean() - 10
    assert names["LAD"][-1, 2] < names["LAD"][0, 2] - 20


def test_children_begin_on_their_parent(case):
    names = {b["name"]: b for b in case.tree["branches"]}
    for branch in case.tree["branches"]:
        if branch["parent"] and names[branch["parent"]]["complete"] and len(branch["points_ras_mm"]):
            gap = np.linalg.norm(
                names[branch["parent"]]["points_ras_mm"] - branch["points_ras_mm"][0], axis=1
            )
            assert gap.min() < 2.0, branch["name"]


def test_vessels_taper_and_stay_in_human_bounds(case):
    for branch in case.tree["branches"]:
        reference = branch["reference_radius_mm"]
        if branch["complete"]:
            assert reference[-1] <= 1.1 * reference[0]
        assert reference.min() > 0.3 and reference.max() < 3.6


@pytest.mark.parametrize("codes", ["LPS", "RAS", "SRA", "LPI"])
def test_orientation_moves_the_array_not_the_patient(codes):
    reference, turned = make_phantom(6, TINY, orientation="RAS"), make_phantom(6, TINY, orientation=codes)
    a = ndimage.center_of_mass(reference.label)
    b = ndimage.center_of_mass(turned.label)
    np.testing.assert_allclose(world(reference, a), world(turned, b), atol=1e-3)
    import nibabel as nib

    oblique = nib.aff2axcodes(turned.affine)
    assert "".join(oblique) == codes


def test_lesions_narrow_the_lumen_by_what_they_say():
    seen = 0
    for seed in range(10):
        for branch in make_phantom(seed, TINY).tree["branches"]:
            for lesion in branch["lesions"]:
                if lesion["stent"]:
                    continue
                along = np.linalg.norm(np.diff(branch["points_ras_mm"], axis=0), axis=1).cumsum()
                i = int(np.searchsorted(along, lesion["at_mm"] - 1e-3)) + 1
                narrowed = 100 * (1 - branch["radius_mm"][i] / branch["reference_radius_mm"][i])
                assert narrowed == pytest.approx(lesion["percent_diameter_stenosis"], abs=1.0)
                assert 15 <= lesion["percent_diameter_stenosis"] <= 91
                seen += 1
    assert seen > 3


def test_bad_arguments_end_in_a_sentence():
    with pytest.raises(ValueError, match="seed"):
        make_phantom(-1, TINY)
    with pytest.raises(ValueError, match="16 voxels"):
        make_phantom(0, (8, 64, 64))
    with pytest.raises(ValueError, match="axis codes"):
        make_phantom(0, TINY, orientation="XYZ")
