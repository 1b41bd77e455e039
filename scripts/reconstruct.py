"""From vessel masks or probability maps of any tool to surfaces, centrelines, measurements and pictures.

    python scripts/reconstruct.py a.nii.gz b.nrrd --out meshes
    python scripts/reconstruct.py a.nii.gz --out meshes --image ct.nii.gz --edge-length-mm 0.7 --solver
    python scripts/reconstruct.py a.nii.gz --out meshes --volume-mesh --boundary-layers 3 --unit m

NIfTI, NRRD, MHA. Each file becomes a folder DIR/<name>/ with mesh, point cloud, centreline, tables,
picture and <name>.json; a file that fails is reported at the end and does not stop the others. Beside a mask
<case>_seg that a run of the bundle wrote, its <case>_prob is used too, so that both measure one tree.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from shared import run

from bundle.common.coordinates import check_affine, voxel_size_mm, voxel_volume_mm3, world_to_voxel
from bundle.common.filenames import split_suffix
from bundle.common.files import write_json
from bundle.common.output_folder import check_output_dir
from bundle.data.readers import read_volume
from bundle.geometry.case import CLOUD_FORMATS, COLOURS, FORMATS, ExportOptions, export_case
from bundle.geometry.core import Tree
from bundle.geometry.io import read_branches, read_mask
from bundle.geometry.measure import find_stenoses
from bundle.geometry.render import reformation_picture
from bundle.geometry.solver import why_no_mesher
from bundle.geometry.surface import METHODS

_MAIN = ("LM", "LAD", "LCx", "RI", "RCA")


def name_of(path: Path) -> str:
    """The file's name without its ending."""
    return split_suffix(path)[0]


def saved_beside(path: Path, volume_mm3: float) -> tuple[Path, float | None] | str | None:
    """The probability from which a run of the bundle made the mask `<case>_seg`, and its threshold.

    A sentence where it is there and belongs to another mask; None where there is none.
    """
    stem, suffix = split_suffix(path)
    if not stem.endswith("_seg"):
        return None
    case = path.with_name(stem.removesuffix("_seg"))
    probability, report = Path(f"{case}_prob{suffix}"), Path(f"{case}.json")
    if not (probability.is_file() and report.is_file()):
        return None
    about = json.loads(report.read_text(encoding="utf-8"))
    if about.get("mask_volume_mm3") != round(volume_mm3, 3):
        return f"the mask is not the one that {report.name} tells of, so {probability.name} is left out"
    return probability, about.get("scan", {}).get("threshold")


def reconstruct(path: Path, out: Path, label: int | None, threshold: float, options: ExportOptions) -> dict:
    """One file to its folder; returns the report of `export_case` with the remarks about the mask."""
    array, affine = read_volume(path)
    try:
        mask, probability, remarks = read_mask(array, label, threshold)
        level = threshold if probability is not None else None
        found = saved_beside(path, np.count_nonzero(mask) * voxel_volume_mm3(affine))
        if isinstance(found, str):
            remarks.append(found)
        elif found is not None:
            probability, level = read_volume(found[0])[0], found[1]
            remarks.append(f"{found[0].name} places the wall, as in the run that made the mask")
        folder, name = out / name_of(path), name_of(path)
        settings = asdict(replace(options, level=level))
        report = export_case(mask, check_affine(affine), folder, name, probability, **settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    report["warnings"] = remarks + report["warnings"]
    write_json(report | {"source": str(path)}, folder / f"{name}.json")
    return report


def reformations(image_path: Path, mask_path: Path, out: Path) -> list[str]:
    """Pictures of the CT along the main branches of a case that is reconstructed; returns their names."""
    name = name_of(mask_path)
    lines = out / name / f"{name}_centerline.vtp"
    if not lines.is_file():
        raise ValueError(f"{mask_path}: no centreline was found, so there is nothing to reformat along")
    image, affine = read_volume(image_path)
    written = []
    tree = Tree(branches=read_branches(lines))
    places = world_to_voxel(np.concatenate([branch.points for branch in tree.branches]), affine)
    inside = ((places > -0.5) & (places < np.array(image.shape) - 0.5)).all(axis=1).mean()
    if inside < 0.5:
        raise ValueError(
            f"{image_path}: it shows {100 * inside:.0f} % of the centreline of {mask_path}; give the CT that "
            "the mask was made of"
        )
    lesions = find_stenoses(tree, float(voxel_size_mm(read_volume(mask_path)[1]).mean()))
    for number, branch in enumerate(tree.branches):
        if branch.name in _MAIN:
            file = out / name / f"{name}_reformation_{branch.name}.png"
            own = [lesion for lesion in lesions if lesion.branch == number]
            reformation_picture(image, affine, branch, file, own)
            written.append(file.name)
    return written


def _line(report: dict) -> str:
    if report["empty"]:
        return f"{report['case']}: {report['reason']}"
    mesh, seconds = report["mesh"], sum(report["seconds"].values())
    words = f"{report['case']}: {mesh['triangles']} triangles, {mesh['volume_mm3']:.0f} mm3, closed"
    if "centerline_length_mm" in report:
        names = [b["name"] for b in report["branches"] if b["name"] != "unknown"]
        words += f", {report['centerline_length_mm']:.0f} mm of centreline ({', '.join(names) or 'no names'})"
        words += f", {len(report['stenoses'])} stenoses"
    if "solver_settings" in report:
        about = report["solver_settings"]
        words += f", solver model of edges of {about['mean_mm']:.2f} mm with extensions of "
        words += f"{about['extension_diameters']:g} diameters in {about['unit_of_files']}"
    if "boundary_layers" in report:
        about = report["boundary_layers"]
        words += f", {about['layers']} layers on the wall, {about['total_mm']:.2f} mm thick in all"
    return f"{words}, {seconds:.1f} s"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


DEFAULT = ExportOptions()


def main(
    masks: Annotated[list[Path], typer.Argument(metavar="MASK...")],
    out: Annotated[Path, typer.Option(help="folder of the results")],
    label: Annotated[int | None, typer.Option(help="take this label only; else everything above 0")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="of a probability map")] = 0.5,
    image: Annotated[Path | None, typer.Option(help="CT of a single mask: views along its vessels")] = None,
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
            turntable=turntable,
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
    failures = []
    for path in masks:
        try:
            report = reconstruct(path, out, label, threshold, options)
        except ValueError as error:
            failures.append(str(error))
            continue
        print(_line(report))
        for warning in report["warnings"]:
            print(f"  note: {warning}")
        if volume_mesh and not report["empty"] and "volume_mesh" not in report:
            failures.append(f"{path}: the volume mesh that was asked for could not be made (see the notes)")
    if image is not None and not failures:
        try:
            print(f"reformations: {', '.join(reformations(image, masks[0], out))}")
        except ValueError as error:
            failures.append(str(error))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main, __doc__)
