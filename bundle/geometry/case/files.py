"""The files of one case: `<case>_mesh.stl` and so on, and none left from an earlier run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyvista as pv

from bundle.common.tables import exact, write_csv
from bundle.geometry.core import Tree, vertex_normals
from bundle.geometry.io import (
    BRANCH_COLUMNS,
    STENOSIS_COLUMNS,
    write_cloud_ply,
    write_cloud_vtp,
    write_glb,
    write_obj,
    write_ply,
    write_stl,
    write_tree,
    write_vtp,
)
from bundle.geometry.surface import PointCloud

from .options import CLOUD_FORMATS, FORMATS
from .values import cloud_rgb

__all__ = ["MESH_COMPLETE", "SUFFIXES", "remove_stale", "write_clouds", "write_mesh", "write_tree_files"]

MESH_COMPLETE = "mesh-complete"
"""How the name of SimVascular's folder ends."""
SUFFIXES = (
    *(f"mesh.{kind}" for kind in FORMATS),
    *(f"{cloud}.{kind}" for cloud in ("points", "voxels") for kind in CLOUD_FORMATS),
    *("centerline.vtp", "branches.csv", "stenoses.csv", "snapshot.png", "overlay.png", "turntable.gif"),
    *("scene.mrml", "seg.dcm", "sr.dcm", "mesh.dcm"),
    *("solver.vtp", "solver.stl", "ends.csv", "volume.vtu", "volume_surface.vtp", "volume.msh"),
)


def remove_stale(out_dir: Path, case: str, written: Iterable[str]) -> None:
    """Delete the files of a case that an earlier run wrote and this one did not."""
    kept = set(written)
    for suffix in SUFFIXES:
        if f"{case}_{suffix}" not in kept:
            (out_dir / f"{case}_{suffix}").unlink(missing_ok=True)
    if not any(name.startswith(f"{case}_{MESH_COMPLETE}/") for name in kept):
        shutil.rmtree(out_dir / f"{case}_{MESH_COMPLETE}", ignore_errors=True)


def write_mesh(mesh: pv.PolyData, formats: Sequence[str], stem: str, rgb: np.ndarray) -> dict[str, str]:
    """`<stem>_mesh.*` of a RAS mesh; roles and names of the files, as all functions here return."""
    stem = f"{stem}_mesh"
    if "stl" in formats:
        write_stl(mesh, f"{stem}.stl")
    if "ply" in formats:
        write_ply(mesh, f"{stem}.ply", rgb)
    if "vtp" in formats:
        whole = mesh.copy()
        whole.point_data["Normals"] = vertex_normals(mesh)
        write_vtp(whole, f"{stem}.vtp")
    if "obj" in formats:
        write_obj(mesh, f"{stem}.obj")
    if "glb" in formats:
        write_glb(mesh, f"{stem}.glb", rgb)
    return {f"mesh_{kind}": f"{Path(stem).name}.{kind}" for kind in FORMATS if kind in formats}


def write_clouds(
    clouds: dict[str, PointCloud], formats: Sequence[str], stem: str, colour: str, tree: Tree
) -> dict[str, str]:
    """`<stem>_<cloud>.ply` and `.vtp`, coloured by the array `colour`."""
    files = {}
    for name, cloud in clouds.items():
        rgb = cloud_rgb(cloud, colour, tree)
        for kind, write in (("ply", write_cloud_ply), ("vtp", write_cloud_vtp)):
            if kind in formats:
                write(cloud, f"{stem}_{name}.{kind}", rgb)
                files[name if kind == "ply" else f"{name}_{kind}"] = f"{Path(stem).name}_{name}.{kind}"
    return files


def write_tree_files(
    tree: Tree, stem: str, report: dict, segments: Sequence[np.ndarray] | None = None
) -> dict[str, str]:
    """The tree, and the tables of the report's branches and stenoses."""
    name = Path(stem).name
    write_tree(tree, f"{stem}_centerline.vtp", segments)
    write_csv(f"{stem}_branches.csv", report["branches"], BRANCH_COLUMNS, exact)
    write_csv(f"{stem}_stenoses.csv", report["stenoses"], STENOSIS_COLUMNS, exact)
    return {"centerline": f"{name}_centerline.vtp", "branches": f"{name}_branches.csv",
            "stenoses": f"{name}_stenoses.csv"}  # fmt: skip
