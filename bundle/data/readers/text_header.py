"""The text headers of NRRD and MetaImage (MHA, MHD), parsed strictly before ITK sees the file.

ITK is C++: a header that contradicts itself can end the process, and take a whole cohort with it. What comes
past this file is a header that says each thing once, in numbers that are finite, about data that are there.

Source: https://teem.sourceforge.net/nrrd/format.html and https://docs.itk.org/en/latest/learn/metaio.html.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["TextHeader", "read_text_header"]

_MOST_BYTES = 1 << 20
_LINE = re.compile(rb"\r?\n")
_NRRD_BYTES = {
    1: ("char", "signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t", "ushort",
        "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64",
        "int64_t", "ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t",
        "double"),
}  # fmt: skip
_META_BYTES = {"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
               "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4,
               "MET_DOUBLE": 8}  # fmt: skip
_GZIP, _RAW, _TEXT = ("gzip", "gz"), ("raw",), ("ascii", "text", "txt", "hex")
_NRRD_FIELDS = (
    "type", "dimension", "space", "space dimension", "sizes", "spacings", "space directions",
    "space origin", "space units", "kinds", "endian", "encoding", "units", "thicknesses", "axis mins",
    "axismins", "axis maxs", "axismaxs", "centers", "centerings", "labels", "measurement frame",
    "content", "min", "max", "old min", "oldmin", "old max", "oldmax", "data file", "datafile",
    "line skip", "lineskip", "byte skip", "byteskip", "number", "sample units", "sampleunits",
)  # fmt: skip
_LONGEST_WORD = 128  # NrrdIO writes beyond its buffers for one of thousands
_META_KEY = re.compile(r"[\w .:|/()-]{1,128}", re.ASCII)
_PRINTABLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_META_NUMBERS = {"Offset": 1, "Position": 1, "Origin": 1, "CenterOfRotation": 1, "ElementSpacing": 1,
                 "ElementSize": 1, "TransformMatrix": 2, "Rotation": 2, "Orientation": 2}  # fmt: skip


@dataclass(frozen=True)
class TextHeader:
    """sizes: of the axes, those of a voxel's components too. voxel_bytes: of one number. encoding: raw, gzip
    or text. data_file: that holds the numbers, from the byte ``offset`` on.
    """

    sizes: tuple[int, ...]
    voxel_bytes: int
    encoding: str
    data_file: Path
    offset: int


def read_text_header(path: str | Path) -> TextHeader:
    """The header of an NRRD or MetaImage file.

    Raises:
        InputError: it is neither, or states what cannot be.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(_MOST_BYTES)
    if str(path).lower().endswith((".nrrd", ".nhdr")):
        return _nrrd(Path(path), start)
    return _meta_image(Path(path), start)


def _nrrd(path: Path, start: bytes) -> TextHeader:
    if not re.match(rb"NRRD000[1-5]\r?\n", start):
        raise InputError(f"'{path}' is not an image that can be read: expected NIfTI, NRRD or MHA")
    header, offset = _lines_until_blank(path, start)
    fields: dict[str, str] = {}
    for line in header[1:]:
        text = _text(path, line)
        if text.startswith("#") or ":=" in text:
            continue
        if any(len(word) > _LONGEST_WORD for word in text.split()):
            raise _faulty(path, f"the line '{text[:40]} ...'")
        key, colon, value = text.partition(":")
        key = key.strip().lower()
        if not colon or key in fields or key not in _NRRD_FIELDS:
            raise _faulty(path, f"the line '{text[:40]}'" + (" for the second time" if key in fields else ""))
        fields[key] = value.strip()
    rank = _integers(path, "dimension", fields.get("dimension", ""), 1)[0]
    if not 1 <= rank <= 5:
        raise InputError(f"'{path}' is {rank}-D: expected a 3-D volume")
    sizes = _integers(path, "sizes", fields.get("sizes", ""), rank)
    kind = fields.get("type", "").lower()
    voxel_bytes = next((n for n, names in _NRRD_BYTES.items() if kind in names), None)
    if voxel_bytes is None:
        raise _faulty(path, f"the type '{fields.get('type', '')[:40]}'")
    for key in ("spacings", "space origin", "space directions", "thicknesses", "axis mins", "axis maxs"):
        if key in fields:
            _vectors(path, key, fields[key], rank if key != "space origin" else 1)
    encoding = fields.get("encoding", "").lower()
    if encoding not in _RAW + _GZIP + _TEXT:
        raise _faulty(path, f"the encoding '{encoding[:40]}'; raw and gzip are read")
    if any(fields.get(f"{unit}{gap}skip", "0") != "0" for unit in ("line", "byte") for gap in (" ", "")):
        raise _faulty(path, "data that begin after a skip")
    if (
        voxel_bytes > 1
        and encoding not in _TEXT
        and fields.get("endian", "").lower() not in ("little", "big")
    ):
        raise _faulty(path, f"the endian '{fields.get('endian', '')[:40]}'")
    name = fields.get("data file", fields.get("datafile"))
    if name is not None:
        path, offset = _beside(path, name), 0
    encoding = "gzip" if encoding in _GZIP else "raw" if encoding in _RAW else "text"
    return TextHeader(sizes, voxel_bytes, encoding, path, offset)


