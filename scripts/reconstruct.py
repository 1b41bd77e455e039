"""From vessel masks or probability maps of any tool to surfaces, centrelines, measurements and pictures.

    python scripts/reconstruct.py MASK... --out DIR

NIfTI, NRRD, MHA. Each file becomes a folder DIR/<name>/ with mesh, point cloud, centreline, tables, picture
and <name>.json; a file that fails is told at the end and does not stop the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.common.coordinates import check_affine, ras_to_lps, voxel_size_mm
from bundle.common.files import write_json
from bundle.geometry.case import CLOUD_FORMATS, COLOURS, FORMATS, ExportOptions, export_case
from bundle.geometry.core import Tree
from bundle.geometry.io import as_volume, read_branches, read_mask
from bundle.geometry.measure import find_stenoses
from bundle.geometry.render import reformation_picture
from bundle.geometry.solver import why_no_mesher
from bundle.geometry.surface import METHODS

_MAIN = ("LM", "LAD", "LCx", "RI", "RCA")
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The array in voxel order and its affine to RAS mm.

    Raises:
        ValueError: the file is missing, of another kind, or cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    if not path.name.lower().endswith(_ENDINGS):
        raise ValueError(f"{path}: a mask is one of {', '.join(_ENDINGS)}")
    try:
        if ".nii" in path.name.lower():
            image = nib.load(path)
            return np.asanyarray(image.dataobj), image.affine
        return _load_itk(path)
    except (OSError, EOFError, RuntimeError, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise ValueError(f"{path}: cannot be read as an image ({str(error).splitlines()[-1]})") from error


def _load_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import itk

    image = itk.imread(str(path))
    affine = np.eye(4)
    direction = itk.array_from_matrix(image.GetDirection())
    affine[:3, :3] = ras_to_lps((direction * np.asarray(image.GetSpacing())).T).T
    affine[:3, 3] = ras_to_lps(np.asarray(image.GetOrigin()))
    return itk.array_from_image(image).T, affine


def name_of(path: Path) -> str:
    """The file's name without its ending."""
    return next((path.name[: -len(e)] for e in _ENDINGS if path.name.lower().endswith(e)), path.stem)


def reconstruct(path: Path, out: Path, label: int | None, threshold: float, **options) -> dict:
    """One file to its folder; returns the report of `export_case` with the remarks about the mask."""
    array, affine = load(path)
    try:
        mask, probability, remarks = read_mask(array, label, threshold)
        folder, name = out / name_of(path), name_of(path)
        level = threshold if probability is not None else None
        report = export_case(mask, check_affine(affine), folder, name, probability, level=level, **options)
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
    image, affine = load(image_path)
    image = as_volume(image)
    written = []
    tree = Tree(branches=read_branches(lines))
    lesions = find_stenoses(tree, float(voxel_size_mm(load(mask_path)[1]).mean()))
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
    return f"{words}, {seconds:.1f} s"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _add_options(parser: argparse.ArgumentParser) -> None:
    """The settings of `ExportOptions`, under their own names and with its defaults."""
    default = ExportOptions()
    add = parser.add_argument_group("surface").add_argument
    add("--smoothing", choices=METHODS, default=default.smoothing)
    add("--edge-length-mm", type=float, metavar="MM", help="mean edge of the triangles")
    add("--keep-triangles", type=float, default=1.0, metavar="SHARE", help="decimate to this share, 0 to 1")
    add("--formats", type=_words, default=default.formats, help=f"out of {','.join(FORMATS)}")
    add = parser.add_argument_group("point clouds").add_argument
    add("--point-spacing-mm", type=float, default=default.point_spacing_mm)
    add("--voxel-points", action="store_true", help="also the lumen's voxels as a cloud")
    add("--cloud-formats", type=_words, default=default.cloud_formats, help=",".join(CLOUD_FORMATS))
    add("--colour-by", choices=COLOURS, help="default: the probability, without one the distance")
    add = parser.add_argument_group("flow solver").add_argument
    add("--solver", action="store_true", help="also a model with flat named ends")
    add("--extension-diameters", type=float, default=0.0, metavar="N", help="tubes on the model's ends")
    add("--volume-mesh", action="store_true", help="also the model filled with tetrahedra (needs gmsh)")
    add = parser.add_argument_group("pictures").add_argument
    add("--turntable", type=int, default=0, metavar="N", help="also an animation of N frames")
    add("--no-pictures", dest="pictures", action="store_false")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masks", nargs="+", type=Path, metavar="MASK")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--label", type=int, help="take this label only (default: everything > 0)")
    parser.add_argument("--threshold", type=float, default=0.5, help="of a probability map (default 0.5)")
    _add_options(parser)
    parser.add_argument("--image", type=Path, help="the CT of a single mask: reformations along its vessels")
    given = parser.parse_args(arguments)
    names = [name_of(path) for path in given.masks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        parser.error(f"two files are called {twice[0]}; their results would fall on each other")
    if given.image is not None and len(given.masks) > 1:
        parser.error("--image belongs to one mask; several were given")
    settings = vars(given)
    options = {name: settings[name] for name in settings if name in ExportOptions.__dataclass_fields__}
    try:
        ExportOptions(**options)
    except ValueError as error:
        parser.error(str(error))
    if given.volume_mesh and why_no_mesher() is not None:
        parser.error(why_no_mesher())
    failures = []
    for path in given.masks:
        try:
            report = reconstruct(path, given.out, given.label, given.threshold, **options)
        except ValueError as error:
            failures.append(str(error))
            continue
        print(_line(report))
        for warning in report["warnings"]:
            print(f"  note: {warning}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if given.image is not None and not failures:
        try:
            print(f"reformations: {', '.join(reformations(given.image, given.masks[0], given.out))}")
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
