"""Broken masks with a CT beside them: spoilt ones of phantoms, and a network's own.

- `spoilt_case`: a mask of `degrade.py` with the phantom's scan. In each break the lumen's contrast is left as
  it is, taken down to 0.4, or taken out: networks miss vessels that are there, and some that hardly are.
- `network_cases`: what the default network draws of phantoms outside of the ranges of its training
  (`shifted.py`); what it misses of a vessel between two pieces is a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cc3d
import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import cKDTree
from shared import workflow

from bundle.common.coordinates import voxel_size_mm, voxel_to_world, voxels_of, world_to_voxel
from bundle.data.readers import read_volume
from bundle.geometry.core import sample_volume
from bundle.phantom import draw_patient

from .degrade import FINE_MM, LEAST_GAP_MM, SEEN_MM, Degraded, Gap, TrueTube, tubes_of
from .degraded import case_of
from .sets import FIRST_SEEDS
from .shifted import write_shifted

SHAPE = (384, 384, 180)  # of the scans beside spoilt masks: 0.5 x 0.5 x 0.6 mm
LEFT, SHARES = (1.0, 0.4, 0.0), (0.4, 0.3, 0.3)
BESIDE_MM = 4.0
LEAST_MM3 = 3.0  # of the network's parts; of those over the default's 60 mm3 nearly none is torn off its tree
SEEN_WITHIN_MM = 0.8  # of a network's mask, for its wall is off by more than a phantom's

Scan = tuple[np.ndarray, np.ndarray]


def read_scan(path: str | Path) -> Scan:
    """HU (X, Y, Z) as float32 and the (4, 4) affine of a file."""
    volume, affine = read_volume(path)
    return np.asarray(volume, np.float32), affine


def fade(
    image: np.ndarray,
    affine: np.ndarray,
    tube: TrueTube,
    gap: Gap,
    left: float,
    fat_hu: float,
    blur_mm: np.ndarray,
) -> None:
    """Take contrast out of a vessel (X, Y, Z) along a gap, so that `left` of it stays over the fat about it.

    What a scanner does is linear but for its noise: the scan of a fainter lumen is the scan less a part of
    the lumen's own, which is drawn here with the scan's blur.

    Args:
        blur_mm: (3,) sigma along the patient's axes.
    """
    voxel = voxel_size_mm(affine)
    index = world_to_voxel(tube.points[gap.first : gap.last + 1], affine)
    reach = (tube.radius.max() + BESIDE_MM) / voxel
    low = np.maximum(np.floor(index.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + reach) + 1, image.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high))
    places = voxel_to_world(np.indices(high - low).reshape(3, -1).T + low, affine)
    distance, nearest = cKDTree(tube.points).query(places)
    lumen = np.clip((tube.radius[nearest] - distance) / voxel.mean() + 0.5, 0, 1)
    lumen *= (nearest > gap.first) & (nearest < gap.last)
    axes = np.abs(affine[:3, :3]).argmax(axis=0)  # the patient's, but for small turns of the table
    drawn = gaussian_filter(lumen.reshape(high - low), blur_mm[axes] / voxel)
    middle = tube.points[(gap.first + gap.last) // 2][None]
    shown = float(sample_volume(image, affine, middle)[0]) - fat_hu
    of_drawn = float(
        sample_volume(drawn, affine, voxel_to_world(world_to_voxel(middle, affine) - low, affine))[0]
    )
    if of_drawn > 0.02 and shown > 0:
        image[box] -= (1 - left) * shown / of_drawn * drawn


def spoilt_case(seed: int, scan: Scan) -> tuple[Degraded, Scan, list[float]]:
    """The case of a seed in the study of spoilt masks, its scan, and how much contrast each gap has left."""
    case = case_of(seed)
    image, affine = scan[0].copy(), scan[1]
    left = np.random.default_rng([seed, 12]).choice(LEFT, len(case.gaps), p=SHARES)
    patient = draw_patient(seed)
    fat_hu, protocol = patient.contrast.epicardial_fat, patient.protocol
    blur = np.array([protocol.psf_fwhm_mm, protocol.psf_fwhm_mm, protocol.psf_z_fwhm_mm]) / 2.355
    for gap, part in zip(case.gaps, left):
        if part < 1:
            fade(image, affine, case.tubes[gap.tube], gap, float(part), fat_hu, blur)
    return case, (image, affine), [float(part) for part in left]


def network_cases(first: int, count: int, folder: Path, processes: int) -> Iterator[tuple[Degraded, Scan]]:
    """What the default network draws of scans of the set "shifted", as cases, and the scans.

    Args:
        first: which of the set's seeds is the first.
    """
    begin = FIRST_SEEDS["shifted"] + first
    cases = write_shifted(range(begin, begin + count), folder / "scans", processes, shape=SHAPE)
    keys = {"min_component_mm3": LEAST_MM3, "geometry#centerline": False, "geometry#pictures": False}
    workflow("inference.yaml", dataset_dir=folder / "scans", output_dir=folder / "network", **keys).run()
    for case in cases:
        name = Path(case["image"]).name.split(".")[0]
        files = (folder / "network" / name / f"{name}_{what}.nii.gz" for what in ("seg", "prob"))
        (mask, affine), (probability, _) = map(read_volume, files)
        tubes = tubes_of(json.loads(Path(case["truth"]).read_text())["branches"])
        yield drawn_case(mask > 0, affine, probability.astype(np.float32), tubes), read_scan(case["image"])


def drawn_case(
    mask: np.ndarray, affine: np.ndarray, probability: np.ndarray, tubes: list[TrueTube]
) -> Degraded:
    """A mask (X, Y, Z) of true vessels as a case: what of them is seen, and the gaps in them."""
    parts = cc3d.connected_components(mask, connectivity=26)
    voxels = voxels_of(parts > 0)
    search, part = cKDTree(voxel_to_world(voxels, affine)), parts[tuple(voxels.T)]
    seen, gaps = [], []
    for number, tube in enumerate(tubes):
        distance, nearest = search.query(tube.points)
        own = distance <= SEEN_WITHIN_MM
        runs, count = label(~own)
        for run in range(1, count + 1):
            lost = np.flatnonzero(runs == run)
            first, last = int(lost[0]) - 1, int(lost[-1]) + 1
            length = (last - first) * FINE_MM
            if (
                first < 0
                or last >= len(own)
                or length < LEAST_GAP_MM
                or part[nearest[first]] == part[nearest[last]]
            ):
                continue
            gaps.append(Gap(tube.points[first], tube.points[last], number, first, last, length))
        seen.append(own)
    return Degraded(mask, affine, probability, tubes, seen, gaps, {"wide": 1.0}, [])


def has_both_sides(case: Degraded, gap: Gap) -> bool:
    """Whether at least 3 mm of the vessel are seen within 5 mm on both sides of a gap."""
    seen, reach = case.seen[gap.tube], int(5.0 / FINE_MM)
    sides = seen[max(gap.first - reach, 0) : gap.first + 1], seen[gap.last : gap.last + reach]
    return min(side.sum() for side in sides) >= SEEN_MM / FINE_MM
