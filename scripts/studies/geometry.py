"""Surface, centreline, names and lesions against known tubes.

    python scripts/study.py geometry                                              # held-out seeds
    python scripts/study.py geometry --first-seed 100 --count 12 --out trial      # while developing

The vessels of `make_phantom(seed)` are tubes with a known line and radius. They are drawn straight on a grid
of 0.4 mm around the tree, not on the scanner's matrix: no image is needed, and every case has one spacing.

- mask: voxels whose centre lies in a tube.
- probability: a sigmoid (0.2 mm) of the distance to the wall, after Gaussian noise of 0.13 mm rms, correlated
  over a voxel (sigma 1), has moved the wall; the mask is then where it is at least 0.5.

Seeds from 300 are for the figures that are reported; thresholds were chosen on seeds from 100 and 200.
"""

import time
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import manifold3d
import numpy as np
import pyvista as pv
import typer
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm
from bundle.common.polylines import arc_length, at_length
from bundle.common.tables import to_text
from bundle.geometry.centerline import vessel_tree
from bundle.geometry.core import Tree, find_vessels, triangles, volume_mm3
from bundle.geometry.measure import find_stenoses
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface
from bundle.phantom import make_phantom

from .common import RESULTS, Out, table, write_results

HELD_OUT = 300
SPACING_MM = 0.4
NOISE_MM, EDGE_MM = 0.13, 0.2
FINE_MM = 0.05
LEAST_RADIUS_MM, NEAR_MM = 0.6, 0.5
MAIN = ("LM", "LAD", "LCx", "RCA")
LESION_NEAR_MM = 3.0


@dataclass
class Tube:
    """A true vessel: points (N, 3) RAS mm every 0.05 mm, radius and healthy radius (N,) mm, lesions."""

    name: str
    points: np.ndarray
    radius: np.ndarray
    healthy: np.ndarray
    lesions: list[dict]


def true_tubes(seed: int) -> list[Tube]:
    """The vessels of a phantom; those cut off to less than two points by the scan's border are left out."""
    found = []
    for branch in make_phantom(seed, (16, 16, 16)).tree["branches"]:
        points = np.asarray(branch["points_ras_mm"])
        if len(points) < 2:
            continue
        total = arc_length(points)[-1]
        where = np.linspace(0, total, int(total / FINE_MM) + 2)
        values = (points, *(np.asarray(branch[k]) for k in ("radius_mm", "reference_radius_mm")))
        lines = [at_length(points, value, where) for value in values]
        found.append(Tube(branch["name"], *lines, branch["lesions"]))
    return found


def wall_distance(tubes: list[Tube], points: np.ndarray) -> np.ndarray:
    """Signed distance of points (N, 3) to the wall of the union of tubes, positive inside; -3 far away."""
    inside = np.full(len(points), -3.0)
    for tube in tubes:
        reach = float(tube.radius.max()) + 3.0
        distance, nearest = cKDTree(tube.points).query(points, distance_upper_bound=reach)
        near = np.isfinite(distance)
        inside[near] = np.maximum(inside[near], tube.radius[nearest[near]] - distance[near])
    return inside


