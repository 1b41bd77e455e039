"""Everything that is made of one case's mask: surface, centreline, measurements, clouds, picture, report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyvista as pv

from bundle.geometry.anatomy import name_branches
from bundle.geometry.aorta import without_aorta
from bundle.geometry.centerline import vessel_tree
from bundle.geometry.colors import nice_limits, warm
from bundle.geometry.coordinates import check_affine, shear_deg, voxel_size_mm, voxel_volume_mm3
from bundle.geometry.labels import from_tree
from bundle.geometry.lumen import Vessels, find_vessels
from bundle.geometry.measure import measure_tree
from bundle.geometry.mesh import check_mesh, triangles, vertex_normals
from bundle.geometry.opengl import probe_early
from bundle.geometry.picture import snapshot
from bundle.geometry.pointcloud import PointCloud, distance_to_center_mm, surface_cloud, voxel_cloud
from bundle.geometry.sampling import sample_volume
from bundle.geometry.smoothing import smooth_surface
from bundle.geometry.solver import patch_table, solver_model, write_solver_stl, write_solver_vtp
from bundle.geometry.stenosis import find_stenoses
from bundle.geometry.surface import vessel_surface
from bundle.geometry.tree import Tree
from bundle.geometry.treefile import BRANCH_COLUMNS, STENOSIS_COLUMNS, write_table, write_tree
from bundle.geometry.write import write_cloud_ply, write_ply, write_stl, write_vtp
from bundle.geometry.write_web import write_glb, write_obj

FORMATS = ("stl", "ply", "vtp", "obj", "glb")
_SUFFIXES = tuple(f"mesh.{kind}" for kind in FORMATS)
_SUFFIXES += ("points.ply", "voxels.ply", "centerline.vtp", "branches.csv", "stenoses.csv", "snapshot.png")
_SUFFIXES += ("solver.vtp", "solver.stl")


class Stopwatch:
    """Seconds of named stages."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def confidence_inside(vessels: Vessels, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How sure the network is of the vessel at its wall: the probability one voxel inwards, (N,) in 0..1.

    On the wall itself it is the threshold everywhere and tells nothing.
    """
    inwards = points - normals * float(voxel_size_mm(vessels.affine).mean())
    return np.clip(sample_volume(vessels.probability, vessels.affine, inwards), 0.0, 1.0)


def _values(vessels: Vessels, tree: Tree, points: np.ndarray, normals: np.ndarray | None) -> dict:
    """Named values at points of the wall (with normals) or of the lumen (without)."""
    values = {}
    if vessels.probability is not None:
        if normals is None:
            values["confidence"] = sample_volume(vessels.probability, vessels.affine, points, order=0)
        else:
            values["confidence"] = confidence_inside(vessels, points, normals)
    if tree.branches:
        return values | from_tree(tree, points)
    return values | {"centerline_distance_mm": distance_to_center_mm(points, None)}


def _clouds(vessels: Vessels, mesh: pv.PolyData, tree: Tree, spacing_mm: float, voxels: bool) -> dict:
    clouds: dict[str, PointCloud] = {"points": surface_cloud(mesh, spacing_mm)}
    if voxels:
        clouds["voxels"] = voxel_cloud(vessels.mask, vessels.affine)
    for cloud in clouds.values():
        cloud.values = _values(vessels, tree, cloud.points, cloud.normals)
    return clouds


def _legend(tree: Tree, mesh: pv.PolyData) -> tuple[np.ndarray, str]:
    """What the picture shows: the lumen's width, or the distance to the middle where there is no tree."""
    if tree.branches:
        return 2 * mesh.point_data["radius_mm"], "Lumen diameter (mm)"
    return mesh.point_data["centerline_distance_mm"], "Distance to the centre (mm)"


