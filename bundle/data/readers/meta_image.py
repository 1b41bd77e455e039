"""MetaImage: https://docs.itk.org/en/latest/learn/metaio.html. Its header is checked before ITK reads."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .checks import Header
from .damage import cut_short, not_an_image
from .text_fields import file_beside, floats, integers, lines_of, rank_of, unusable

__all__ = ["read_header"]

_BYTES = {"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
          "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4,
          "MET_DOUBLE": 8}  # fmt: skip
_KEY = re.compile(r"[\w .:|/()-]{1,128}", re.ASCII)
_NUMBERS = {"Offset": 1, "Position": 1, "Origin": 1, "CenterOfRotation": 1, "ElementSpacing": 1,
            "ElementSize": 1, "TransformMatrix": 2, "Rotation": 2, "Orientation": 2}  # fmt: skip


def read_header(path: str | Path) -> Header:
    """The header of a MetaImage file (.mha, or .mhd with its data beside it).

    Raises:
        InputError: it is none, or states what cannot be.
        OSError: the file cannot be read.
    """
    path = Path(path)
    fields, offset = _fields(path)
    if fields.get("ObjectType", "Image") != "Image":
        raise unusable(path, f"the ObjectType '{fields['ObjectType'][:40]}'")
    rank = rank_of(path, "NDims", fields.get("NDims", ""))
    sizes = integers(path, "DimSize", fields.get("DimSize", ""), rank)
    channels = integers(path, "ElementNumberOfChannels", fields.get("ElementNumberOfChannels", "1"), 1)
    voxel_bytes = _BYTES.get(fields.get("ElementType", ""))
    if voxel_bytes is None:
        raise unusable(path, f"the ElementType '{fields.get('ElementType', '')[:40]}'")
    stated = [(key, fields[key].split(), rank**power) for key, power in _NUMBERS.items() if key in fields]
    numbers = {key: floats(path, key, words, count) for key, words, count in stated}
    for key in ("BinaryData", "CompressedData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB"):
        if fields.get(key, "True").lower() not in ("true", "false", "1", "0"):
            raise unusable(path, f"the {key} '{fields[key][:40]}'")
    if fields.get("HeaderSize", "0") != "0":
        raise unusable(path, "data that begin after a skip")
    is_compressed = fields.get("CompressedData", "False").lower() in ("true", "1")
    is_binary = fields.get("BinaryData", "True").lower() in ("true", "1")
    encoding = "gzip" if is_compressed else "raw" if is_binary else "text"
    is_local = fields["ElementDataFile"].upper() == "LOCAL"
    if "CompressedDataSize" in fields:
        size = integers(path, "CompressedDataSize", fields["CompressedDataSize"], 1)[0]
        if is_compressed and is_local and size > os.path.getsize(path):
            raise cut_short(path)
    if not is_local:
        path, offset = file_beside(path, fields["ElementDataFile"]), 0
    spacing_mm = numbers.get("ElementSpacing", ())[:3]
    if channels != (1,):
        sizes = (*channels, *sizes)
    return Header(sizes, voxel_bytes, encoding, path, offset, spacing_mm, voxel_bytes == 1)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields by name, and where the data begin: after ElementDataFile, or in the file that it names."""
    fields: dict[str, str] = {}
    with open(path, "rb") as file:
        if not re.match(rb"(ObjectType|NDims|Comment)\s*=", file.read(64)):
            raise not_an_image(path)
        file.seek(0)
        for text in lines_of(path, file):
            key, equals, value = text.partition("=")
            key = key.strip()
            if not equals or not _KEY.fullmatch(key) or key in fields:
                again = " for the second time" if key in fields else ""
                raise unusable(path, f"the line '{text.strip()[:40]}'{again}")
            fields[key] = value.strip()
            if key == "ElementDataFile":
                return fields, file.tell()
    raise unusable(path, "no ElementDataFile")
