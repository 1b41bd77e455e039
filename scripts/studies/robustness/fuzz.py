"""Damaged scans: a sentence or a right result, nothing else.

    python scripts/study.py robustness fuzz --count 4000              # .nii, .nii.gz, .nrrd, .mha in turn
    python scripts/study.py robustness fuzz --count 4000 --seed 7     # other damage

Each file is a small scan with bits flipped, bytes replaced, cut out, doubled or cut off, or with a number
or a word of its header replaced by one that is hard to digest. A batch of files is loaded by a process of
its own with a limit on memory and time: a crash or a hang is then found, counted and named, and the file is
kept.
"""

import gzip
import logging
import multiprocessing
import os
import re
import resource
import struct
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import itk
import nibabel as nib
import numpy as np
import torch
import typer

from bundle.common.errors import InputError
from bundle.data.readers import is_eight_bit
from bundle.transforms import LoadCTAd

from ..common import RESULTS, Out, table, write_results

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
SHAPE = (12, 10, 8)
WORDS = [b"0", b"-1", b"1", b"2", b"3", b"4", b"30000", b"2147483647", b"4294967296", b"99999999999999999999",
         b"nan", b"inf", b"1e400", b"1e-300", b"", b"none", b"()", b"(1,0,0)", b"%s%n", b"../../etc/passwd",
         b"LIST", b"gzip", b"raw", b"bzip2", b"ascii", b"hex", b"double", b"block", b"MET_DOUBLE", b"True",
         b"False", b"\x00", b"\xff\xfe", b"A" * 5000]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 7, 255, 512, 30000, 32767, -32768, 65535, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -1.0, 1e-40, 1e38, float("nan"), float("inf"), float("-inf"), 352.0, 1e15, -352.0]
LIMIT_GIB, LIMIT_S = 6, 120


def write_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Whole files of each kind, raw and compressed."""
    scan = np.random.default_rng(0).integers(-1000, 700, SHAPE).astype(np.int16)  # HU
    volume = itk.image_from_array(scan.T.copy())
    volume.SetSpacing([0.4, 0.5, 0.6])
    made: dict[str, list[bytes]] = {suffix: [] for suffix in SUFFIXES}
    for suffix in SUFFIXES:
        path = folder / f"seed{suffix}"
        for compressed in (False, True):
            if suffix.startswith(".nii"):
                kind = nib.Nifti2Image if compressed else nib.Nifti1Image
                nib.save(kind(scan, np.diag([0.4, 0.5, 0.6, 1])), path)
            else:
                itk.imwrite(volume, path, compression=compressed)
            made[suffix].append(path.read_bytes())
    return made


def mutated(whole: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """`whole` damaged in one to four places; a .nii.gz below the compression, as a rule."""
    inside = suffix == ".nii.gz" and rng.random() < 0.8
    data = bytearray(gzip.decompress(whole) if inside else whole)
    for _ in range(rng.integers(1, 5)):
        data = _damaged(data, suffix, rng)
    return gzip.compress(bytes(data), 1, mtime=0) if inside else bytes(data)


def _damaged(data: bytearray, suffix: str, rng: np.random.Generator) -> bytearray:
    if len(data) < 8:
        return data
    # The header is where a reader is led astray.
    end = min(len(data), 352 if suffix.startswith(".nii") else 500)
    at = int(rng.integers(0, end if rng.random() < 0.8 else len(data)))
    kind = rng.integers(0, 8)
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        data[at : at + 4] = rng.bytes(min(4, len(data) - at))
    elif kind == 2:
        del data[at : at + int(rng.integers(1, 40))]
    elif kind == 3:
        data[at:at] = data[at : at + int(rng.integers(1, 40))]
    elif kind == 4:
        del data[int(rng.integers(0, len(data))) :]
    elif suffix.startswith(".nii"):
        at -= at % 2
        if kind == 5:
            data[at : at + 2] = struct.pack("<h", np.clip(rng.choice(NUMBERS), -32768, 32767))
        elif kind == 6:
            data[at : at + 4] = struct.pack("<i", rng.choice(NUMBERS))
        else:
            at -= at % 4
            data[at : at + 4] = struct.pack("<f", rng.choice(FLOATS))
    else:
        words = [m.span() for m in re.finditer(rb"[^\s=:,()]+", bytes(data[:end]))]
        if words:
            start, stop = words[int(rng.integers(len(words)))]
            data[start:stop] = WORDS[int(rng.integers(len(WORDS)))]
    return data


def judged(path: Path) -> str:
    """What loading `path` comes to: "loaded", "refused", or "wrong: ..."."""
    try:
        is_eight_bit(path)  # as the listing of a folder does
        image = LoadCTAd("image")({"image": str(path)})["image"]
    except InputError as error:
        message = str(error)
        whole = f"'{path}'" in message and "\n" not in message
        return "refused" if whole else f"wrong: not a sentence that names the file: {message!r}"
    except Exception as error:
        return f"wrong: {type(error).__name__}: {error}"
    if image.ndim != 4 or image.dtype != torch.float32 or not bool(torch.isfinite(image.as_tensor()).all()):
        return f"wrong: {tuple(image.shape)} {image.dtype}, or values that are not finite"
    affine = image.affine.numpy()
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) == 0:
        return "wrong: an affine that cannot be inverted"
    return "loaded"


def judge(folder: Path, names: list[str], results: Connection) -> None:
    """Load files one by one and send what came of each: the process that may die."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    for stream in (1, 2):  # ITK prints what it finds
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GIB << 30, LIMIT_GIB << 30))
    for name in names:
        results.send(judged(folder / name))


