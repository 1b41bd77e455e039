"""The DICOM segmentation: voxel for voxel the mask, on its source images, with coded branches."""

from __future__ import annotations

import highdicom as hd
import itk
import numpy as np
import pydicom
import pytest
from ct_series import PATIENT, ct_series, heart_mask
from shapes import rotation

from bundle.common.coordinates import ras_to_lps
from bundle.common.nifti import write_nifti
from bundle.dicom import write_dicom

TURNED = rotation((17, -11, 25)) @ np.diag([1.9, 2.1, 2.4])
SIDES = {
    "oblique": TURNED @ np.diag([-1, -1, 1]),
    "feet last": np.diag([-2.0, -2.0, -2.0]),  # slices from head to feet: a left-handed grid
    "flipped": np.diag([2.0, -2.0, 2.5]),
    "sagittal": np.array([[0, 0, 2.2], [-2.0, 0, 0], [0, -2.0, 0]]),
}


def grid(axes):
    """An affine and a shape that hold the schematic tree in the middle."""
    shape = (62, 58, 60)
    middle = np.array([0.0, 0.0, -25.0]) - axes @ (np.array(shape) / 2)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, middle
    return affine, shape


def voxels_told(path, affine, shape):
    """The mask of each segment, from the frames' own positions alone: number to (X, Y, Z) bool."""
    data = pydicom.dcmread(path)
    frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    masks = {int(item.SegmentNumber): np.zeros(shape, bool) for item in data.SegmentSequence}
    origin, normal = ras_to_lps(affine[:3, 3]), ras_to_lps(affine[:3, 2])
    for pixels, item in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        place = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        k = (place - origin) @ normal / (normal @ normal)
        assert abs(k - round(k)) < 1e-3
        number = int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        masks[number][:, :, round(k)] |= pixels.T > 0
    shared = data.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
    for axis, cosines in enumerate(np.array(shared, float).reshape(2, 3)):
        step = ras_to_lps(affine[:3, axis])
        assert np.allclose(cosines, step / np.linalg.norm(step), atol=1e-6)
    return masks


@pytest.mark.parametrize(
    ("side", "multi_frame"),
    [("oblique", False), ("oblique", True), ("feet last", True), ("flipped", False), ("sagittal", False)],
)
def test_the_segmentation_is_the_mask_voxel_for_voxel(finished, tmp_path, side, multi_frame):
    folder, _ = finished
    affine, shape = grid(SIDES[side])
    mask = heart_mask(affine, shape)
    assert mask.sum() > 800
    write_nifti(folder / "a_seg.nii.gz", mask.astype(np.uint8), affine)
    volume = ct_series(tmp_path / "ct", np.where(mask, 400, 0).astype(np.int16), affine, multi_frame)
    path = write_dicom(volume, folder, "a")[0]

    masks = voxels_told(path, affine, shape)
    assert np.array_equal(masks.pop(1), mask)
    assert len(masks) == 9 and all(part.any() for part in masks.values())
    assert np.array_equal(np.any(list(masks.values()), axis=0), mask), "all of these vessels have names"
    assert sum(part.sum() for part in masks.values()) == mask.sum(), "each voxel belongs to one branch"

    seg = hd.seg.segread(path)
    if multi_frame:
        frames = [part.frame + 1 for part in volume.slices]
        back = seg.get_pixels_by_source_frame(
            volume_uid(volume), frames, segment_numbers=[1], assert_missing_frames_are_empty=True
        )
    else:
        back = seg.get_pixels_by_source_instance(
            [volume_uid(volume, k) for k in range(shape[2])],
            segment_numbers=[1],
            assert_missing_frames_are_empty=True,
        )
    assert np.array_equal(back[..., 0].transpose(2, 1, 0) > 0, mask), "found by the image that it refers to"


def volume_uid(volume, k=0):
    return pydicom.dcmread(volume.slices[k].path, stop_before_pixels=True).SOPInstanceUID


def test_itk_reads_the_same_frames(objects):
    path = objects[2][0]
    assert np.array_equal(itk.array_from_image(itk.imread(str(path))) > 0, pydicom.dcmread(path).pixel_array)


def test_empty_frames_are_left_out_and_all_images_are_named(objects):
    _, volume, paths = objects
    data = pydicom.dcmread(paths[0])
    frames = data.pixel_array
    assert frames.any(axis=(1, 2)).all() and len(frames) < len(volume.slices) * len(data.SegmentSequence)
    (series,) = data.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == volume.series_uid
    assert len(series.ReferencedInstanceSequence) == len(volume.slices)


def test_branches_are_coded_and_coloured(objects):
    seg = hd.seg.segread(objects[2][0])
    said = {}
    for number in range(1, seg.number_of_segments + 1):
        about = seg.get_segment_description(number)
        code = about.segmented_property_type
        said[about.segment_label] = (code.scheme_designator, code.value)
        assert about.RecommendedDisplayCIELabValue
        assert about.algorithm_identification.name == "Coronary CTA bundle"
    assert said == {
        "Coronary arteries": ("SCT", "41801008"),
        "LM": ("SCT", "3227004"),
        "LAD": ("SCT", "59438005"),
        "D1": ("SCT", "91750005"),
        "LCx": ("SCT", "57396003"),
        "OM1": ("SCT", "91754001"),
        "RCA": ("SCT", "13647002"),
        "AM1": ("SCT", "22765000"),
        "PDA": ("SCT", "53655008"),
        "PLV": ("SCT", "17269004"),
    }


def test_objects_belong_to_the_study_and_say_what_they_are_for(objects):
    _, volume, paths = objects
    source = pydicom.dcmread(volume.slices[0].path)
    assert len(paths) == 3
    for path in paths:
        data = pydicom.dcmread(path)
        for keyword in (*PATIENT, "StudyInstanceUID"):
            assert data[keyword].value == source[keyword].value, (path.name, keyword)
        assert data.SeriesInstanceUID != source.SeriesInstanceUID
        assert data.ContentQualification == "RESEARCH" and "research" in data.SeriesDescription
