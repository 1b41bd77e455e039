"""A case in a few sentences that a person can paste: what was seen, how wide, how narrowed, what was not."""

from __future__ import annotations

from collections.abc import Sequence

from bundle.geometry.naming import MAIN, UNKNOWN

__all__ = ["statement"]

_EXPECTED = ("LM", "LAD", "LCx", "RCA")
_LEAST_GAP_MM = 1.0  # an interruption of the mask that is worth a word


def _vessels(branches: Sequence[dict]) -> list[str]:
    """Main vessels with length and calibre, side branches by name, what has no name."""
    found = []
    for name in MAIN:
        own = [row for row in branches if row["name"] == name]
        if own:
            length = sum(row["length_mm"] for row in own)
            pieces = f" in {len(own)} pieces" if len(own) > 1 else ""
            found.append(
                f"{name} {length:.0f} mm{pieces} (proximal {own[0]['proximal_diameter_mm']:.1f} mm wide)"
            )
    sides = sorted({row["name"] for row in branches} - {*MAIN, UNKNOWN})
    said = [f"Seen: {', '.join(found)}." if found else "No main coronary artery was recognised."]
    if sides:
        said.append(f"Side branches: {', '.join(sides)}.")
    nameless = [row["length_mm"] for row in branches if row["name"] == UNKNOWN]
    if nameless:
        what = "branch has" if len(nameless) == 1 else "branches have"
        said.append(f"{len(nameless)} {what} no name ({sum(nameless):.0f} mm).")
    missing = [name for name in _EXPECTED if not any(row["name"] == name for row in branches)]
    if missing and found:
        said.append(f"Not seen or not recognised: {', '.join(missing)}.")
    return said


def _place(lesion: dict) -> str:
    segment = f", segment {lesion['scct_segment']}" if lesion["scct_segment"] else ""
    name = "a branch without a name" if lesion["branch"] == UNKNOWN else lesion["branch"]
    return f"{name}{segment}, {lesion['at_mm']:.0f} mm from its start"


def _in_image(lesion: dict) -> str:
    """What the CT shows there, behind the place; nothing without a CT."""
    if lesion.get("calcium_mm3"):
        # The image's own section leaves calcium out of the lumen, so its percentage says nothing there.
        return "; calcium beside it: blooming may make it look narrower; the image cannot tell by how much"
    said = ""
    if lesion.get("percent_in_image") is not None:
        there = "narrows there too, by" if lesion["narrows_in_image"] else "narrows there by"
        said += f"; the image {there} about {lesion['percent_in_image']:.0f} %"
    return said


def _narrowings(lesions: Sequence[dict]) -> list[str]:
    said = []
    clear = [lesion for lesion in lesions if lesion["assessable"]]
    for lesion in sorted(clear, key=lambda lesion: -lesion["percent_diameter_stenosis"]):
        low, high = lesion["percent_low"], lesion["percent_high"]
        said.append(
            f"Diameter narrowed by {lesion['percent_diameter_stenosis']:.0f} % ({low:.0f} to {high:.0f}): "
            f"{_place(lesion)}{_in_image(lesion)}."
        )
    if not clear:
        said.append("No narrowing was found where one can be judged.")
    vague = [lesion for lesion in lesions if not lesion["assessable"]]
    if vague:
        beside = ["; calcium beside it" if lesion.get("calcium_mm3") else "" for lesion in vague]
        why = [lesion["not_assessable_because"] + more for lesion, more in zip(vague, beside)]
        where = "; ".join(f"{_place(lesion)} ({reason})" for lesion, reason in zip(vague, why))
        said.append(f"Possible narrowings that cannot be judged: {where}.")
    return said


def _without_narrowing(vessels: Sequence[dict]) -> list[str]:
    """Main vessels that nothing narrows by half, and those of which only a part is seen."""
    said = []
    clear = [row["name"] for row in vessels if row["no_narrowing_50"]]
    if clear:
        said.append(f"Seen to the end, no narrowing of 50 % or more: {', '.join(clear)}.")
    partly = [row for row in vessels if not row["seen_to_its_end"]]
    if partly:
        parts = [f"{row['name']} ({row['length_mm']:.0f} mm; {row['not_seen_because']})" for row in partly]
        said.append(f"Seen in part only, nothing is said of the rest: {', '.join(parts)}.")
    return said


def statement(
    branches: Sequence[dict], lesions: Sequence[dict], dominance: str, vessels: Sequence[dict] = ()
) -> str:
    """The sentences, one a line; the last says what they are not.

    Args:
        branches: rows of `measure_tree`.
        lesions: rows of the table of narrowings, with `scct_segment`.
        dominance: as `bundle.geometry.naming.dominance` gives it.
        vessels: rows of `vessel_rows`.
    """
    said = _vessels(branches)
    if dominance == "not seen":
        said.append("No posterior descending artery is seen on a named artery, so dominance is not said.")
    else:
        said.append(f"Dominance: {dominance}.")
    said += _narrowings(lesions)
    said += _without_narrowing(vessels)
    broken = [(row["name"], row["gap_mm"]) for row in branches if row["gap_mm"] >= _LEAST_GAP_MM]
    if broken:
        parts = ", ".join(f"{name} over {gap:.0f} mm" for name, gap in broken)
        said.append(f"The segmentation is interrupted and was bridged: {parts}.")
    said.append("Measured by software from a segmentation; for research use only.")
    return "\n".join(said)
