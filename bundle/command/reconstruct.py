"""Meshes, centreline, measurements and pictures from vessel masks or probability maps of any tool.

  coronary reconstruct a.nii.gz b.nrrd --out meshes
  coronary reconstruct a.nii.gz --out meshes --image ct.nii.gz --edge-length-mm 0.7 --solver
  coronary reconstruct a.nii.gz --out meshes --volume-mesh --extension-diameters 5 --unit m

NIfTI, NRRD, MHA. Each file becomes a folder DIR/<name>/ with mesh, point cloud, centreline, tables,
picture, page and <name>.json; a file that fails is reported at the end and does not stop the others. Beside
a mask <case>_seg that a run of the bundle wrote, its <case>_prob is used too, so that both measure one tree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.output_folder import check_output_dir
from bundle.geometry.case import CLOUD_FORMATS, COLOURS, FORMATS, SCENES, ExportOptions
from bundle.geometry.solver import why_no_mesher
from bundle.geometry.surface import METHODS

from .one_mask import ct_of, line_of, name_of, reconstruct, reformations

__all__ = ["reconstruct_masks"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


DEFAULT = ExportOptions()


def reconstruct_masks(
    masks: Annotated[list[Path], typer.Argument(metavar="MASK", help="masks or probability maps")],
    out: Annotated[Path, typer.Option(help="folder of the results")],
    label: Annotated[int | None, typer.Option(help="take this label only; else everything above 0")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="of a probability map")] = 0.5,
    image: Annotated[Path | None, typer.Option(help="CT of a single mask: for joins and narrowings")] = None,
    min_part_mm3: Annotated[float, typer.Option(help="drop smaller parts")] = DEFAULT.min_part_mm3,
    smoothing: Annotated[str, typer.Option(help=", ".join(METHODS))] = DEFAULT.smoothing,
    edge_length_mm: Annotated[float | None, typer.Option(help="mean edge of the triangles")] = None,
    keep_triangles: Annotated[float, typer.Option(help="decimate to so much, 0 to 1")] = 1.0,
    formats: Annotated[str, typer.Option(help=f"out of {','.join(FORMATS)}")] = ",".join(DEFAULT.formats),
    point_spacing_mm: Annotated[float, typer.Option(help="of the point cloud")] = DEFAULT.point_spacing_mm,
    voxel_points: Annotated[bool, typer.Option("--voxel-points", help="also the lumen's voxels")] = False,
    cloud_formats: Annotated[str, typer.Option(help=f"out of {','.join(CLOUD_FORMATS)}")] = ",".join(
        DEFAULT.cloud_formats
    ),
    colour_by: Annotated[
        str | None, typer.Option(help=f"{', '.join(COLOURS)}; else the first of these that there is")
    ] = None,
    solver: Annotated[bool, typer.Option("--solver", help="also a model with flat named ends")] = False,
    keep_aorta: Annotated[bool, typer.Option("--keep-aorta", help="the model holds the aorta too")] = False,
    extension_diameters: Annotated[float, typer.Option(help="tubes on the model's ends")] = 0.0,
    volume_mesh: Annotated[bool, typer.Option("--volume-mesh", help="also tetrahedra (needs gmsh)")] = False,
    boundary_layers: Annotated[
        int, typer.Option(metavar="N", help="so many thin layers of tetrahedra along the wall")
    ] = 0,
    mesh_complete: Annotated[
        bool, typer.Option("--mesh-complete", help="also tetrahedra in SimVascular's folder layout")
    ] = False,
    unit: Annotated[str, typer.Option(help="of the solver's files: mm, or m for OpenFOAM")] = DEFAULT.unit,
    turntable: Annotated[int, typer.Option(metavar="N", help="also an animation of N frames")] = 0,
    pictures: Annotated[bool, typer.Option(help="draw the snapshot")] = True,
    scene: Annotated[str, typer.Option(help=f"for 3D Slicer: {', '.join(SCENES)}")] = DEFAULT.scene,
    page: Annotated[bool, typer.Option(help="make the page of the case, <name>.html")] = True,
) -> None:
    """Reconstruct each mask; exit code 1 where one failed."""
    names = [name_of(path) for path in masks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise typer.BadParameter(f"two files are called {twice[0]}; their results would fall on each other")
    if image is not None and len(masks) > 1:
        raise typer.BadParameter("--image belongs to one mask; several were given")
    try:
        options = ExportOptions(
            min_part_mm3=min_part_mm3,
            smoothing=smoothing,
            edge_length_mm=edge_length_mm,
            keep_triangles=keep_triangles,
            formats=_words(formats),
            cloud_formats=_words(cloud_formats),
            point_spacing_mm=point_spacing_mm,
            voxel_points=voxel_points,
            colour_by=colour_by,
            pictures=pictures,
            page=page,
            turntable=turntable,
            scene=scene,
            solver=solver,
            extension_diameters=extension_diameters,
            volume_mesh=volume_mesh,
            boundary_layers=boundary_layers,
            mesh_complete=mesh_complete,
            keep_aorta=keep_aorta,
            unit=unit,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    volume_mesh = options.volume_mesh
    if volume_mesh and why_no_mesher() is not None:
        raise typer.BadParameter(why_no_mesher())
    check_output_dir(out, name="--out")
    failures, ct = [], None
    if image is not None:
        try:
            ct = ct_of(image)
        except ValueError as error:
            failures.append(str(error))
    for path in masks:
        try:
            report = reconstruct(path, out, label, threshold, options, ct, image)
        except ValueError as error:
            failures.append(str(error))
            continue
        print(line_of(report))
        for warning in report["warnings"]:
            print(f"  note: {warning}")
        if volume_mesh and not report["empty"] and "volume_mesh" not in report:
            failures.append(f"{path}: the volume mesh that was asked for could not be made (see the notes)")
    if ct is not None and not failures:
        try:
            print(f"reformations: {', '.join(reformations(*ct, masks[0], out))}")
        except ValueError as error:
            failures.append(str(error))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        raise typer.Exit(1)
