"""Feed damaged scans to the loader, in processes that may die: an InputError or a right result, nothing else.

    python scripts/fuzz_loader.py --count 4000              # each of .nii, .nii.gz, .nrrd, .mha in turn
    python scripts/fuzz_loader.py --count 4000 --seed 7     # other damage

Each file is a small scan with bits flipped, bytes replaced, cut out, doubled or cut off, or with a number
or a word of its header replaced by one that is hard to digest. A batch of files is loaded by a process of
its own with a limit on memory and time: a crash or a hang is then found, counted and named, and the file is
kept.
"""

from __future__ import annotations

import gzip
import json
import re
import resource
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import fire
import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
SHAPE = (12, 10, 8)
WORDS = [b"0", b"-1", b"1", b"2", b"3", b"4", b"30000", b"2147483647", b"4294967296", b"99999999999999999999",
         b"nan", b"inf", b"1e400", b"1e-300", b"", b"none", b"()", b"(1,0,0)", b"%s%n", b"../../etc/passwd",
         b"LIST", b"gzip", b"raw", b"bzip2", b"ascii", b"hex", b"double", b"block", b"MET_DOUBLE", b"True",
         b"False", b"\x00", b"\xff\xfe", b"A" * 5000]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 7, 255, 512, 30000, 32767, -32768, 65535, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -1.0, 1e-40, 1e38, float("nan"), float("inf"), float("-inf"), 352.0, 1e15, -352.0]
LIMIT_GIB, LIMIT_S = 6, 120


def scan(seed: int = 0) -> np.ndarray:
    """A volume in HU."""
    return np.random.default_rng(seed).integers(-1000, 700, SHAPE).astype(np.int16)


def write_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Whole files of each kind, raw and compressed."""
    import itk

    volume = itk.image_from_array(scan().T.copy())
    volume.SetSpacing([0.4, 0.5, 0.6])
    made: dict[str, list[bytes]] = {suffix: [] for suffix in SUFFIXES}
    for suffix in SUFFIXES:
        path = folder / f"seed{suffix}"
        for compressed in (False, True):
            if suffix.startswith(".nii"):
                kind = nib.Nifti2Image if compressed else nib.Nifti1Image
                nib.save(kind(scan(), np.diag([0.4, 0.5, 0.6, 1])), path)
            else:
                itk.imwrite(volume, path, compression=compressed)
            made[suffix].append(path.read_bytes())
    return made


def mutated(whole: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """``whole`` with one to four wounds; those of a .nii.gz are inside, below the compression, as a rule."""
    inside = suffix == ".nii.gz" and rng.random() < 0.8
    data = bytearray(gzip.decompress(whole) if inside else whole)
    for _ in range(rng.integers(1, 5)):
        data = _wounded(data, suffix, rng)
    return gzip.compress(bytes(data), 1, mtime=0) if inside else bytes(data)


def _wounded(data: bytearray, suffix: str, rng: np.random.Generator) -> bytearray:
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
    """What loading ``path`` comes to: "loaded", "refused", or "wrong: ..."."""
    import torch

    from bundle.common.errors import InputError
    from bundle.data.readers import is_eight_bit
    from bundle.transforms import LoadCTAd

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


def judge(folder: str, *names: str) -> None:
    """Load files one by one and say after each what came of it: the process that `fuzz` starts."""
    import logging
    import warnings

    import torch

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GIB << 30, LIMIT_GIB << 30))
    for name in names:
        print(json.dumps([name, judged(Path(folder) / name)]), flush=True)


def fuzz(count: int = 4000, seed: int = 0, batch: int = 500, keep: str | None = None) -> None:
    """Try ``count`` files and print what came of them; ends with exit code 1 where one came to no good.

    Args:
        count: of the files.
        seed: of the damage.
        batch: files a process.
        keep: folder that gets the files that came to no good.
    """
    rng = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
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
            for name, outcome in _in_processes(folder, names):
                kind = outcome.split(":")[0]
                outcomes[f"{name[name.index('.') :]} {kind}"] += 1
                if kind not in ("loaded", "refused"):
                    bad.append((name, outcome))
                    if keep is not None:
                        Path(keep).mkdir(parents=True, exist_ok=True)
                        (Path(keep) / name).write_bytes((folder / name).read_bytes())
                (folder / name).unlink()
        print(f"{count} files, seed {seed}")
    for key in sorted(outcomes):
        print(f"  {key}: {outcomes[key]}")
    for name, outcome in bad[:20]:
        print(f"  {name}: {outcome}")
    if bad:
        raise SystemExit(1)


def _in_processes(folder: Path, names: list[str]):
    """(name, outcome) of each file; a process that dies or hangs is charged to the file it had in hand."""
    while names:
        command = [sys.executable, __file__, "judge", str(folder), *names]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            told, _ = run.communicate(timeout=LIMIT_S)
            end = f"crash: the process ended with code {run.returncode}"
        except subprocess.TimeoutExpired:
            run.kill()
            told, _ = run.communicate()
            end = f"hang: no end after {LIMIT_S} s"
        # ITK may print to the same stream.
        done = [
            json.loads(line) for line in told.decode(errors="replace").splitlines() if line.startswith('["')
        ]
        yield from done
        names = names[len(done) :]
        if names:
            yield names[0], end
            names = names[1:]


if __name__ == "__main__":
    if sys.argv[1:2] == ["judge"]:
        judge(*sys.argv[2:])
    else:
        fire.Fire(fuzz)