def _write_mesh(mesh: pv.PolyData, formats: Sequence[str], stem: str, rgb: np.ndarray) -> dict[str, str]:
    if "stl" in formats:
        write_stl(mesh, f"{stem}.stl")
    if "ply" in formats:
        write_ply(mesh, f"{stem}.ply", rgb)
    if "vtp" in formats:
        whole = mesh.copy()
        whole.point_data["Normals"] = vertex_normals(mesh.points, triangles(mesh))
        write_vtp(whole, f"{stem}.vtp")
    if "obj" in formats:
        write_obj(mesh, f"{stem}.obj")
    if "glb" in formats:
        write_glb(mesh, f"{stem}.glb", rgb)
    return {f"mesh_{kind}": f"{Path(stem).name}.{kind}" for kind in FORMATS if kind in formats}


def _write_tree(tree: Tree, stem: str, report: dict) -> dict[str, str]:
    name = Path(stem).name
    write_tree(tree, f"{stem}_centerline.vtp")
    write_table(report["branches"], BRANCH_COLUMNS, f"{stem}_branches.csv")
    write_table(report["stenoses"], STENOSIS_COLUMNS, f"{stem}_stenoses.csv")
    return {"centerline": f"{name}_centerline.vtp", "branches": f"{name}_branches.csv",
            "stenoses": f"{name}_stenoses.csv"}  # fmt: skip


def _write_solver(wall: pv.PolyData, tree: Tree, diameters: float, stem: str, report: dict) -> dict[str, str]:
    model = solver_model(wall, tree, diameters)
    write_solver_vtp(model, f"{stem}_solver.vtp")
    write_solver_stl(model, f"{stem}_solver.stl")
    report["solver_patches"] = patch_table(model)
    report["warnings"] += model.warnings
    return {f"solver_{kind}": f"{Path(stem).name}_solver.{kind}" for kind in ("vtp", "stl")}


def _measure(tree: Tree, voxel_mm: float) -> dict:
    lesions = find_stenoses(tree, voxel_mm)
    return {
        "centerline_length_mm": round(sum(s.length_mm for s in tree.segments), 2),
        "branches": measure_tree(tree),
        "stenoses": [lesion.as_dict(tree.branches[lesion.branch].name) for lesion in lesions],
    }


