"""The codes of vessels and measurements, by their names in pydicom's copy of the DICOM dictionaries.

Vessels: CID 3015 "Coronary Arteries", which are SNOMED CT. Looked up when first used, so that a code that the
dictionaries do not have is an error and not a wrong number in a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from bundle.geometry.core import Branch
from bundle.geometry.naming import UNKNOWN

__all__ = ["CORONARY", "code_of_branch", "code_of_segment", "unit"]

CORONARY = codes.cid3604.CoronaryArtery

_OF_NAME = {
    "LM": "LeftMainCoronaryArtery",
    "LAD": "LeftAnteriorDescendingCoronaryArtery",
    "LCx": "CircumflexCoronaryArtery",
    "RCA": "RightCoronaryArtery",
    "RI": "IntermediateArteryRamus",
    "D1": "_1stDiagonalCoronaryArtery",
    "D2": "_2ndDiagonalCoronaryArtery",
    "D3": "_3rdDiagonalCoronaryArtery",
    "S1": "_1stSeptalCoronaryArtery",
    "OM1": "_1stMarginalCoronaryArtery",
    "OM2": "_2ndMarginalCoronaryArtery",
    "OM3": "_3rdMarginalCoronaryArtery",
    "AM": "MarginalCoronaryArtery",  # of the right coronary artery: SNOMED CT has one code for all of them
}
_RIGHT = {
    "PDA": "PosteriorDescendingRightCoronaryArtery",
    "PLV": "PosterolateralBranchOfRightCoronaryArtery",
    "PLV2": "_2ndRightPosterolateralCoronaryArtery",
    "PLV3": "_3rdRightPosterolateralCoronaryArtery",
}
_LEFT = {
    "PDA": "LeftPosteriorDescendingCircumflexCoronaryArtery",
    "PLV": "LeftPosterolateralCircumflexCoronaryArtery",
    "PLV2": "_2ndLeftPosterolateralCoronaryArtery",
    "PLV3": "_3rdLeftPosterolateralCoronaryArtery",
}
# The SCCT's segments whose vessel is divided; the others are whole branches. Segment 13 is the middle and the
# distal LCx in one, for which there is no code.
_OF_SEGMENT = {
    1: "ProximalRightCoronaryArtery",
    2: "MidRightCoronaryArtery",
    3: "DistalRightCoronaryArtery",
    6: "ProximalLeftAnteriorDescendingCoronaryArtery",
    7: "MidLeftAnteriorDescendingCoronaryArtery",
    8: "DistalLeftAnteriorDescendingCoronaryArtery",
    11: "ProximalCircumflexCoronaryArtery",
}


def _main_above(branches: Sequence[Branch], number: int) -> str:
    """Name of the main artery that a branch comes from, "" where none above it has such a name."""
    while branches[number].parent >= 0:
        number = branches[number].parent
        if branches[number].name in ("RCA", "LCx", "LAD", "LM"):
            return branches[number].name
    return ""


def code_of_branch(branches: Sequence[Branch], number: int) -> tuple[Code, Code | None]:
    """The code of a branch, and the one of the artery that it comes from, where its own says less than that.

    A vessel without a code of its own, such as a fourth diagonal or a conus branch, is a "Coronary artery":
    the code of the artery that it leaves would count its voxels as that artery's.
    """
    name, above = branches[number].name, _main_above(branches, number)
    keyword = _OF_NAME.get(name) or _OF_NAME.get(re.sub(r"\d+$", "", name))
    if keyword is None and above:
        keyword = (_RIGHT if above == "RCA" else _LEFT).get(name)
    if keyword is not None:
        return getattr(codes.cid3015, keyword), None
    if name == "PDA":
        return codes.cid12292.PosteriorDescendingCoronaryArtery, None
    named = name != UNKNOWN and above
    return CORONARY, getattr(codes.cid3015, _OF_NAME[above]) if named else None


def code_of_segment(segment: int | None, branches: Sequence[Branch], number: int) -> Code:
    """Where a narrowing lies: the SCCT's segment where it has a code, else the branch."""
    keyword = _OF_SEGMENT.get(segment or 0)
    return code_of_branch(branches, number)[0] if keyword is None else getattr(codes.cid3015, keyword)


def unit(name: str) -> Code:
    """The UCUM code of "mm", "mm3" or "%"."""
    keywords = {"mm": "Millimeter", "mm3": "CubicMillimeter", "%": "Percent"}
    return getattr(codes.UCUM, keywords[name])
