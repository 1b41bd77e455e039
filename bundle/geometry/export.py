"""Everything that is made of one case's mask: surface, clouds, picture, and a report of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyvista as pv

from bundle.geometry.colors import nice_limits, warm
from bundle.geometry.coordinates import check_affine, shear_deg, voxel_size_mm, voxel_volume_mm3
from bundle.geometry.mesh import check_mesh, triangles, vertex_normals
from bundle.geometry.picture import snapshot
from bundle.geometry.pointcloud import PointCloud, distance_to_center_mm, surface_cloud, voxel_cloud
from bundle.geometry.sampling import sample_volume
from bundle.geometry.smoothing import smooth_surface
from bundle.geometry.surface import extract_surface
from bundle.geometry.write import write_cloud_ply, write_ply, write_stl, write_vtp

_SUFFIXES = ("mesh.stl", "mesh.ply", "mesh.vtp", "points.ply", "voxels.ply", "snapshot.png")


class Stopwatch:
    """Seconds of named stages."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def confidence_inside(
    probability: np.ndarray, affine: np.ndarray, points: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """How sure the network is of the vessel at its wall: the probability one voxel inwards, (N,) in 0..1.

    On the wall itself it is the threshold everywhere and tells nothing.
    """
    inwards = points - normals * float(voxel_size_mm(affine).mean())
    return np.clip(sample_volume(probability, affine, inwards), 0.0, 1.0)


def _clouds(mesh, mask, affine, probability, spacing_mm, voxels) -> dict[str, PointCloud]:
    clouds = {"points": surface_cloud(mesh, spacing_mm)}
    if voxels:
        clouds["voxels"] = voxel_cloud(mask, affine)
    for name, cloud in clouds.items():
        if probability is not None:
            at = cloud.points
            cloud.values["confidence"] = (
                sample_volume(probability, affine, at, order=0)
                if name == "voxels"
                else confidence_inside(probability, affine, at, cloud.normals)
            )
        cloud.values["distance_mm"] = distance_to_center_mm(cloud.points, None)
    return clouds


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
    point_spacing_mm: float = 0.5,
    voxel_points: bool = False,
    pictures: bool = True,
) -> dict:
    """Write `<case>_mesh.{stl,ply,vtp}`, `<case>_points.ply` and `<case>_snapshot.png` into `out_dir`.

    Files are in LPS mm. Files of these names from an earlier run go when this run has none.

    Args:
        mask: (X, Y, Z), > 0 is lumen, in voxel order.
        affine: (4, 4) voxel to RAS mm.
        probability: (X, Y, Z) in 0..1 on the same grid; places the wall between voxels, colours the results.
        level: probability at the wall, default the threshold that made the mask.
        smoothing: "sinc", "laplacian" (the paper's, 50 iterations of relaxation 0.1) or "none".
        min_part_mm3: closed parts of the surface that enclose less are dropped.
        point_spacing_mm: least distance between points of the surface cloud.
        voxel_points: also write `<case>_voxels.ply`, the lumen's voxels as in the paper.
        pictures: draw the snapshot; skipped with a warning where the machine cannot draw.

    Returns:
        `case`, `empty` (with `reason`: no mesh is written), `files` (role to name), `mask_volume_mm3`,
        `mesh` (see `check_mesh`), `smoothing` (see `smooth_surface`), `warnings`, `seconds` (by stage).

    Raises:
        ValueError: shapes that do not fit, a singular affine, an unknown smoothing.
    """
    affine = check_affine(affine)
    mask = np.asarray(mask)
    out_dir = Path(out_dir)
    watch = Stopwatch()
    report: dict = {"case": case, "empty": False, "files": {}, "space": "LPS", "warnings": []}
    report["mask_volume_mm3"] = round(float(np.count_nonzero(mask)) * voxel_volume_mm3(affine), 3)
    if shear_deg(affine) > 0.5:
        report["warnings"].append(f"the scan's axes are sheared by {shear_deg(affine):.1f} degrees")
    with watch.stage("surface"):
        raw = extract_surface(mask, affine, probability, level, min_part_mm3)
    if raw.n_cells == 0:
        size = report["mask_volume_mm3"]
        why = "the mask is empty" if size == 0 else f"the mask holds only specks ({size:g} mm3 in all)"
        report |= {"empty": True, "reason": f"{why}: there is no vessel to make a surface of"}
    else:
        with watch.stage("smoothing"):
            mesh, report["smoothing"] = smooth_surface(raw, smoothing, smoothing_iterations)
            report["mesh"] = check_mesh(mesh)
        scan = (mask, affine, probability)
        _write_all(mesh, scan, out_dir, case, report, watch, point_spacing_mm, voxel_points, pictures)
    _remove_stale(out_dir, case, report["files"].values())
    return report | {"seconds": watch.seconds}


def _write_all(mesh, scan, out_dir, case, report, watch, spacing_mm, voxels, pictures):
    mask, affine, probability = scan

    def name(suffix: str) -> Path:
        return out_dir / f"{case}_{suffix}"

    if not report["mesh"]["watertight"]:
        raise ValueError("the surface did not close; please report this mask")
    mesh.point_data["distance_mm"] = distance_to_center_mm(np.asarray(mesh.points), None)
    colour_by, legend = "distance_mm", "Distance to the centre (mm)"
    if probability is not None:
        normals = vertex_normals(mesh.points, triangles(mesh))
        mesh.point_data["confidence"] = confidence_inside(probability, affine, mesh.points, normals)
        colour_by, legend = "confidence", "Probability"
    with watch.stage("point cloud"):
        clouds = _clouds(mesh, mask, affine, probability, spacing_mm, voxels)
    with watch.stage("files"):
        limits = nice_limits(mesh.point_data[colour_by])
        rgb = warm(mesh.point_data[colour_by], limits)
        write_stl(mesh, name("mesh.stl"))
        write_ply(mesh, name("mesh.ply"), rgb)
        write_vtp(_with_normals(mesh), name("mesh.vtp"))
        for kind, cloud in clouds.items():
            write_cloud_ply(cloud, name(f"{kind}.ply"), warm(cloud.values[colour_by], limits))
    files = {f"mesh_{kind}": f"{case}_mesh.{kind}" for kind in ("stl", "ply", "vtp")}
    files |= {kind: f"{case}_{kind}.ply" for kind in clouds}
    report["point_count"] = len(clouds["points"].points)
    if pictures:
        with watch.stage("picture"):
            values = mesh.point_data[colour_by]
            sentence = snapshot(mesh, name("snapshot.png"), values, legend, title=case, limits=limits)
        if sentence is None:
            files["snapshot"] = f"{case}_snapshot.png"
        else:
            report["warnings"].append(sentence)
    report["files"] = files


def _with_normals(mesh: pv.PolyData) -> pv.PolyData:
    copy = mesh.copy()
    copy.point_data["Normals"] = vertex_normals(mesh.points, triangles(mesh))
    return copy


def _remove_stale(out_dir: Path, case: str, written) -> None:
    kept = set(written)
    for suffix in _SUFFIXES:
        if f"{case}_{suffix}" not in kept:
            (out_dir / f"{case}_{suffix}").unlink(missing_ok=True)
