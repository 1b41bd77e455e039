"""The calibres of two scans along each branch, as one picture."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .comparison import Comparison

__all__ = ["calibre_picture"]

# Okabe and Ito's colours, which people with any colour vision tell apart; the second line is dashed too.
_FIRST, _SECOND, _WIDER, _NARROWER = "#0072B2", "#D55E00", "#56B4E9", "#E69F00"
_COLUMNS, _PANELS, _LEAST_MM = 3, 15, 8.0


def _broken(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    return np.where(keep, values, np.nan)


def _chosen(found: Comparison) -> list[int]:
    """Pairs to draw: those with a change, then the longest ones that are compared, in the table's order."""
    compared = [int(own.compared.sum()) for own in found.places]
    order = sorted(range(len(compared)), key=lambda i: (not found.claims[i].any(), -compared[i]))
    return sorted(i for i in order[:_PANELS] if compared[i] >= _LEAST_MM or found.claims[i].any())


def _draw(axes, found: Comparison, number: int) -> None:
    own, offset = found.places[number], found.noise.offset_mm
    first, second = own.diameter_first, own.diameter_second - offset
    for sign, colour in ((1, _WIDER), (-1, _NARROWER)):
        for change in found.changes():
            if change.pair == number and np.sign(change.mean_mm) == sign:
                at = own.at_first[change.places]
                axes.axvspan(at[0] - 0.5, at[-1] + 0.5, color=colour, alpha=0.35, lw=0)
                axes.annotate(f"{change.mean_mm:+.2f}", ((at[0] + at[-1]) / 2, 1), xytext=(0, -4),
                              textcoords="offset points", xycoords=("data", "axes fraction"),
                              ha="center", va="top", fontsize=8)  # fmt: skip
    for values, colour, style in ((first, _FIRST, "-"), (second, _SECOND, "--")):
        axes.plot(own.at_first, values, color=colour, lw=0.8, ls=style, alpha=0.3)
        axes.plot(own.at_first, _broken(values, own.compared), color=colour, lw=1.7, ls=style)
    names = found.first[own.first].name, found.second[own.second].name
    axes.set_title(names[0] if names[0] == names[1] else f"{names[0]} (second: {names[1]})", fontsize=10)
    low, high = (float(x) for x in np.percentile(np.concatenate([first, second]), [0, 100]))
    axes.set_ylim(max(0.0, low - 0.3), high + 0.35 * (high - low) + 0.3)
    axes.margins(x=0.01)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def calibre_picture(found: Comparison, path: str | os.PathLike, names: tuple[str, str]) -> None:
    """PNG with a panel a branch: both diameters along the first scan, claimed changes shaded.

    Faint lines are places that are not compared. `names` are those of the two scans.
    """
    chosen = _chosen(found)
    rows = max(1, -(-len(chosen) // _COLUMNS))
    figure = Figure(figsize=(12, 1.1 + 2.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes, number in zip(grid.flat, chosen):
        _draw(axes, found, number)
    for axes in grid.flat[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("along the branch in the first scan, mm", fontsize=10)
    figure.supylabel("diameter, mm", fontsize=10)
    blank = grid.flat[0]
    handles = [
        blank.plot([], [], color=_FIRST, lw=1.7, label=names[0])[0],
        blank.plot([], [], color=_SECOND, lw=1.7, ls="--",
                   label=f"{names[1]}, offset of {found.noise.offset_mm:+.2f} mm taken off")[0],
        blank.fill_between([], [], color=_WIDER, alpha=0.35, lw=0, label="wider"),
        blank.fill_between([], [], color=_NARROWER, alpha=0.35, lw=0, label="narrower"),
        blank.plot([], [], color="0.4", lw=0.8, alpha=0.5, label="not compared")[0],
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=9, frameon=False)
    figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