def export_case(
    mask: np.ndarray,
    affine: np.ndarray,
    out_dir: str | os.PathLike,
    case: str,
    probability: np.ndarray | None = None,
    *,
    level: float | None = None,
    smoothing: str = "sinc",
    smoothing_iterations: int | None = None,
    min_part_mm3: float = 1.0,
    formats: Sequence[str] = ("stl", "ply", "vtp"),
    point_spacing_mm: float = 0.5,
    voxel_points: bool = False,
    centerline: bool = True,
    pictures: bool = True,
    solver: bool = False,
    extension_diameters: float = 0.0,
) -> dict:
    """Write the geometry of a case into `out_dir`, every file named after the case, in LPS mm.

    `<case>_mesh.*`, `<case>_points.ply`, `<case>_centerline.vtp`, `<case>_branches.csv`,
    `<case>_stenoses.csv`, `<case>_snapshot.png`. Files of these names from an earlier run go
    when this run has none.

    Args:
        mask: (X, Y, Z), > 0 is lumen, in voxel order.
        affine: (4, 4) voxel to RAS mm.
        probability: (X, Y, Z) in 0..1 on the same grid; places the wall between voxels, colours the results.
        level: probability at the wall, default the threshold that made the mask.
        smoothing: "sinc", "laplacian" (the paper's, 50 iterations of relaxation 0.1) or "none".
        min_part_mm3: connected parts of the mask that are smaller are dropped.
        formats: of the mesh, out of stl, ply, vtp, obj, glb.
        point_spacing_mm: least distance between points of the surface cloud.
        voxel_points: also write `<case>_voxels.ply`, the lumen's voxels as in the paper.
        centerline: make the centreline tree, names, measurements and stenoses.
        pictures: draw the snapshot; skipped with a warning where the machine cannot draw.
        solver: also write `<case>_solver.vtp` and `.stl`, the wall with flat named ends (see `solver_model`).
        extension_diameters: of the solver model.

    Returns:
        `case`, `empty` (with `reason`: no mesh is written), `files` (role to name), `mask_volume_mm3`,
        `mesh` (see `check_mesh`), `smoothing` (see `smooth_surface`), `branches` (see `measure_branch`),
        `stenoses` (see `Stenosis`), `centerline_length_mm`, `warnings`, `seconds` (by stage).

    Raises:
        ValueError: shapes that do not fit, a singular affine, an unknown smoothing or format.
    """
    affine = check_affine(affine)
    if pictures:
        probe_early()
    mask = np.asarray(mask)
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        raise ValueError(f"mesh formats are {', '.join(FORMATS)}; {unknown[0]!r} is none of them")
    out_dir, watch = Path(out_dir), Stopwatch()
    report: dict = {"case": case, "empty": False, "files": {}, "space": "LPS", "warnings": []}
    report["mask_volume_mm3"] = round(float(np.count_nonzero(mask)) * voxel_volume_mm3(affine), 3)
    if shear_deg(affine) > 0.5:
        report["warnings"].append(f"the scan's axes are sheared by {shear_deg(affine):.1f} degrees")
    with watch.stage("surface"):
        vessels = find_vessels(mask, affine, probability, level, min_part_mm3)
        raw = pv.PolyData() if vessels is None else vessel_surface(vessels)
    if raw.n_cells == 0:
        size = report["mask_volume_mm3"]
        why = "the mask is empty" if size == 0 else f"the mask holds only specks ({size:g} mm3 in all)"
        report |= {"empty": True, "reason": f"{why}: there is no vessel to make a surface of"}
        _remove_stale(out_dir, case, ())
        return report | {"seconds": watch.seconds}

    with watch.stage("smoothing"):
        mesh, report["smoothing"] = smooth_surface(raw, smoothing, smoothing_iterations)
        report["mesh"] = check_mesh(mesh)
    if not report["mesh"]["watertight"]:
        raise ValueError("the surface did not close; please report this mask")
    tree = Tree()
    if centerline:
        with watch.stage("centreline"):
            arteries = without_aorta(vessels)
            if arteries.aorta_wall is not None:
                report["warnings"].append("the mask holds a vessel wider than 12 mm, taken for the aorta")
            tree = name_branches(vessel_tree(arteries, raw if smoothing == "laplacian" else mesh))
            report |= _measure(tree, float(voxel_size_mm(affine).mean()))
    with watch.stage("point cloud"):
        normals = vertex_normals(mesh.points, triangles(mesh))
        for name, values in _values(vessels, tree, np.asarray(mesh.points), normals).items():
            mesh.point_data[name] = values
        clouds = _clouds(vessels, mesh, tree, point_spacing_mm, voxel_points)
    stem = str(out_dir / case)
    shown, legend = _legend(tree, mesh)
    with watch.stage("files"):
        limits = nice_limits(shown)
        files = _write_mesh(mesh, formats, f"{stem}_mesh", warm(shown, limits))
        colour_by = "confidence" if probability is not None else "centerline_distance_mm"
        for kind, cloud in clouds.items():
            rgb = warm(cloud.values[colour_by], nice_limits(cloud.values[colour_by]))
            write_cloud_ply(cloud, f"{stem}_{kind}.ply", rgb)
            files[kind] = f"{case}_{kind}.ply"
        report |= {"point_count": len(clouds["points"].points), "points_coloured_by": colour_by}
        if tree.branches:
            files |= _write_tree(tree, stem, report)
    if pictures:
        with watch.stage("picture"):
            sentence = snapshot(mesh, f"{stem}_snapshot.png", shown, legend, title=case, limits=limits)
        if sentence is None:
            files["snapshot"] = f"{case}_snapshot.png"
        else:
            report["warnings"].append(sentence)
    if solver and tree.branches:
        with watch.stage("solver"):
            own = mesh if arteries.aorta_wall is None else smooth_surface(vessel_surface(arteries))[0]
            files |= _write_solver(own, tree, extension_diameters, stem, report)
    report["files"] = files
    _remove_stale(out_dir, case, files.values())
    return report | {"seconds": watch.seconds}


def _remove_stale(out_dir: Path, case: str, written) -> None:
    kept = set(written)
    for suffix in _SUFFIXES:
        if f"{case}_{suffix}" not in kept:
            (out_dir / f"{case}_{suffix}").unlink(missing_ok=True)
