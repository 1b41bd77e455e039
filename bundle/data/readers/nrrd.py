"""NRRD: https://teem.sourceforge.net/nrrd/format.html. The header is held against it before ITK reads."""

from __future__ import annotations

import re
from pathlib import Path

from .checks import Header
from .damage import not_an_image
from .text_fields import file_beside, integers, lines_of, rank_of, unusable, vectors

__all__ = ["read_header"]

_BYTES = {
    1: ("char", "signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t", "ushort",
        "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64",
        "int64_t", "ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t",
        "double"),
}  # fmt: skip
_ENCODINGS = {
    "raw": "raw", "gzip": "gzip", "gz": "gzip", "ascii": "text", "text": "text", "txt": "text", "hex": "text",
}  # fmt: skip
_FIELDS = (
    "type", "dimension", "space", "space dimension", "sizes", "spacings", "space directions",
    "space origin", "space units", "kinds", "endian", "encoding", "units", "thicknesses", "axis mins",
    "axismins", "axis maxs", "axismaxs", "centers", "centerings", "labels", "measurement frame",
    "content", "min", "max", "old min", "oldmin", "old max", "oldmax", "data file", "datafile",
    "line skip", "lineskip", "byte skip", "byteskip", "number", "sample units", "sampleunits",
)  # fmt: skip
_VECTORS = ("spacings", "space origin", "space directions", "thicknesses", "axis mins", "axis maxs")
_LONGEST_WORD = 128  # NrrdIO writes beyond its buffers for one of thousands


def read_header(path: str | Path) -> Header:
    """The header of an NRRD file (.nrrd, or .nhdr with its data beside it).

    Raises:
        InputError: it is none, or states what cannot be.
        OSError: the file cannot be read.
    """
    path = Path(path)
    fields, offset = _fields(path)
    rank = rank_of(path, "dimension", fields.get("dimension", ""))
    sizes = integers(path, "sizes", fields.get("sizes", ""), rank)
    kind = fields.get("type", "").lower()
    voxel_bytes = next((n for n, names in _BYTES.items() if kind in names), None)
    if voxel_bytes is None:
        raise unusable(path, f"the type '{fields.get('type', '')[:40]}'")
    checked = {
        key: vectors(path, key, fields[key], 1 if key == "space origin" else rank)
        for key in _VECTORS
        if key in fields
    }
    encoding = _ENCODINGS.get(fields.get("encoding", "").lower())
    if encoding is None:
        raise unusable(path, f"the encoding '{fields.get('encoding', '')[:40]}'; raw and gzip are read")
    if any(fields.get(key, "0") != "0" for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise unusable(path, "data that begin after a skip")
    endian = fields.get("endian", "")
    if voxel_bytes > 1 and encoding != "text" and endian.lower() not in ("little", "big"):
        raise unusable(path, f"the endian '{endian[:40]}'")
    name = fields.get("data file", fields.get("datafile"))
    if name is not None:
        path, offset = file_beside(path, name), 0
    spacing_mm = tuple(vector[0] for vector in checked.get("spacings", ())[:3])
    return Header(sizes, voxel_bytes, encoding, path, offset, spacing_mm, voxel_bytes == 1)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields by name, and where the data begin: after a blank line, or in another file."""
    fields: dict[str, str] = {}
    with open(path, "rb") as file:
        if not re.match(rb"NRRD000[1-5]\r?\n", file.read(16)):
            raise not_an_image(path)
        file.seek(0)
        lines = lines_of(path, file)
        next(lines)
        for text in lines:
            if not text:
                break
            if text.startswith("#") or ":=" in text:
                continue
            if any(len(word) > _LONGEST_WORD for word in text.split()):
                raise unusable(path, f"the line '{text[:40]} ...'")
            key, colon, value = text.partition(":")
            key = key.strip().lower()
            if not colon or key in fields or key not in _FIELDS:
                again = " for the second time" if key in fields else ""
                raise unusable(path, f"the line '{text[:40]}'{again}")
            fields[key] = value.strip()
        return fields, file.tell()
