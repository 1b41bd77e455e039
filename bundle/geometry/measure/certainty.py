"""How sure it is that a branch is a coronary artery, from what the network says along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bundle.geometry.core import Branch, sample_volume

__all__ = ["BranchCertainty", "evidence_of"]

_LEAST = 1e-3  # of a mean probability: its odds stay finite


@dataclass(frozen=True)
class BranchCertainty:
    """A logistic model whose value is the probability that a branch is a coronary artery.

    It belongs to the weights that it was fitted for: `scripts/study.py calibration` fits it to branches of
    which the truth is known, and configs/modes/native.yaml has the numbers.

    Attributes:
        intercept: of the log odds.
        lumen: for each unit of the log odds of the mean probability of lumen along the branch.
        vein: for the mean probability of cardiac vein, 0 to 1; 0 where the network has no such output.
        length: for each unit of the natural logarithm of the length in mm.

    Raises:
        ValueError: a number that is not finite.
    """

    intercept: float
    lumen: float
    vein: float
    length: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not np.isfinite(value):
                raise ValueError(f"the certainty's {name} must be a number; it is {value}")

    @staticmethod
    def features(length_mm: float, lumen: float, vein: float | None) -> np.ndarray:
        """What the four numbers are multiplied with, (4,)."""
        lumen = float(np.clip(lumen, _LEAST, 1 - _LEAST))
        return np.array([1.0, np.log(lumen / (1 - lumen)), vein or 0.0, np.log(max(length_mm, 0.1))])

    def __call__(self, length_mm: float, lumen: float, vein: float | None = None) -> float:
        """The probability, 0 to 1.

        Args:
            length_mm: of the branch.
            lumen, vein: means of `evidence_of`.

        Example:
            >>> sure = BranchCertainty(intercept=0.0, lumen=1.0, vein=-4.0, length=0.0)
            >>> round(sure(20.0, 0.9, 0.0), 3), round(sure(20.0, 0.9, 0.8), 3)
            (0.9, 0.268)
        """
        odds = self.features(length_mm, lumen, vein) @ list(asdict(self).values())
        return float(1 / (1 + np.exp(-odds)))


def evidence_of(
    branches: Sequence[Branch],
    affine: np.ndarray,
    maps: Mapping[str, np.ndarray | None],
    certainty: BranchCertainty | None = None,
) -> list[dict[str, float | None]]:
    """Of each branch `lumen_probability` and `vein_probability`, means along its centreline, gaps and all,
    and `certainty`; None where there is nothing to tell it from.

    Args:
        affine: (4, 4) of the maps, voxel to RAS mm.
        maps: "lumen" and "vein", (X, Y, Z) in 0..1, or None.
    """
    rows = []
    for branch in branches:
        lumen, vein = (_mean_along(branch, affine, maps.get(name)) for name in ("lumen", "vein"))
        sure = None if certainty is None or lumen is None else certainty(branch.length_mm, lumen, vein)
        named = {"lumen_probability": lumen, "vein_probability": vein, "certainty": sure}
        rows.append({name: None if value is None else round(value, 3) for name, value in named.items()})
    return rows


def _mean_along(branch: Branch, affine: np.ndarray, volume: np.ndarray | None) -> float | None:
    return None if volume is None else float(sample_volume(volume, affine, branch.points).mean())
