"""The slices of a volume as DICOM CT images in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from bundle.common.coordinates import check_affine, ras_to_lps, voxel_size_mm

__all__ = ["ct_slices", "decimals", "empty_image"]

_INTERCEPT = -1024
_BITS = 16
_RIGHT_ANGLE = 1e-4  # cosine of rows and columns


def ct_slices(array: np.ndarray, affine: np.ndarray, seed: str, **attributes: Any) -> Iterator[Dataset]:
    """CT Image Storage data sets of a volume, one a slice along the last axis, in its order.

    Patient and study are made up, and say so. The same seed gives the same UIDs.

        for image in ct_slices(array, affine, "7", SeriesNumber=5): ...

    Args:
        array: (X, Y, Z) of integers, -1024 to 64511 HU; x runs along the rows of the images.
        affine: (4, 4) voxel to RAS mm. The slices may be sheared, as those of a tilted gantry are; rows and
            columns must be at a right angle.
        seed: any text, of which the UIDs and the patient's number are made.
        attributes: DICOM keywords to their values, in place of those of every slice.

    Raises:
        ValueError: an array that is not 3-D or beyond these values, or rows and columns at another angle.
    """
    affine = check_affine(affine)
    if array.ndim != 3 or array.min() < _INTERCEPT or array.max() >= _INTERCEPT + 2**_BITS:
        raise ValueError("the array must be 3-D with integers from -1024 to 64511 HU")
    size_mm = voxel_size_mm(affine)
    along = ras_to_lps((affine[:3, :3] / size_mm).T)
    if abs(along[0] @ along[1]) > _RIGHT_ANGLE:
        raise ValueError(
            "rows and columns of a DICOM image are at a right angle; those of the affine are not"
        )
    normal = np.cross(along[0], along[1])
    thickness = abs(float(normal @ along[2])) * size_mm[2]
    places = ras_to_lps(affine[:3, 3] + np.arange(array.shape[2])[:, None] * affine[:3, 2])
    for k, place in enumerate(places):
        image = empty_image(CTImageStorage, f"{seed} slice {k}", seed)
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.InstanceNumber, image.AcquisitionNumber = k + 1, 1
        image.ImagePositionPatient = decimals(place)
        image.ImageOrientationPatient = decimals([*along[0], *along[1]])
        image.SliceThickness = format_number_as_ds(float(round(thickness, 6)))
        image.PixelSpacing = decimals([size_mm[1], size_mm[0]])
        image.SliceLocation = format_number_as_ds(float(normal @ place))
        image.KVP, image.ConvolutionKernel, image.ContrastBolusAgent = "120", "PHANTOM", "SYNTHETIC"
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = str(_INTERCEPT), "1", "HU"
        image.Rows, image.Columns = array.shape[1], array.shape[0]
        pixels = array[:, :, k].T.astype(np.int32) - _INTERCEPT
        image.PixelData = np.ascontiguousarray(pixels, "<u2").tobytes()
        for keyword, value in attributes.items():
            setattr(image, keyword, value)
        yield image


def decimals(numbers) -> list[str]:
    """Numbers as DICOM's decimal strings, to the 16 characters that they may have."""
    return [format_number_as_ds(float(number)) for number in numbers]


def empty_image(storage: str, name: str, seed: str) -> Dataset:
    """What every image of a made-up patient has, without geometry and pixels; ``name`` gives its own UID."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = storage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = _uid(name)
    image.SpecificCharacterSet = "ISO_IR 192"
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20240101"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "120000"
    image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "", "1", ""
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "CT", "Coronary CTA bundle", "Phantom"
    image.DeviceSerialNumber, image.SoftwareVersions = "1", "1"
    image.StudyDescription, image.SeriesDescription = "Synthetic scan", "Synthetic coronary CT angiogram"
    image.PatientName, image.PatientID = f"Phantom^Synthetic {seed}", f"PHANTOM-{seed}"
    image.PatientBirthDate, image.PatientSex, image.PatientAge = "19640101", "O", "060Y"
    image.BodyPartExamined, image.PatientPosition = "HEART", "HFS"
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(f"{seed} study"), _uid(f"{seed} series")
    image.FrameOfReferenceUID, image.PositionReferenceIndicator = _uid(f"{seed} frame of reference"), ""
    image.SeriesNumber = 5
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = (
        _BITS,
        _BITS,
        _BITS - 1,
        0,
    )
    return image


def _uid(text: str) -> str:
    return generate_uid(entropy_srcs=["coronary phantom", text])
