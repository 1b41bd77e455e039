"""The pixels of a slice in Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID, ImplicitVRLittleEndian

from bundle.common.errors import RunFailed

from .read_header import UNREADABLE
from .slice_header import SliceHeader

__all__ = ["AIR", "SliceReader"]

AIR = -1024.0
_PADDING = -1000.0  # HU: below, nothing of a body can be hidden behind a padding value
_EXTRA = "pip install pylibjpeg pylibjpeg-openjpeg pylibjpeg-libjpeg"  # extra dicom-compressed


class SliceReader:
    """Reads slices of one series, and keeps the file of several frames open in memory.

    Args:
        name: of the series, for sentences.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._path, self._image = None, None

    def hu(self, header: SliceHeader, number: str) -> np.ndarray:
        """The slice (rows, columns): int32 where slope and intercept are whole numbers, else float32.

        What the header declares as padding becomes -1024, where it is darker than any tissue.

        Args:
            number: of the slice, for sentences.

        Raises:
            RunFailed: the file is gone, cut short or damaged, has no pixels or other ones than its header
                says, or is compressed in a way for which no decoder is installed.
        """
        image = self._open(header, number)
        try:
            stored = pixel_array(image, index=header.frame)
        except UNREADABLE as error:
            raise self._fault(number, f"cannot be decoded ({type(error).__name__}); it is damaged") from error
        if stored.shape != (header.rows, header.columns):
            raise self._fault(number, "holds pixels of another size than its header says")
        stored = _without_overlays(stored, image)
        whole = float(header.slope).is_integer() and float(header.intercept).is_integer()
        kind = np.int32 if whole and stored.dtype.kind in "iu" else np.float32
        hu = stored.astype(kind) * kind(header.slope) + kind(header.intercept)
        padding = _padding(image)
        if padding is not None and padding[1] * header.slope + header.intercept < _PADDING:
            hu[(stored >= padding[0]) & (stored <= padding[1])] = AIR
        return hu

    def _open(self, header: SliceHeader, number: str) -> Dataset:
        if self._path == header.path and self._image is not None:
            return self._image
        try:
            image = dcmread(header.path, force=True)
        except UNREADABLE as error:
            raise self._fault(number, f"cannot be read ({type(error).__name__})") from error
        self._check(image, header, number)
        self._path, self._image = header.path, image
        return image

    def _check(self, image: Dataset, header: SliceHeader, number: str) -> None:
        if str(image.get("SOPInstanceUID", "")) != header.sop_uid:
            raise self._fault(number, "was replaced while it was being read")
        syntax = UID(str(image.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian))
        image.file_meta.TransferSyntaxUID = syntax
        if not any(keyword in image for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
            raise self._fault(number, "has no pixels: its file was cut short, or exported without them")
        if syntax.is_compressed:
            self._check_decoder(syntax)
            return
        bits = int(image.get("BitsAllocated", 16)) * int(image.get("NumberOfFrames", 1) or 1)
        expected, there = header.rows * header.columns * bits // 8, len(image.get("PixelData") or b"")
        if "PixelData" in image and there < expected:
            raise self._fault(number, f"is cut short: {there} of {expected} bytes of pixels are there")

    def _check_decoder(self, syntax: UID) -> None:
        name = syntax.name if syntax.is_transfer_syntax else "an unknown way"
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            raise RunFailed(
                f"{self.name} is compressed ({name}), which cannot be read; export it uncompressed"
            ) from None
        if not decoder.is_available:
            raise RunFailed(
                f"{self.name} is compressed ({name}) and no decoder for it is installed; {_EXTRA}, or export "
                "it uncompressed"
            )

    def _fault(self, number: str, what: str) -> RunFailed:
        return RunFailed(f"{self.name}: {number} {what}; copy or export the series again")


def _without_overlays(stored: np.ndarray, image: Dataset) -> np.ndarray:
    """The stored bits alone: old files keep drawings in the others."""
    bits, allocated = int(image.get("BitsStored", 0)), int(image.get("BitsAllocated", 0))
    if stored.dtype.kind not in "iu" or not 0 < bits < allocated:
        return stored
    if stored.dtype.kind == "u":
        return stored & stored.dtype.type(2**bits - 1)
    shift = stored.dtype.itemsize * 8 - bits
    return (stored << shift) >> shift


def _padding(image: Dataset) -> Sequence[int] | None:
    """The lowest and highest stored value of padding."""
    value = image.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = image.get("PixelPaddingRangeLimit")
    return sorted((value, limit if isinstance(limit, int) else value))
