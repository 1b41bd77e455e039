"""The headers of the source series, as the new objects need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from bundle.common.coordinates import ras_to_lps, voxel_size_mm
from bundle.common.errors import RunFailed
from bundle.dicom.volume import SliceSource, Volume

__all__ = ["Source", "read_source"]

# An object of the same study carries these, empty where the source has none (type 2).
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_NEEDED = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
)  # fmt: skip
_APART = 0.1  # of a voxel's shortest edge, between a slice's place in its header and in the mask's grid


@dataclass(frozen=True)
class Source:
    """A series without its pixels.

    images: headers, one a slice in the volume's order, or that of the one multi-frame file.
    frames: of a multi-frame file, index from 0 of each slice; None where each slice is a file.
    shape: (X, Y, Z) of the volume.
    """

    images: list[Dataset]
    frames: tuple[int, ...] | None
    shape: tuple[int, int, int]

    @property
    def first(self) -> Dataset:
        """The header that patient, study and frame of reference are copied from."""
        return self.images[0]

    def stack(self, masks: Iterable[np.ndarray], count: int) -> np.ndarray:
        """So many masks (X, Y, Z) bool, in the order of the source's frames.

        Returns:
            (frames, rows, columns, count) uint8, 0 or 1.
        """
        total = len(self.images) if self.frames is None else int(self.first.NumberOfFrames)
        order = np.arange(total) if self.frames is None else np.array(self.frames)
        # Masks outermost in memory: a frame of one of them is then read as it lies.
        frames = np.zeros((count, total, self.shape[1], self.shape[0]), np.uint8)
        for number, mask in enumerate(masks):
            frames[number, order] = mask.transpose(2, 1, 0)
        return np.moveaxis(frames, 0, -1)


def read_source(volume: Volume, affine: np.ndarray) -> Source:
    """The headers of a volume's slices; its array is not looked at.

    Args:
        affine: (4, 4) voxel to RAS mm of the mask that is to lie on them.

    Raises:
        RunFailed: a file is gone or is no DICOM, what every object of the study must carry is missing, or
            the slices do not lie where the affine says.
    """
    frames = tuple(part.frame for part in volume.slices)
    if all(frame is None for frame in frames):
        images = [_header(part, k, len(frames)) for k, part in enumerate(volume.slices)]
        places = [_position(image) for image in images]
        number_of = None
    elif None in frames or len({part.path for part in volume.slices}) > 1:
        raise RunFailed(
            "the slices of the series are spread over several multi-frame files, and a DICOM segmentation "
            "refers to one; store the series as one file, or as a file a slice"
        )
    else:
        image = _header(volume.slices[0], 0, 1)
        _share(image)
        images, number_of = [image], frames
        places = [_position(image.PerFrameFunctionalGroupsSequence[frame]) for frame in frames]
    first = images[0]
    for keyword in _NEEDED:
        if not first.get(keyword):
            raise RunFailed(f"the series has no {keyword}, which every object that refers to it must name")
    if first.SeriesInstanceUID != volume.series_uid:
        raise RunFailed("the files hold another series than the one that was read; give the folder again")
    _check_places(np.array(places, float), first, affine)
    for image in images:
        _complete(image, first, affine)
    return Source(images, number_of, (int(first.Columns), int(first.Rows), len(frames)))


def _header(part: SliceSource, number: int, count: int) -> Dataset:
    try:
        return pydicom.dcmread(part.path, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as error:
        # The path may hold a person's name, so it is not told.
        raise RunFailed(
            f"file {number + 1} of {count} of the source series cannot be read any more "
            f"({type(error).__name__}); the DICOM objects refer to it, so give the whole series again"
        ) from None


def _share(image: Dataset) -> None:
    """Spacing and orientation that a multi-frame file repeats in each frame, as shared by all of them."""
    shared = image.SharedFunctionalGroupsSequence[0]
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if keyword not in shared:
            setattr(shared, keyword, deepcopy(image.PerFrameFunctionalGroupsSequence[0][keyword].value))


def _position(header: Dataset) -> Sequence[float]:
    """ImagePositionPatient of a slice's header, or of a frame's item."""
    plane = header.PlanePositionSequence[0] if "PlanePositionSequence" in header else header
    return plane.ImagePositionPatient


def _plane(image: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """ImageOrientationPatient (2, 3) and PixelSpacing (2,) mm."""
    shared = image.get("SharedFunctionalGroupsSequence")
    axes = shared[0].PlaneOrientationSequence[0] if shared else image
    measures = shared[0].PixelMeasuresSequence[0] if shared else image
    return np.array(axes.ImageOrientationPatient, float).reshape(2, 3), np.array(measures.PixelSpacing, float)


def _check_places(places: np.ndarray, first: Dataset, affine: np.ndarray) -> None:
    """That the headers put the corners of all slices where the affine does."""
    (along_row, along_column), (row_mm, column_mm) = _plane(first)
    corners = np.array([[0, 0], [first.Columns - 1, 0], [0, first.Rows - 1]])
    k = np.arange(len(places))
    apart = 0.0
    for i, j in corners:
        told = places + i * column_mm * along_row + j * row_mm * along_column
        meant = np.stack([np.full(len(k), i), np.full(len(k), j), k], 1) @ affine[:3, :3].T + affine[:3, 3]
        apart = max(apart, float(np.abs(told - ras_to_lps(meant)).max()))
    if apart > _APART * voxel_size_mm(affine).min():
        raise RunFailed(
            f"the slices of the series lie up to {apart:.2g} mm from the mask's; give the series that the "
            "case was made of"
        )


def _complete(image: Dataset, first: Dataset, affine: np.ndarray) -> None:
    """Fill in, in memory, what highdicom takes for granted in a header."""
    for keyword in _MAY_BE_EMPTY:
        if keyword not in image:
            setattr(image, keyword, None)
    if "SharedFunctionalGroupsSequence" in image:
        measures = image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    else:
        measures = image
        # Rounded differently from slice to slice in some series, and compared to the last digit.
        image.ImageOrientationPatient = first.ImageOrientationPatient
    spacing = round(float(voxel_size_mm(affine)[2]), 6)
    measures.SpacingBetweenSlices = spacing
    if not measures.get("SliceThickness"):
        measures.SliceThickness = spacing
