"""A series becomes a volume."""

from __future__ import annotations

import numpy as np

from bundle.dicom.volume import SliceSource, Volume

from ..quiet import quiet
from .pixels import SliceReader
from .series import Series
from .stack import stacked

__all__ = ["read_series"]

_SHORT = np.iinfo(np.int16)


def read_series(series: Series) -> Volume:
    """The voxels of a series in Hounsfield units, with the file and frame that each slice came from.

        volume = read_series(list_series(["CT"], work).series[0])

    Slices are sorted by their places along the normal, whatever their files and numbers are called; each has
    its own slope and intercept. Voxels that the header declares as padding are air, -1024 HU.

    Returns:
        A volume of int16; of float32 where slopes or values need it.

    Raises:
        RunFailed: the series is no volume of CT (`stacked`), or a file cannot be read (`SliceReader`).
    """
    slices, affine = stacked(series)
    first, reader = series.first, SliceReader(series.label)
    # Slices outermost in memory, as they come.
    voxels = np.empty((len(slices), first.rows, first.columns), np.int16)
    with quiet():
        for k, header in enumerate(slices):
            hu = reader.hu(header, f"slice {k + 1} of {len(slices)}")
            if voxels.dtype == np.int16 and (
                hu.dtype != np.int32 or hu.min() < _SHORT.min or hu.max() > _SHORT.max
            ):
                voxels = voxels.astype(np.float32)
            voxels[k] = hu
    sources = tuple(SliceSource(header.path, header.frame) for header in slices)
    return Volume(voxels.transpose(2, 1, 0), affine, sources, series.series_uid)
