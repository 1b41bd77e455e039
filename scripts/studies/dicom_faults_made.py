"""The faults of scripts/studies/dicom_faults.py: what is done to a good series, and what has to be said."""

from __future__ import annotations

import copy
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    JPEG2000Lossless,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from bundle.dicom import ct_slices, multi_frame, save_images

__all__ = ["FAULTS", "Fault", "write_fault"]

Images = list[Dataset]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a series, and what has to come of it.

    Attributes:
        what: in a few words.
        says: words that the answer must hold.
        code: exit code: 1 where the series cannot be used, 0 where it can.
        write: puts the series into a folder.
        without: Python packages that are to be missing.
    """

    what: str
    says: str
    code: int
    write: Callable[[Path, Images], object]
    without: tuple[str, ...] = ()


FAULTS: list[Fault] = []


def write_fault(fault: Fault, folder: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Write the series of a volume, 36 slices or more over 65 mm or more, with the fault into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fault.write(folder, list(ct_slices(array, affine, "1")))


def _fault(what: str, says: str, code: int = 1, without: tuple[str, ...] = ()):
    """Register a function that writes the series; one that returns images has them written."""

    def register(function: Callable[..., Images | None]) -> Callable:
        def write(folder: Path, images: Images) -> None:
            changed = function(folder, images)
            if changed is not None:
                save_images(changed, folder)

        FAULTS.append(Fault(what, says, code, write, without))
        return function

    return register


def _all(images: Images, **attributes) -> Images:
    for image in images:
        for keyword, value in attributes.items():
            if value is None:
                delattr(image, keyword)
            else:
                setattr(image, keyword, value)
    return images


def _class(images: Images, storage: str, **attributes) -> Images:
    for image in images:
        image.file_meta.MediaStorageSOPClassUID = storage
    return _all(images, SOPClassUID=storage, **attributes)


def _anew(image: Dataset, **attributes) -> Dataset:
    """A copy that is an image of its own."""
    made = copy.deepcopy(image)
    made.SOPInstanceUID = generate_uid(entropy_srcs=[image.SOPInstanceUID, str(attributes)])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return _all([made], **attributes)[0]


def _moved(image: Dataset, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
    place = np.array(image.ImagePositionPatient, float) + (x, y, z)
    image.ImagePositionPatient = [f"{number:.6f}" for number in place]


@_fault("three slices are missing", "lacks 3 slices")
def _missing(folder, images):
    return images[:30] + images[33:]


@_fault("the series has half arrived", "too few for a heart")
def _half(folder, images):
    return images[:25]


@_fault("the lower slices have not arrived", "too short for a heart")
def _short(folder, images):
    return images[:31]


@_fault("a slice is there twice, with other pixels", "at a place where another one is")
def _doubled(folder, images):
    return [*images, _anew(images[7], InstanceNumber=99)]


@_fault("unevenly spaced slices", "unevenly spaced")
def _uneven(folder, images):
    for number, image in enumerate(images[24:]):
        _moved(image, z=0.4 * number)
    return images


@_fault("slices shifted against each other", "beside a straight, even row")
def _shifted(folder, images):
    for image in images[20:30]:
        _moved(image, x=3.0)
    return images


@_fault("a tilted gantry", "tilted gantry")
def _tilted(folder, images):
    for number, image in enumerate(images):
        _moved(image, y=0.3 * number)
    return images


@_fault("slices of two directions", "differ in direction")
def _directions(folder, images):
    _all(images[20:23], ImageOrientationPatient=["1", "0", "0", "0", "0", "-1"])
    return images


@_fault("directions that are none", "ImageOrientationPatient")
def _no_direction(folder, images):
    return _all(images, ImageOrientationPatient=["1", "0", "0", "1", "0", "0"])


@_fault("a localiser alone", "is a localiser")
def _localiser(folder, images):
    return _all(images[:2], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


@_fault("secondary captures", "is a secondary capture")
def _secondary(folder, images):
    return _class(images[:3], SecondaryCaptureImageStorage, ImageType=["DERIVED", "SECONDARY"])


@_fault("reformations", "is a reformation")
def _mpr(folder, images):
    return _all(images, ImageType=["DERIVED", "SECONDARY", "MPR"])


@_fault("magnetic resonance", "is of modality MR")
def _mr(folder, images):
    return _class(images, MRImageStorage, Modality="MR")


@_fault("slices of 3 mm, for calcium", "thicker than 2 mm")
def _thick(folder, images):
    return _all(images, SliceThickness="3")


@_fault("slices without a place", "without ImagePositionPatient")
def _placeless(folder, images):
    return _all(images, ImagePositionPatient=None)


@_fault("no slope and intercept", "without RescaleSlope")
def _no_slope(folder, images):
    return _all(images, RescaleSlope=None, RescaleIntercept=None)


@_fault("values of electron density", "units of ED")
def _units(folder, images):
    return _all(images, RescaleType="ED")


@_fault("images without pixels", "has no pixels")
def _no_pixels(folder, images):
    return _all(images, PixelData=None)


@_fault("a file cut short in its pixels", "is cut short")
def _cut(folder, images):
    path = save_images(images, folder)[11]
    path.write_bytes(path.read_bytes()[:-900])


@_fault("a file cut short in its header", "1 DICOM file has a header that cannot be read")
def _cut_header(folder, images):
    path = save_images(images, folder)[0]
    path.write_bytes(path.read_bytes()[:400])


def _as_lossless_jpeg(images: Images) -> Images:
    """The form in which most archives keep CT; written by ITK, since pydicom only reads it."""
    import itk

    with tempfile.TemporaryDirectory() as folder:
        for image in images:
            coder = itk.GDCMImageIO.New()
            coder.SetCompressionType(itk.GDCMImageIOEnums.Compression_JPEG)
            coder.SetUseCompression(True)
            pixels = itk.image_from_array(image.pixel_array[None])
            itk.imwrite(pixels, f"{folder}/slice.dcm", compression=True, imageio=coder)
            coded = dcmread(f"{folder}/slice.dcm")
            image.file_meta.TransferSyntaxUID = coded.file_meta.TransferSyntaxUID
            image["PixelData"] = coded["PixelData"]
    return images


@_fault("lossless JPEG without its decoder", "pip install pylibjpeg", without=("pylibjpeg", "gdcm"))
def _no_decoder(folder, images):
    return _as_lossless_jpeg(images)


@_fault("lossless JPEG with its decoder", "took series 5", code=0)
def _lossless(folder, images):
    return _as_lossless_jpeg(images)


@_fault("damaged JPEG 2000", "cannot be decoded")
def _damaged(folder, images):
    for image in images:
        image.compress(JPEG2000Lossless, generate_instance_uid=False)
    data = bytearray(images[9].PixelData)
    data[40:] = bytes(len(data) - 40)
    images[9].PixelData = bytes(data)
    return images


@_fault("a video's compression", "which cannot be read")
def _video(folder, images):
    for image in images:
        image.file_meta.TransferSyntaxUID = MPEG2MPML
        image.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd"
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    return images


def _zipped(folder: Path, images: Images, name: Callable[[int], str] = lambda n: f"DICOM/{n}") -> Path:
    files = save_images(images, folder / "unzipped")
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, file in enumerate(files):
            archive.write(file, name(number))
            file.unlink()
    (folder / "unzipped").rmdir()
    return folder / "export.zip"


@_fault("a zip that writes outside its folder", "a path that leads out of its folder")
def _slip(folder, images):
    _zipped(folder, images, lambda n: f"../../{n}.dcm")


@_fault("a zip that unfolds to more than it declares", "holds other than it declares")
def _bomb(folder, images):
    path = _zipped(folder, images)
    data = bytearray(path.read_bytes())
    # The size that the directory at the end declares for a member.
    at = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(bytes(data))


@_fault("a zip with a link", "is a link")
def _link(folder, images):
    path = _zipped(folder, images)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("DICOM/elsewhere")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")


@_fault("a zip cut short", "cannot be unpacked")
def _cut_zip(folder, images):
    path = _zipped(folder, images)
    path.write_bytes(path.read_bytes()[:-4000])


@_fault("a zip", "took series 5", code=0)
def _zip(folder, images):
    _zipped(folder, images)


@_fault("one enhanced multi-frame file", "took series 5", code=0)
def _enhanced(folder, images):
    return [multi_frame(images)]


@_fault("JPEG 2000 with its decoder", "took series 5", code=0)
def _compressed(folder, images):
    for image in images:
        image.compress(JPEG2000Lossless, generate_instance_uid=False)
    return images


@_fault("run-length coding", "took series 5", code=0)
def _run_length(folder, images):
    for image in images:
        image.compress(RLELossless, generate_instance_uid=False)
    return images


@_fault("every file twice", "copies of others", code=0)
def _copies(folder, images):
    save_images(images, folder / "first")
    save_images(images, folder / "second")


@_fault("names without endings, a DICOMDIR and a viewer beside them", "took series 5", code=0)
def _medium(folder, images):
    for number, path in enumerate(save_images(images, folder / "A" / "B")):
        path.rename(path.with_name(f"{(number * 37) % len(images):08d}"))
    index = Dataset()
    index.file_meta = copy.deepcopy(images[0].file_meta)
    index.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    index.FileSetID, index.DirectoryRecordSequence = "DISC", []
    index.save_as(folder / "DICOMDIR", enforce_file_format=True)
    (folder / "VIEWER.EXE").write_bytes(b"MZ" + bytes(500))


@_fault("three phases in one series", "75 % phase", code=0)
def _phases(folder, images):
    phases = (40, 75, 90)
    return [_anew(image, NominalPercentageOfCardiacPhase=float(p)) for image in images for p in phases]


@_fault("localiser, calcium scan and angiogram together", "left out: series 1 is a localiser", code=0)
def _study(folder, images):
    uid = images[0].SeriesInstanceUID
    scout = {
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "SeriesNumber": 1,
        "SeriesInstanceUID": uid[:-2] + ".1",
    }
    calcium = {"SliceThickness": "3", "SeriesNumber": 2, "SeriesInstanceUID": uid[:-2] + ".2"}
    return [
        *images,
        *(_anew(image, **scout) for image in images[:2]),
        *(_anew(image, **calcium) for image in images[::2]),
    ]


@_fault("two patients with one series UID", "another patient's files have the same series UID", code=0)
def _patients(folder, images):
    other = {"PatientID": "PHANTOM-2", "PatientName": "Phantom^Other"}
    return [*images, *(_anew(image, **other) for image in images)]


@_fault("padding of -2000 HU", "took series 5", code=0)
def _padding(folder, images):
    for image in images:
        stored = np.frombuffer(image.PixelData, "<u2").astype("<i2") - 1024
        stored[:5] = -2000
        image.PixelData, image.RescaleIntercept, image.PixelRepresentation = stored.tobytes(), "0", 1
        image.add_new("PixelPaddingValue", "SS", -2000)
    return images