def rasterise(tubes: list[Tube]) -> tuple[np.ndarray, np.ndarray, float]:
    """Distance to the wall on the grid (X, Y, Z), -3 away from the tubes; the affine; the volume in mm3.

    The volume counts the halves of the voxels that the wall may cross, along each axis.
    """
    points = np.concatenate([t.points[::10] for t in tubes])
    reach = int(max(t.radius.max() for t in tubes) / SPACING_MM) + 4
    origin = points.min(axis=0) - (reach + 2) * SPACING_MM
    index = np.rint((points - origin) / SPACING_MM).astype(int)
    near = np.zeros(index.max(axis=0) + reach + 3, bool)
    for i, j, k in index:
        near[i - reach : i + reach + 1, j - reach : j + reach + 1, k - reach : k + reach + 1] = True
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = origin
    centres = np.argwhere(near) * SPACING_MM + origin
    inside = wall_distance(tubes, centres)
    field = np.full(near.shape, -3.0)
    field[near] = inside
    crossed = np.abs(inside) < 0.87 * SPACING_MM
    corners = np.stack(np.meshgrid(*[[-0.25, 0.25]] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    parts = (centres[crossed] + SPACING_MM * corners).reshape(-1, 3)
    full = np.count_nonzero(inside[~crossed] > 0) + (wall_distance(tubes, parts) > 0).mean() * crossed.sum()
    return field, affine, float(full * SPACING_MM**3)


def noisy_probability(field: np.ndarray, seed: int) -> np.ndarray:
    """The probability of the module's text, float32, from the distance to the wall (X, Y, Z)."""
    noise = gaussian_filter(np.random.default_rng([seed, 7]).normal(size=field.shape), 1.0)
    moved = np.where(field > -2.9, field + noise * (NOISE_MM / noise.std()), field)
    return (1 / (1 + np.exp(-moved / EDGE_MM))).astype(np.float32)


def is_solid(mesh: pv.PolyData) -> bool:
    """Whether manifold3d takes the mesh as a closed, oriented, manifold solid."""
    points, faces = np.asarray(mesh.points, np.float32), triangles(mesh).astype(np.uint32)
    return manifold3d.Manifold(manifold3d.Mesh(points, faces)).status() == manifold3d.Error.NoError


def dense_line(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) every 0.05 mm on all segments, and the number of each one's branch, -1 for none (N,)."""
    branch_of = {s: number for number, b in enumerate(tree.branches) for s in b.segments}
    points, branch = [np.zeros((0, 3))], [np.zeros(0, int)]
    for number, segment in enumerate(tree.segments):
        where = np.linspace(0, segment.length_mm, int(segment.length_mm / FINE_MM) + 2)
        points.append(at_length(segment.points, segment.points, where))
        branch.append(np.full(len(where), branch_of.get(number, -1)))
    return np.concatenate(points), np.concatenate(branch)


def line_scores(tree: Tree, tubes: list[Tube]) -> dict:
    """Coverage both ways, radius error, and how many of the main names are right."""
    line, branch = dense_line(tree)
    truth, radius = np.concatenate([t.points for t in tubes]), np.concatenate([t.radius for t in tubes])
    row = {"names": 0, "names_of": 0, "wrong_names": ""}
    distance, nearest = cKDTree(line).query(truth)
    row["true_line_found"] = float((distance[radius >= LEAST_RADIUS_MM] <= NEAR_MM).mean())
    row["own_line_true"] = float((cKDTree(truth).query(line)[0] <= NEAR_MM).mean())
    free = np.concatenate([~(s.junction | s.gap) for s in tree.segments])
    off, at = cKDTree(truth).query(tree.points[free])
    fits = (off <= NEAR_MM) & (radius[at] >= LEAST_RADIUS_MM)
    row["radius_error_mm"] = float(np.abs(tree.radius[free] - radius[at])[fits].mean())
    row["radius_bias_mm"] = float((tree.radius[free] - radius[at])[fits].mean())
    names = np.array([b.name for b in tree.branches] + ["none"])[branch[nearest]]
    start = 0
    for tube in tubes:
        own = slice(start, start + len(tube.points))
        start = own.stop
        if tube.name in MAIN:
            right = ((names[own] == tube.name) & (distance[own] <= 1.5)).mean() > 0.5
            row["names"] += int(right)
            row["names_of"] += 1
            row["wrong_names"] += "" if right else f" {tube.name}"
    return row


def lesion_scores(tree: Tree, tubes: list[Tube], voxel_mm: float) -> dict:
    """Lesions of 40 to 90 % found, and findings where the true lumen is nowhere narrowed by 25 %.

    A lesion is found if a finding lies within half its length and 3 mm of its narrowest place;
    `reported` are those on a vessel of at least three voxels, which are the ones that the method reports.
    """
    findings = find_stenoses(tree, voxel_mm)
    places = np.array([f.point_ras_mm for f in findings]).reshape(-1, 3)
    row = {"lesions": 0, "lesions_found": 0, "reported": 0, "reported_found": 0, "errors": [], "missed": []}
    for tube in tubes:
        along = arc_length(tube.points)
        for lesion in tube.lesions:
            percent = lesion["percent_diameter_stenosis"]
            if lesion["stent"] or not 40 <= percent <= 90:
                continue
            at = int(np.argmin(np.abs(along - lesion["at_mm"])))
            wide = 2 * tube.healthy[at] >= 3 * voxel_mm
            distance = np.linalg.norm(places - tube.points[at], axis=1)
            near = np.flatnonzero(distance <= 0.5 * lesion["length_mm"] + LESION_NEAR_MM)
            row["lesions"] += 1
            row["reported"] += int(wide)
            if len(near):
                row["lesions_found"] += 1
                row["reported_found"] += int(wide)
                best = max(near, key=lambda i: findings[i].percent_diameter)
                row["errors"].append(findings[best].percent_diameter - percent)
            else:
                row["missed"].append(f"{tube.name} {percent:.0f} % of {2 * tube.healthy[at]:.1f} mm")
    truth = np.concatenate([t.points for t in tubes])
    narrow = np.concatenate([1 - t.radius / t.healthy for t in tubes]) >= 0.25
    near = np.array([narrow[np.linalg.norm(truth - p, axis=1) < LESION_NEAR_MM].any() for p in places], bool)
    row["false"] = int((~near).sum())
    row["false_ones"] = [
        f"{tree.branches[f.branch].name} {f.percent_diameter:.0f} % of {f.reference_diameter_mm:.1f} mm"
        for f, good in zip(findings, near)
        if not good
    ]
    return row


def measure(
    seed: int,
    kind: str,
    tubes: list[Tube],
    mask: np.ndarray,
    probability: np.ndarray | None,
    affine: np.ndarray,
    volume: float,
) -> dict:
    """A row of figures for one phantom, whose true volume is `volume` mm3."""
    begin = time.process_time()
    vessels = find_vessels(mask, affine, probability)
    mesh, _ = smooth_surface(vessel_surface(vessels))
    meshed = time.process_time()
    tree = name_branches(vessel_tree(vessels, mesh))
    end = time.process_time()
    off = np.abs(wall_distance(tubes, np.asarray(mesh.points)))
    return {
        "seed": seed,
        "from": kind,
        "solid": is_solid(mesh),
        "surface_mm": float(off.mean()),
        "surface95_mm": float(np.percentile(off, 95)),
        "volume_percent": 100 * (volume_mm3(mesh) / volume - 1),
        **line_scores(tree, tubes),
        **lesion_scores(tree, tubes, float(voxel_size_mm(affine).mean())),
        "mesh_s": meshed - begin,
        "tree_s": end - meshed,
    }


COLUMNS = ("seed", "from", "solid", "surface_mm", "volume_percent", "radius_error_mm", "radius_bias_mm",
           "true_line_found", "own_line_true", "names", "names_of", "lesions", "lesions_found", "false",
           "tree_s")  # fmt: skip


def summary(rows: list[dict]) -> list[tuple[str, str, str]]:
    """Figure, target and value for rows of one kind of input."""
    mean = {k: float(np.mean([r[k] for r in rows])) for k in rows[0] if isinstance(rows[0][k], (int, float))}
    total = {k: sum(r[k] for r in rows) for k in ("names", "names_of", "lesions", "lesions_found", "reported",
                                                  "reported_found", "false")}  # fmt: skip
    worst = {k: min(r[k] for r in rows) for k in ("true_line_found", "own_line_true")}
    errors = np.abs(np.concatenate([r["errors"] for r in rows]))
    points = f"{errors.mean():.1f} (n = {len(errors)})" if len(errors) else ""
    worst_volume = max(abs(r["volume_percent"]) for r in rows)
    wrong = ", ".join(f"{r['seed']}:{r['wrong_names']}" for r in rows if r["wrong_names"])
    return [
        ("meshes closed and manifold", "all", f"{sum(r['solid'] for r in rows)}/{len(rows)}"),
        ("surface distance, mean (mean of the 95 %), mm", "≤ 0.04 from the mask",
         f"{mean['surface_mm']:.3f} ({mean['surface95_mm']:.3f})"),
        ("volume error, mean of absolute (worst), %", "≤ 2",
         f"{np.mean([abs(r['volume_percent']) for r in rows]):.2f} ({worst_volume:.2f})"),
        ("radius error, mean of absolute (bias), mm", "≤ 0.05; from the probability ≤ 0.10",
         f"{mean['radius_error_mm']:.3f} ({mean['radius_bias_mm']:+.3f})"),
        ("true centreline (radius ≥ 0.6 mm) within 0.5 mm of ours (worst case)", "≥ 0.98",
         f"{mean['true_line_found']:.3f} ({worst['true_line_found']:.3f})"),
        ("ours within 0.5 mm of the true one (worst case)", "≥ 0.97",
         f"{mean['own_line_true']:.3f} ({worst['own_line_true']:.3f})"),
        ("main names right (wrong)", "≥ 95 %", f"{total['names']}/{total['names_of']} ({wrong or 'none'})"),
        ("lesions of 40 to 90 % found", "≥ 0.9", f"{total['lesions_found']}/{total['lesions']}"),
        ("- of these on vessels of at least 1.2 mm", "", f"{total['reported_found']}/{total['reported']}"),
        ("false lesions a case", "≤ 0.3", f"{total['false'] / len(rows):.2f}"),
        ("percent stenosis, mean of absolute error, points", "≤ 7", points),
        ("mask to smoothed mesh / mesh to named tree, CPU seconds", "",
         f"{mean['mesh_s']:.2f} / {mean['tree_s']:.2f}"),
    ]  # fmt: skip


def comparison(rows: list[dict]) -> str:
    """A table of the figures, a column a kind of input."""
    kinds = {row["from"]: [r for r in rows if r["from"] == row["from"]] for row in rows}
    lines = []
    for entries in zip(*map(summary, kinds.values())):
        values = {kind: value for kind, (*_, value) in zip(kinds, entries)}
        lines.append({"figure": entries[0][0], "target": entries[0][1]} | values)
    heads = {"figure": "", "target": "target"} | {kind: f"from the {kind}" for kind in kinds}
    return table(lines, heads)


def lesions(rows: list[dict]) -> str:
    """A line for each lesion that was missed or is none."""
    return "\n".join(
        f"- {row['seed']}, {row['from']}, {word}: {text}"
        for row in rows
        for word, which in (("missed", "missed"), ("false", "false_ones"))
        for text in row[which]
    )


Kind = Enum("Kind", {kind: kind for kind in ("mask", "probability")}, type=str)


def main(
    first_seed: Annotated[int, typer.Option(help="of the phantoms; from 300 on held out")] = HELD_OUT,
    count: int = 20,
    kind: Annotated[list[Kind] | None, typer.Option(help="by default both")] = None,
    out: Out = RESULTS,
) -> None:
    rows = []
    for seed in range(first_seed, first_seed + count):
        tubes = true_tubes(seed)
        field, affine, volume = rasterise(tubes)
        for name in [chosen.value for chosen in kind or Kind]:
            probability = noisy_probability(field, seed) if name == "probability" else None
            mask = field > 0 if probability is None else probability >= 0.5
            rows.append(measure(seed, name, tubes, mask, probability, affine, volume))
            print(to_text(rows[-1:], COLUMNS).splitlines()[-1], flush=True)
    seeds = f"{count} phantoms, seeds {first_seed} to {first_seed + count - 1}, drawn at {SPACING_MM} mm."
    text = f"{seeds}\n\n{comparison(rows)}\n\nMissed and false lesions:\n\n{lesions(rows) or 'None.'}"
    write_results(out, "geometry", text, rows, COLUMNS)
