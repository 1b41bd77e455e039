"""DICOM files out of zips, none of which can write elsewhere or more than it says."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bundle.common.errors import RunFailed

__all__ = ["holds_dicom_files", "is_zip", "unpack"]

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError)
_MOST_MEMBERS = 200_000
_MOST_BYTES = 64 * 2**30
_KEPT_FREE = 2**30  # of the disk
_CHUNK = 1 << 20
_LOOKED_AT = 20  # members


def is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def holds_dicom_files(path: Path) -> bool:
    """Whether one of a zip's first members is a DICOM file, or might be: unpacking a damaged zip says so."""
    try:
        with zipfile.ZipFile(path) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            return any(_start(opened, member)[128:] == b"DICM" for member in members[:_LOOKED_AT])
    except _DAMAGED:
        return True


def _start(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with opened.open(member) as source:
        return source.read(132)


def unpack(archive: Path, folder: Path, name: str) -> list[Path]:
    """Unpack the DICOM files of a zip as ``000001``, ``000002``, ... into a folder.

    A member's own name, which may hold a person's, is used for nothing. Members that are no DICOM files are
    left out, zips within the zip too.

    Args:
        archive: the zip.
        folder: is made.
        name: what a sentence calls the zip.

    Raises:
        RunFailed: no zip, damaged, encrypted; a member that points out of its folder, is a link, or holds
            other than it declares; more members or bytes than a disk of this size should take.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _check(members, folder, name)
            folder.mkdir(parents=True, exist_ok=True)
            paths = [_written(opened, member, folder / f"{n:06d}") for n, member in enumerate(members, 1)]
    except _DAMAGED as error:
        raise RunFailed(
            f"{name} cannot be unpacked ({type(error).__name__}): it is damaged, not whole yet, or holds "
            "other than it declares; copy it again"
        ) from error
    return [path for path in paths if path is not None]


def _check(members: list[zipfile.ZipInfo], folder: Path, name: str) -> None:
    for number, member in enumerate(members, 1):
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise RunFailed(
                f"{name} is refused: its member {number} has a path that leads out of its folder, as no "
                "export of a PACS does"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise RunFailed(f"{name} is refused: its member {number} is a link; pack the files themselves")
        if member.flag_bits & 1:
            raise RunFailed(f"{name} is encrypted; unpack it with its password and give the folder")
    declared = sum(member.file_size for member in members)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free - _KEPT_FREE
    if len(members) > _MOST_MEMBERS or declared > min(_MOST_BYTES, free):
        raise RunFailed(
            f"{name} declares {len(members)} files of {declared / 2**30:.1f} GiB in all; at most "
            f"{_MOST_MEMBERS} and {max(min(_MOST_BYTES, free), 0) / 2**30:.1f} GiB are unpacked here; unpack "
            "it yourself and give the folder"
        )


def _written(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Path | None:
    """The path where a member is DICOM; it is read to its end, which checks its size and its sum."""
    left = member.file_size
    with opened.open(member) as source:
        start = source.read(132)
        if start[128:] != b"DICM":
            return None
        with open(path, "wb") as target:
            target.write(start)
            left -= len(start)
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile
                target.write(chunk)
    if left:
        raise zipfile.BadZipFile
    return path