def outcomes(folder: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    """(name, outcome) of each file; a process that dies or hangs is charged to the file it had in hand."""
    context = multiprocessing.get_context("spawn")
    while names:
        received, sent = context.Pipe(duplex=False)
        process = context.Process(target=judge, args=(folder, names, sent))
        process.start()
        sent.close()
        deadline = time.monotonic() + LIMIT_S
        fault = f"hang: no end after {LIMIT_S} s"
        while names and received.poll(max(deadline - time.monotonic(), 0)):
            try:
                yield names[0], received.recv()
            except EOFError:
                process.join()
                fault = f"crash: the process ended with code {process.exitcode}"
                break
            names = names[1:]
        process.kill()
        process.join()
        if names:
            yield names[0], fault
            names = names[1:]


def main(
    count: Annotated[int, typer.Option(help="of the files")] = 4000,
    seed: Annotated[int, typer.Option(help="of the damage")] = 0,
    batch: Annotated[int, typer.Option(help="files a process")] = 500,
    keep: Annotated[Path | None, typer.Option(help="folder for the files that came to no good")] = None,
    out: Out = RESULTS,
) -> None:
    """Try the files and count what came of them; exit code 1 where one came to no good."""
    rng = np.random.default_rng(seed)
    counts: Counter[tuple[str, str]] = Counter()
    bad: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        seeds = write_seeds(folder)
        for first in range(0, count, batch):
            names = []
            for number in range(first, min(first + batch, count)):
                suffix = SUFFIXES[number % len(SUFFIXES)]
                whole = seeds[suffix][int(rng.integers(len(seeds[suffix])))]
                names.append(f"{number}{suffix}")
                (folder / names[-1]).write_bytes(mutated(whole, suffix, rng))
            for name, outcome in outcomes(folder, names):
                kind = outcome.split(":")[0]
                counts[name[name.index(".") :], kind] += 1
                if kind not in ("loaded", "refused"):
                    bad.append((name, outcome))
                    if keep is not None:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / name).write_bytes((folder / name).read_bytes())
                (folder / name).unlink()
    kinds = sorted({"loaded", "refused"} | {kind for _, kind in counts})
    rows = [{"suffix": suffix} | {kind: counts[suffix, kind] for kind in kinds} for suffix in SUFFIXES]
    lines = [f"{count} files, seed {seed}.", "", table(rows, ("suffix", *kinds))]
    lines += [f"- {name}: {outcome}" for name, outcome in bad[:20]]
    write_results(out, "robustness fuzz", "\n".join(lines), rows, ("suffix", *kinds))
    if bad:
        raise typer.Exit(1)
