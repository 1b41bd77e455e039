"""Everything that is made of one case's mask: surface, centreline, measurements, clouds, picture, report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv

from bundle.common.coordinates import check_affine, shear_deg, voxel_size_mm, voxel_volume_mm3
from bundle.common.time_limit import OutOfTime, time_limit
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import Branch, Tree, check_mesh, find_vessels, vertex_normals, volume_mm3
from bundle.geometry.measure import (
    Stenosis,
    evidence_of,
    find_stenoses,
    measure_tree,
    narrowed_sums,
    seen_in_image,
    vessel_rows,
)
from bundle.geometry.naming import dominance, name_branches, scct_segments
from bundle.geometry.render import Label, Slices, overlay_picture, probe_early, snapshot, turntable
from bundle.geometry.solver import aorta_ends
from bundle.geometry.surface import largest_part, mean_edge_mm, remeshed, smooth_surface, vessel_surface

from .files import remove_stale, write_clouds, write_mesh, write_tree_files
from .options import ExportOptions
from .plausible import SEARCHED_ML, doubts_about_size, doubts_about_tree, given_up
from .scene import MESHES, write_scene
from .solver_files import write_solver
from .statement import statement
from .values import choose_colour, clouds_of, labels_of, legend_of, values_at, wall_colours

__all__ = ["export_case"]


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)


def _rows_of(lesions: list[Stenosis], tree: Tree, segments: list[np.ndarray]) -> list[dict]:
    """The table of narrowings, each with the SCCT segment that it lies in; None outside of them."""
    rows = []
    for lesion in lesions:
        branch = tree.branches[lesion.branch]
        at = int(np.argmin(np.abs(branch.along_mm - lesion.at_mm)))
        own = int(segments[lesion.branch][at]) or None
        rows.append(lesion.as_dict(branch.name) | {"scct_segment": own})
    return rows


def _draw(
    mesh: pv.PolyData,
    legend: tuple[np.ndarray, str],
    colours: dict,
    labels: list[Label],
    slices: Slices | None,
    stem: str,
    options: ExportOptions,
    report: dict,
    branches: list[Branch],
) -> dict[str, str]:
    """Overlay, snapshot and turntable; where the machine cannot draw the latter two, a warning."""
    case, files, sentence = report["case"], {}, None
    flat = {}
    colours = colours | {"branches": branches}
    if options.pictures and slices is not None:
        overlay_picture(slices, f"{stem}_overlay.png", case)
        flat["overlay"] = f"{case}_overlay.png"
    if options.pictures:
        sentence = snapshot(mesh, f"{stem}_snapshot.png", *legend, case, labels=labels, **colours)
        files["snapshot"] = f"{case}_snapshot.png"
    if options.turntable:
        sentence = turntable(mesh, f"{stem}_turntable.gif", *legend, case, options.turntable, **colours)
        files["turntable"] = f"{case}_turntable.gif"
    if sentence is not None:
        report["warnings"].append(sentence)
        return flat
    return flat | files


def _warn_of_loss(report: dict, step: str, before_mm3: float, after_mm3: float) -> None:
    """A warning where a step takes more than a tenth of the volume."""
    lost = 1.0 - after_mm3 / before_mm3 if before_mm3 > 0 else 0.0
    if lost > 0.1:
        report["warnings"].append(f"{step} took {100 * lost:.0f} % of the volume")


def export_case(
    mask: np.ndarray,
    affine: np.ndarray,
    out_dir: str | os.PathLike,
    case: str,
    probability: np.ndarray | None = None,
    vein: np.ndarray | None = None,
    slices: Slices | None = None,
    ct: tuple[np.ndarray, np.ndarray] | None = None,
    mask_file: str | os.PathLike | None = None,
    scan_file: str | os.PathLike | None = None,
    joins: Sequence[Mapping[str, Any]] = (),
    **settings,
) -> dict:
    """Write the geometry of a case into `out_dir`, every file named after the case, in LPS mm.

    `<case>_mesh.*`, `<case>_points.*`, `<case>_centerline.vtp`, `<case>_branches.csv`, `<case>_stenoses.csv`,
    `<case>_snapshot.png`, `<case>_overlay.png`, `<case>_scene.mrml`; on request `<case>_voxels.*`,
    `<case>_turntable.gif`, `<case>_solver.vtp` and `.stl`, `<case>_ends.csv`, `<case>_volume.vtu`, `.msh` and
    `_surface.vtp`, the folder `<case>_mesh-complete`. Files of these names from an earlier run go when this
    run has none.

    Args:
        mask: (X, Y, Z), > 0 is lumen, in voxel order.
        affine: (4, 4) voxel to RAS mm.
        probability: (X, Y, Z) in 0..1 on the same grid; places the wall between voxels, colours the results.
        vein: (X, Y, Z) in 0..1, probability of cardiac vein; tells with it how sure a branch is.
        slices: of the scan, for `<case>_overlay.png`.
        ct: the scan, (A, B, C) HU on any grid, and its (4, 4) affine: what it shows of narrowings, and
            of vessels where the mask is interrupted.
        mask_file, scan_file: where mask and scan lie on disk, for the scene.
        joins: gaps that were bridged in the mask, see `is_bridged` in bundle/geometry/measure/assess.py.
        **settings: see `ExportOptions`.

    Returns:
        `case`, `empty` (with `reason`: no mesh is written), `files` (role to name), `mask_volume_mm3`,
        `mesh` (see `check_mesh`), `smoothing` (see `smooth_surface`), `branches` (see `measure_branch`),
        `stenoses` (see `Stenosis`, with `scct_segment`), `vessels` (see `vessel_rows`), `narrowed` (see
        `narrowed_sums`), `dominance`, `statement`, `centerline_length_mm`,
        `warnings`, `seconds` (by stage); with a volume mesh `volume_mesh` (see `quality_of`), with layers in
        it `boundary_layers`.

    Raises:
        ValueError: shapes that do not fit, a singular affine, an unknown smoothing or format.

    Example:
        >>> report = export_case(mask, affine, "out", "case_7", pictures=False)
        >>> report["files"]["mesh_stl"], report["mesh"]["watertight"], len(report["stenoses"])
        ('case_7_mesh.stl', True, 1)
    """
    options = ExportOptions(**settings)
    affine = check_affine(affine)
    if options.pictures or options.turntable:
        probe_early()
    mask, out_dir = np.asarray(mask), Path(out_dir)
    seconds: dict[str, float] = {}
    report: dict = {"case": case, "empty": False, "files": {}, "space": "LPS", "warnings": []}
    report["mask_volume_mm3"] = round(float(np.count_nonzero(mask)) * voxel_volume_mm3(affine), 3)
    if shear_deg(affine) > 0.5:
        report["warnings"].append(f"the scan's axes are sheared by {shear_deg(affine):.1f} degrees")
    with _timed(seconds, "surface"):
        keep = {"min_part_mm3": options.min_part_mm3, "clean": options.clean}
        vessels = find_vessels(mask, affine, probability, options.level, **keep)
        raw = pv.PolyData() if vessels is None else vessel_surface(vessels, options.wall)
    if raw.n_cells == 0:
        size = report["mask_volume_mm3"]
        why = "the mask is empty" if size == 0 else f"the mask holds only specks ({size:g} mm3 in all)"
        report |= {"empty": True, "reason": f"{why}: there is no vessel to make a surface of"}
        remove_stale(out_dir, case, ())
        return report | {"seconds": seconds}

    segmented = vessels
    if options.largest_part:
        whole_mm3 = volume_mm3(raw)
        raw, vessels = largest_part(raw, vessels)
        _warn_of_loss(report, "keeping the largest part of the surface", whole_mm3, volume_mm3(raw))
    with _timed(seconds, "smoothing"):
        wall, report["smoothing"] = smooth_surface(raw, options.smoothing, options.smoothing_iterations)
        lost = (report["smoothing"][f"volume_{when}_mm3"] for when in ("before", "after"))
        _warn_of_loss(report, f"{options.smoothing} smoothing", *lost)
        mesh = remeshed(wall, options.edge_length_mm, options.keep_triangles)
        report["mesh"] = check_mesh(mesh)
        asked_mm = options.edge_length_mm
        if asked_mm is not None and (edge_mm := mean_edge_mm(mesh)) < 0.5 * asked_mm:
            asked = f"edges of {asked_mm:g} mm were asked for"
            report["warnings"].append(f"{asked}, and {edge_mm:.2g} mm is as long as the vessels allow")
    if not report["mesh"]["watertight"]:
        raise ValueError("the surface did not close; please report this mask")
    tree, lesions, segments = Tree(), [], []
    if options.centerline:
        with _timed(seconds, "centreline"):
            arteries = without_aorta(vessels)
            if arteries.aorta_wall is not None:
                report["warnings"].append("the mask holds a vessel wider than 12 mm, taken for the aorta")
            report["warnings"] += doubts_about_size(arteries)
            if arteries.volume_mm3 / 1000 <= SEARCHED_ML:
                own = raw if options.smoothing == "laplacian" else wall
                try:
                    with time_limit(options.centerline_limit_s):
                        tree = name_branches(vessel_tree(arteries, own, ct=ct))
                except OutOfTime:
                    report["warnings"].append(given_up(options.centerline_limit_s))
            report["warnings"] += tree.warnings + doubts_about_tree(tree)
            voxel_mm = float(voxel_size_mm(affine).mean())
            lesions, segments = find_stenoses(tree, voxel_mm, joins), scct_segments(tree)
            if ct is not None:
                lesions = seen_in_image(tree, lesions, *ct)
            report["centerline_length_mm"] = round(sum(s.length_mm for s in tree.segments), 2)
            maps = {"lumen": probability, "vein": vein}
            evidence = evidence_of(tree.branches, affine, maps, options.branch_certainty())
            report["branches"] = [row | more for row, more in zip(measure_tree(tree, lesions), evidence)]
            report["stenoses"] = _rows_of(lesions, tree, segments)
            report["vessels"] = vessel_rows(tree, lesions, voxel_mm)
            report["narrowed"] = narrowed_sums(tree, lesions, voxel_mm, segments)
            if tree.branches:
                report["dominance"] = dominance(tree)
                told = (report["branches"], report["stenoses"], report["dominance"], report["vessels"])
                report["statement"] = statement(*told)
    with _timed(seconds, "point cloud"):
        sure = [row["certainty"] for row in report.get("branches", ())]
        sure = None if not sure or None in sure else sure
        colour, remarks = choose_colour(options.colour_by, vessels, tree, sure)
        normals = vertex_normals(mesh)
        for name, values in values_at(vessels, tree, np.asarray(mesh.points), normals, sure).items():
            mesh.point_data[name] = values
        clouds = clouds_of(segmented, mesh, tree, options.point_spacing_mm, options.voxel_points, sure)
    report |= {"point_count": len(clouds["points"].points), "points_coloured_by": colour}
    report["warnings"] += remarks
    stem = str(out_dir / case)
    with _timed(seconds, "files"):
        legend = legend_of(tree, mesh, colour)
        colours = wall_colours(tree, mesh, colour, legend[0])
        files = write_mesh(mesh, options.formats, stem, colours["rgb"])
        files |= write_clouds(clouds, options.cloud_formats, stem, colour, tree)
        if tree.branches:
            files |= write_tree_files(tree, stem, report, segments)
    if options.pictures or options.turntable:
        with _timed(seconds, "picture"):
            labels = labels_of(tree, lesions)
            files |= _draw(mesh, legend, colours, labels, slices, stem, options, report, tree.branches)
    if (options.solver or options.volume_mesh) and tree.branches:
        with _timed(seconds, "solver"):
            with_aorta = aorta_ends(vessels, tree) if options.keep_aorta else []
            if options.keep_aorta and not with_aorta:
                report["warnings"].append("the mask holds no aorta that the solver model could keep")
            as_it_is = arteries.aorta_wall is None or with_aorta
            own = wall if as_it_is else smooth_surface(vessel_surface(arteries))[0]
            files |= write_solver(own, tree, options, stem, report, with_aorta)
    if options.scene != "none":
        mesh = next((out_dir / files[f"mesh_{kind}"] for kind in MESHES if f"mesh_{kind}" in files), None)
        lines = (out_dir / files["centerline"], tree.branches) if "centerline" in files else None
        scan = scan_file if options.scene == "scan" else None
        beside = [None if path is None else Path(path) for path in (mask_file, scan)]
        write_scene(f"{stem}_scene.mrml", case, mesh, lines, *beside)
        files["scene"] = f"{case}_scene.mrml"
    report["files"] = files
    remove_stale(out_dir, case, files.values())
    return report | {"seconds": seconds}
