"""What OpenFOAM makes of a volume mesh: its reader of gmsh's format and its check of the mesh."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from bundle.common.files import write_text

__all__ = ["checked", "why_no_openfoam"]

_HEAD = "FoamFile {{ version 2.0; format ascii; class dictionary; object {name}; }}\n"
_CASE = {
    "controlDict": "startFrom startTime; startTime 0; stopAt endTime; endTime 1; deltaT 1; writeInterval 1;",
    "fvSchemes": "ddtSchemes {} gradSchemes {} divSchemes {} laplacianSchemes {} interpolationSchemes {} "
    "snGradSchemes {}",
    "fvSolution": "",
}
_NUMBER = r"([-+\d.eE]+)"


def why_no_openfoam() -> str | None:
    """None where its programs can be run, or what is missing."""
    for program in ("gmshToFoam", "checkMesh"):
        if shutil.which(program) is None:
            return f"OpenFOAM is left out, for there is no {program} on the PATH"
    if not os.environ.get("WM_PROJECT_DIR"):
        return "OpenFOAM is left out, for WM_PROJECT_DIR is not set: source its etc/bashrc"
    return None


def checked(msh: Path, folder: Path) -> dict:
    """Read a .msh into a new OpenFOAM case in `folder`, and check it.

    Returns:
        `openfoam` (version), `patches` (name to number of faces), `cells`, `check` ("Mesh OK" or what
        failed), `size_m` (the box around the mesh along x, y, z), `volume_m3`, `non_orthogonality_max`
        (degrees), `over_70_degrees` (faces), `skewness_max`, `aspect_ratio_max`.

    Raises:
        ValueError: one of the programs fails.
    """
    for name, text in _CASE.items():
        (folder / "system").mkdir(parents=True, exist_ok=True)
        write_text(folder / "system" / name, f"{_HEAD.format(name=name)}{text}\n")
    _run("gmshToFoam", str(msh.resolve()), folder=folder)
    said = _run("checkMesh", "-constant", folder=folder)
    boundary = (folder / "constant" / "polyMesh" / "boundary").read_text(encoding="utf-8")
    patches = re.findall(r"(\S+)\s*\{[^}]*nFaces\s+(\d+);", boundary.split("// *")[1])
    corners = [
        part.split() for part in re.findall(r"\(([^()]+)\)", _found(r"domain bounding box (.*)", said))
    ]
    severe = re.search(r"severely non-orthogonal \(> 70 degrees\) faces: (\d+)", said)
    return {
        "openfoam": _found(r"Build\s*:\s*(?:OPENFOAM=)?(\S+)", said),
        "patches": {name: int(count) for name, count in patches},
        "cells": int(_found(r"cells:\s+(\d+)", said)),
        "check": _found(r"(Mesh OK|Failed \d+ mesh checks)", said),
        "size_m": [float(high) - float(low) for low, high in zip(*corners)],
        "volume_m3": float(_found(rf"Total volume = {_NUMBER}\.", said)),
        "non_orthogonality_max": float(_found(rf"non-orthogonality Max: {_NUMBER} ", said)),
        "over_70_degrees": int(severe.group(1)) if severe else 0,
        "skewness_max": float(_found(rf"Max skewness = {_NUMBER}[ ,]", said)),
        "aspect_ratio_max": float(_found(rf"Max aspect ratio = {_NUMBER}[ ,]", said)),
    }


def _run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    if done.returncode != 0:
        fault = said.split("FOAM FATAL", 1)[-1].split("ERROR", 1)[-1].strip(": \n").splitlines()
        raise ValueError(f"{command[0]} failed: {fault[0].strip() if fault else 'it said nothing'}")
    return said


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"checkMesh of OpenFOAM said nothing that fits {pattern!r}")
    return match.group(1)
