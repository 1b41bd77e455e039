"""Arteries and cardiac veins told apart by their attenuation, as far as this one scan lets them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

__all__ = ["Enhancement", "EnhancementRule", "enhancement_of", "weigh_evidence"]

_WIDTHS = 8  # classes of width, in which attenuation is compared


@dataclass(frozen=True)
class EnhancementRule:
    """The numbers of `enhancement_of`; configs/modes/native.yaml has those in use.

    fat: attenuation of the fat around vessels, in the image's units.
    cell_mm: cubes over which voxels are averaged.
    along_mm: standard deviation of the Gaussian by which cubes are averaged with their neighbours.
    sure: log odds of lumen against vein from which on a cube shows what arteries look like here, and under
        whose negative what veins do.
    least_mm3: of each that must be there to compare anything.
    differ: least difference between both, as a part of the arteries' attenuation over fat.
    spread: standard deviation of an artery's attenuation from one place to another, as a part of that over
        fat; it adds to what is measured in the scan.
    narrow_mm: radius up to which dark is no sign of a vein, for a thin artery is dark too.
    most: greatest evidence, in log odds.
    """

    fat: float
    cell_mm: float
    along_mm: float
    sure: float
    least_mm3: float
    differ: float
    spread: float
    narrow_mm: float
    most: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name in ("cell_mm", "along_mm") and value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}.")
            if value < 0 and name != "fat":
                raise ValueError(f"{name} must be 0 or more, got {value}.")


@dataclass(frozen=True)
class Enhancement:
    """What a scan shows of its vessels.

    artery, vein: attenuation of wide ones with their walls, in the image's units.
    evidence: (N,) log odds of artery against vein that attenuation adds, of each voxel.
    """

    artery: float
    vein: float
    evidence: np.ndarray


def enhancement_of(
    points: np.ndarray,
    lumen: np.ndarray,
    vein: np.ndarray,
    attenuation: np.ndarray,
    voxel_mm3: float,
    rule: EnhancementRule,
) -> Enhancement | None:
    """Compare every vessel's attenuation with what the sure arteries and the sure veins of a scan have.

    In most coronary CT angiograms the cardiac veins are filled less than the arteries, or not yet, by a part
    that differs from scan to scan and that a network sees too little of in one window. A narrow vessel is
    darker than a wide one of the same blood, so attenuation is brought to that of a wide one first, by what
    sure arteries of the same width have.

    Args:
        points: (N, 3) mm, voxels of vessels: those of a probability that is not low.
        lumen, vein: (N,) probabilities of the coronary lumen and of cardiac vein.
        attenuation: (N,) of the image, in any unit.
        voxel_mm3: volume of a voxel.

    Returns:
        None where there is too little of either to compare.
    """
    if not len(points):
        return None
    cell = np.floor((points - points.min(axis=0)) / rule.cell_mm).astype(np.int64)
    _, cell = np.unique(np.ravel_multi_index(cell.T, cell.max(axis=0) + 1), return_inverse=True)

    def total(values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(cell, values)

    count = total()
    near = _neighbours(np.stack([total(axis) for axis in points.T], axis=1) / count[:, None], rule.along_mm)
    inner = np.maximum(lumen, vein).astype(np.float64) ** 4  # the middle of a vessel more than its wall
    bright = (near @ total(inner * attenuation)) / (near @ total(inner)) - rule.fat
    length = rule.along_mm * np.sqrt(2 * np.pi)  # of the vessel that a Gaussian along it holds
    radius = np.sqrt(near @ count * voxel_mm3 / (np.pi * length))
    odds = np.log((near @ total(lumen) + 0.01 * count) / (near @ total(vein) + 0.01 * count))
    is_vessel = near @ total(np.maximum(lumen, vein)) > 0.5 * (near @ count)
    artery, other = is_vessel & (odds > rule.sure), is_vessel & (odds < -rule.sure)
    if min(count[artery].sum(), count[other].sum()) * voxel_mm3 < rule.least_mm3:
        return None
    filled, width, share = _by_width(radius[artery], bright[artery])
    even = bright / np.interp(radius, width, share)
    empty = _half_sample_mode(even[other])
    apart = filled - empty
    evidence = np.zeros(len(count))
    if apart >= rule.differ * filled:
        own = 1.4826 * np.median(np.abs(even[artery] - filled))
        variance = own**2 + (rule.spread * filled) ** 2
        evidence = np.clip((even - empty - apart / 2) * apart / variance, -rule.most, rule.most)
        evidence[(evidence < 0) & (radius < rule.narrow_mm)] = 0.0
    return Enhancement(filled + rule.fat, empty + rule.fat, evidence[cell])


def weigh_evidence(
    lumen: np.ndarray, vein: np.ndarray, evidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both probabilities with `evidence` added to the log odds of one against the other.

    What is added to one is taken from the other; where neither is, nothing comes up.

    Args:
        lumen, vein: (N,) probabilities. evidence: (N,) log odds.
    """
    share = (lumen + 0.01) / (lumen + vein + 0.02)
    weighed = share / (share + (1 - share) * np.exp(-evidence))
    either = lumen + vein
    moved = either * (weighed - share)
    return np.clip(lumen + moved, 0, np.minimum(either, 1)), np.clip(vein - moved, 0, np.minimum(either, 1))


def _neighbours(points: np.ndarray, along_mm: float) -> sparse.csr_matrix:
    """Gaussian weights (N, N) between points (N, 3), up to two and a half standard deviations."""
    tree = cKDTree(points)
    apart = tree.sparse_distance_matrix(tree, 2.5 * along_mm, output_type="coo_matrix")
    weights = np.exp(-((apart.data / along_mm) ** 2) / 2)
    near = sparse.csr_matrix((weights, (apart.row, apart.col)), shape=apart.shape)
    near.setdiag(1.0)
    return near


def _by_width(radius: np.ndarray, bright: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Attenuation of wide vessels; radii, and the part of it that vessels of each have."""
    edges = np.quantile(radius, np.linspace(0, 1, _WIDTHS + 1))
    wide = float(np.median(bright[radius >= np.quantile(radius, 0.6)]))
    classes = [bright[(radius >= low) & (radius <= high)] for low, high in pairwise(edges)]
    share = np.maximum.accumulate([np.median(values) / wide for values in classes])
    return wide, (edges[:-1] + edges[1:]) / 2, np.clip(share, 0.3, 1.0)


def _half_sample_mode(values: np.ndarray) -> float:
    """Where values lie densest: halves of the sample, each the narrowest (Robertson and Cryer, 1974)."""
    values = np.sort(values)
    while len(values) > 3:
        half = (len(values) + 1) // 2
        first = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[first : first + half]
    return float(values.mean())
