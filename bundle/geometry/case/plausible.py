"""Whether what is marked can be coronary arteries at all."""

from __future__ import annotations

from bundle.geometry.core import Tree, Vessels

__all__ = ["LARGEST_ML", "MOST_BRANCHES", "SEARCHED_ML", "doubts_about_size", "doubts_about_tree", "given_up"]

LARGEST_ML = 25.0
"""Volume of the arteries from which it is doubted: readers' labels of ImageCAS have 3.6 to 8.7 mL."""

SEARCHED_ML = 150.0
"""Volume from which no centreline is looked for, which would take minutes and mean nothing."""

MOST_BRANCHES = 120
"""Number of branches from which they are doubted: of 25 patients drawn for crops the richest had 20."""


def doubts_about_size(vessels: Vessels) -> list[str]:
    """Sentences about the volume of vessels, from which an aorta is taken already; none where it can be."""
    volume = vessels.volume_mm3 / 1000
    if volume <= LARGEST_ML:
        return []
    words = (
        f"{volume:.0f} mL are marked, where coronary arteries have 1 to 9 mL: this is no segmentation of them"
    )
    if volume <= SEARCHED_ML:
        return [words]
    return [f"{words}, and no centreline was looked for (from {SEARCHED_ML:.0f} mL on)"]


def doubts_about_tree(tree: Tree) -> list[str]:
    """Sentences about the number of branches."""
    count = len(tree.branches)
    if count <= MOST_BRANCHES:
        return []
    return [f"{count} branches were found, more than coronary trees have: other vessels are marked too"]


def given_up(limit_s: float) -> str:
    """The sentence about a search for the centreline that took longer than it may."""
    return (
        f"the search for the centreline took more than {limit_s:g} s and was given up: the mask is no plain "
        "coronary tree, or the machine is slow (geometry#centerline_limit_s)"
    )
