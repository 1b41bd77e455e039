"""A CT series on disk, of single-frame files or of one multi-frame file, under names that tell no order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

from bundle.common.coordinates import ras_to_lps
from bundle.dicom import SliceSource, Volume

__all__ = ["PATIENT", "ct_series"]

PATIENT = {
    "PatientName": "Tree^Coronary",
    "PatientID": "PHANTOM-1",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "PatientAge": "070Y",
    "AccessionNumber": "A17",
    "StudyID": "S1",
    "StudyDate": "20240203",
    "StudyTime": "101112",
    "ReferringPhysicianName": "Doe^Jane",
    "StudyDescription": "Cardiac CT",
}


def _common(uid: str, storage: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = storage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = uid
    for keyword, value in PATIENT.items():
        setattr(image, keyword, value)
    image.Modality, image.Manufacturer, image.SeriesNumber = "CT", "Phantom", 5
    image.ManufacturerModelName, image.SoftwareVersions, image.DeviceSerialNumber = "Scanner", "1", "7"
    image.InstitutionName = "Hospital"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.9"
    image.PositionReferenceIndicator = ""
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    return image


def ct_series(folder: Path, array: np.ndarray, affine: np.ndarray, multi_frame: bool = False) -> Volume:
    """Write an array (X, Y, Z) int16 with its RAS affine as a series, under names that tell no order.

    The frames of a multi-frame file are in an order of their own too, with one that is not of the volume.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    axes = ras_to_lps((affine[:3, :3] / size).T)
    orientation = [round(float(v), 8) for v in (*axes[0], *axes[1])]
    places = ras_to_lps(affine[:3, 3] + np.arange(array.shape[2])[:, None] * affine[:3, 2])
    names = np.random.default_rng(1).permutation(array.shape[2])
    if multi_frame:
        return _enhanced(folder, array, affine, names, orientation, places, size)
    slices = []
    for k, name in enumerate(names):
        image = _common(generate_uid(entropy_srcs=["slice", str(k)]), CTImageStorage)
        image.InstanceNumber, image.KVP = int(name) + 1, 120
        image.ImagePositionPatient = [round(float(v), 6) for v in places[k]]
        image.ImageOrientationPatient, image.SliceThickness = orientation, round(float(size[2]), 6)
        image.PixelSpacing = [round(float(size[1]), 6), round(float(size[0]), 6)]
        image.Rows, image.Columns = array.shape[1], array.shape[0]
        image.PixelData = np.ascontiguousarray(array[:, :, k].T, "<i2").tobytes()
        path = folder / f"IM{name:04d}"
        image.save_as(path, enforce_file_format=True)
        slices.append(SliceSource(path, None))
    return Volume(array, affine, tuple(slices), "1.2.3.4")


def _enhanced(folder, array, affine, order, orientation, places, size) -> Volume:
    image = _common(generate_uid(entropy_srcs=["enhanced"]), EnhancedCTImageStorage)
    image.InstanceNumber, image.NumberOfFrames = 1, len(order) + 1
    image.Rows, image.Columns = array.shape[1], array.shape[0]
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [round(float(size[1]), 6), round(float(size[0]), 6)]
    measures.SliceThickness = round(float(size[2]), 6)
    plane.ImageOrientationPatient = orientation
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    image.SharedFunctionalGroupsSequence = [shared]
    frame_of = {int(k): frame for frame, k in enumerate(order, start=1)}
    extra = 2 * places[0] - places[1]  # frame 0, which the volume leaves out
    image.PerFrameFunctionalGroupsSequence = []
    for place in [extra, *(places[k] for k in order)]:
        position, item = Dataset(), Dataset()
        position.ImagePositionPatient = [round(float(v), 6) for v in place]
        item.PlanePositionSequence = [position]
        image.PerFrameFunctionalGroupsSequence.append(item)
    frames = [np.zeros_like(array[:, :, 0]), *(array[:, :, k] for k in order)]
    image.PixelData = np.stack([frame.T for frame in frames]).astype("<i2").tobytes()
    path = folder / "enhanced.dcm"
    image.save_as(path, enforce_file_format=True)
    slices = tuple(SliceSource(path, frame_of[k]) for k in range(array.shape[2]))
    return Volume(array, affine, slices, "1.2.3.4")