def _lines_until_blank(path: Path, start: bytes) -> tuple[list[bytes], int]:
    """The lines of the header, and where the data begin; with detached data it may end with the file."""
    end = re.search(rb"\n\r?\n", start)
    if end is None:
        if len(start) == _MOST_BYTES:
            raise _faulty(path, "a header of more than a megabyte")
        return _LINE.split(start.rstrip()), len(start)
    return _LINE.split(start[: end.start()]), end.end()


def _meta_image(path: Path, start: bytes) -> TextHeader:
    if not re.match(rb"(ObjectType|NDims|Comment)\s*=", start):
        raise InputError(f"'{path}' is not an image that can be read: expected NIfTI, NRRD or MHA")
    fields: dict[str, str] = {}
    offset = 0
    while "ElementDataFile" not in fields:
        end = start.find(b"\n", offset)
        line = _text(path, start[offset : end if end >= 0 else None].rstrip(b"\r"))
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or not _META_KEY.fullmatch(key) or (end < 0 and key != "ElementDataFile"):
            raise _faulty(path, f"the line '{line.strip()[:40]}'")
        if key in fields:
            raise _faulty(path, f"the line '{line.strip()[:40]}' for the second time")
        fields[key] = value.strip()
        offset = end + 1 if end >= 0 else len(start)
    if fields.get("ObjectType", "Image") != "Image":
        raise _faulty(path, f"the ObjectType '{fields['ObjectType'][:40]}'")
    rank = _integers(path, "NDims", fields.get("NDims", ""), 1)[0]
    if not 1 <= rank <= 5:
        raise InputError(f"'{path}' is {rank}-D: expected a 3-D volume")
    sizes = _integers(path, "DimSize", fields.get("DimSize", ""), rank)
    channels = _integers(path, "ElementNumberOfChannels", fields.get("ElementNumberOfChannels", "1"), 1)
    voxel_bytes = _META_BYTES.get(fields.get("ElementType", ""))
    if voxel_bytes is None:
        raise _faulty(path, f"the ElementType '{fields.get('ElementType', '')[:40]}'")
    for key, power in _META_NUMBERS.items():
        if key in fields:
            _floats(path, key, fields[key].split(), rank**power)
    for key in ("BinaryData", "CompressedData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB"):
        if fields.get(key, "True").lower() not in ("true", "false", "1", "0"):
            raise _faulty(path, f"the {key} '{fields[key][:40]}'")
    if fields.get("HeaderSize", "0") != "0":
        raise _faulty(path, "data that begin after a skip")
    is_compressed = fields.get("CompressedData", "False").lower() in ("true", "1")
    is_binary = fields.get("BinaryData", "True").lower() in ("true", "1")
    encoding = "gzip" if is_compressed else "raw" if is_binary else "text"
    if "CompressedDataSize" in fields:
        stated = _integers(path, "CompressedDataSize", fields["CompressedDataSize"], 1)[0]
        if is_compressed and stated > os.path.getsize(path) and fields["ElementDataFile"].upper() == "LOCAL":
            raise InputError(f"'{path}' is damaged or cut short: copy or download it again")
    if fields["ElementDataFile"].upper() != "LOCAL":
        path, offset = _beside(path, fields["ElementDataFile"]), 0
    return TextHeader((*channels, *sizes) if channels != (1,) else sizes, voxel_bytes, encoding, path, offset)


def _text(path: Path, line: bytes) -> str:
    """A line that holds no control characters, and is UTF-8."""
    try:
        if _PRINTABLE.fullmatch(line):
            return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise _faulty(path, "characters that are no text")


def _beside(path: Path, name: str) -> Path:
    """The data file that a header names: one file in the header's own folder, and no other."""
    data = path.parent / name
    if not name or Path(name).name != name or name.upper().startswith("LIST") or "%" in name:
        raise _faulty(path, f"'{name[:40]}' as the file of its data, which must be one file beside it")
    if not data.is_file():
        raise InputError(f"'{path}' has its data in '{data}', which does not exist: copy both files")
    return data


def _integers(path: Path, key: str, text: str, count: int) -> tuple[int, ...]:
    words = text.split()
    if len(words) != count or not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words):
        raise _faulty(path, f"{key} '{text[:40]}'")
    return tuple(map(int, words))


def _floats(path: Path, key: str, words: list[str], count: int) -> None:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise _faulty(path, f"{key} '{' '.join(words)[:40]}'")


def _vectors(path: Path, key: str, text: str, count: int) -> None:
    """``(1,0,0) none (0,1,0)``, or plain numbers; NaN and "none" stand for an axis that has none."""
    entries = re.findall(r"\([^()]*\)|[^\s()]+", text)
    if len(entries) != count:
        raise _faulty(path, f"{key} '{text[:40]}'")
    for entry in entries:
        words = entry.strip("()").split(",") if entry.startswith("(") else [entry]
        if entry.lower() not in ("none", "nan"):
            _floats(path, key, words, len(words))


def _faulty(path: Path, what: str) -> InputError:
    return InputError(f"'{path}' has a header that cannot be used, with {what}: write the file again")
