"""A scene for 3D Slicer: one file that opens the files of a case together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from bundle.common.files import write_text
from bundle.geometry.core import Branch
from bundle.geometry.naming import UNKNOWN
from bundle.geometry.render import branch_colors

__all__ = ["MESHES", "write_scene"]

MESHES = ("vtp", "ply", "stl", "obj")
"""Formats of meshes that 3D Slicer opens, the one that says most first."""

_WINDOW, _LEVEL = 1000, 250  # HU, contrast-filled lumen and calcium
_WALL = (0.83, 0.20, 0.27)
_USER = 13  # vtkMRMLColorTableNode::User


class _Scene:
    """Nodes of a scene in MRML, in the order in which they are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = ElementTree.Element("MRML")
        self.counts: dict[str, int] = {}

    def add(self, tag: str, kind: str, **values: object) -> str:
        """A node under the tag of its class `vtkMRML<kind>Node`; returns its id."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        name = f"vtkMRML{kind}Node{self.counts[kind]}"
        ElementTree.SubElement(self.root, tag, {"id": name} | {k: _text(v) for k, v in values.items()})
        return name

    def file(self, path: Path) -> str:
        """The path as the scene names it: relative to itself, encoded as in a URL, as Slicer decodes it."""
        return quote(Path(os.path.relpath(path, self.folder)).as_posix())

    def colors(self, name: str, entries: Sequence[tuple[str, tuple[float, ...]]]) -> str:
        """A color table in the scene itself, of each value from 0 on name and RGBA; returns its id."""
        # Names end at a space; Slicer shows an underscore as one.
        text = " ".join(
            f"{value} {label.replace(' ', '_')} {_text(rgba)}" for value, (label, rgba) in enumerate(entries)
        )
        return self.add(
            "ColorTable", "ColorTable", name=name, type=_USER, numcolors=len(entries), colors=text
        )

    def model(self, path: Path, name: str, **display: object) -> None:
        """A surface or a line from a file in LPS mm."""
        # Without the coordinate system a scene is taken for one of Slicer 4.10, whose files were RAS.
        stored = self.add("ModelStorage", "ModelStorage", fileName=self.file(path), coordinateSystem="LPS")
        shown = self.add("ModelDisplay", "ModelDisplay", **display)
        self.add("Model", "Model", name=name, references=f"display:{shown};storage:{stored};")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(f"{number:g}" for number in value)
    return str(value)


def write_scene(
    path: str | os.PathLike,
    name: str,
    mesh: Path | None,
    centerline: tuple[Path, Sequence[Branch]] | None = None,
    mask: Path | None = None,
    scan: Path | None = None,
) -> None:
    """Write an MRML scene that names its files by paths relative to itself.

    The mesh is half transparent and coloured by the vessels' radius where it has one (VTP with a tree); each
    branch of the centreline is a model of its own, with its name and the colour that pictures give it; the
    mask is a segmentation in the slices; the scan is their background, at a window for coronary CTA.

    Args:
        path: of the scene, ``.mrml``.
        name: of the case.
        mesh: file in LPS mm, of one of `MESHES`; None where there is none.
        centerline: file by `write_tree` and the branches in it.
        mask, scan: on one grid, in formats that 3D Slicer opens.

    Source: the readers of 3D Slicer's MRML nodes (Libs/MRML/Core of Slicer 5): `references`, file names
    encoded as URLs, `coordinateSystem`, `thresholdRange` on `activeScalarName`; what Slicer makes of it is
    measured in docs/results/dicom_objects.md.
    """
    scene = _Scene(Path(path).absolute().parent)
    geometry = ""
    if scan is not None:
        stored = scene.add("VolumeArchetypeStorage", "VolumeArchetypeStorage", fileName=scene.file(scan),
                           centerImage=0, UseOrientationFromFile=1)  # fmt: skip
        shown = scene.add("VolumeDisplay", "ScalarVolumeDisplay", colorNodeID="vtkMRMLColorTableNodeGrey",
                          window=_WINDOW, level=_LEVEL, autoWindowLevel=0, interpolate=1)  # fmt: skip
        volume = scene.add(
            "Volume", "ScalarVolume", name=f"{name} CT", references=f"display:{shown};storage:{stored};"
        )
        for view in ("Red", "Yellow", "Green"):
            ElementTree.SubElement(
                scene.root, "SliceComposite", id=f"vtkMRMLSliceCompositeNode{view}", singletonTag=view,
                layoutName=view, references=f"backgroundVolume:{volume};",
            )  # fmt: skip
        geometry = f"referenceImageGeometryRef:{volume};"
    if mask is not None:
        stored = scene.add("SegmentationStorage", "SegmentationStorage", fileName=scene.file(mask))
        shown = scene.add("SegmentationDisplay", "SegmentationDisplay", visibility3D=False, Opacity2DFill=0.3)
        table = scene.colors(
            f"{name} segments", [("background", (0, 0, 0, 0)), ("Coronary arteries", (*_WALL, 1))]
        )
        scene.add("Segmentation", "Segmentation", name=f"{name} lumen",
                  references=f"display:{shown};labelmapConversionColorTableNode:{table};{geometry}"
                             f"storage:{stored};")  # fmt: skip
    if mesh is not None:
        coloured = centerline is not None and mesh.suffix == ".vtp"
        by_radius = {"scalarVisibility": True, "activeScalarName": "radius_mm", "scalarRangeFlag": "UseData",
                     "colorNodeID": "vtkMRMLColorTableNodeFileViridis.txt"}  # fmt: skip
        scene.model(mesh, f"{name} wall", color=_WALL, opacity=0.5, **(by_radius if coloured else {}))
    if centerline is not None:
        file, branches = centerline
        _add_branches(scene, file, [branch.name for branch in branches], f"{name} branches")
    ElementTree.indent(scene.root)
    write_text(path, ElementTree.tostring(scene.root, encoding="unicode") + "\n")


def _add_branches(scene: _Scene, file: Path, names: Sequence[str], table: str) -> None:
    """A model for each branch of a centreline: its own points of the file that all of them lie in."""
    labels = [f"branch {number}" if name == UNKNOWN else name for number, name in enumerate(names)]
    colours = [tuple(rgb) for rgb in branch_colors(names) / 255.0]
    colors = scene.colors(table, [(label, (*rgb, 1)) for label, rgb in zip(labels, colours)])
    ends = (-0.5, len(labels) - 0.5)
    for number, (label, rgb) in enumerate(zip(labels, colours)):
        # Slicer leaves the other branches out only where it shows scalars, which then give the colour.
        scene.model(
            file, label, color=rgb, lineWidth=4, activeScalarName="branch_id",
            activeAttributeLocation="point", scalarVisibility=True, colorNodeID=colors,
            scalarRangeFlag="UseManual", scalarRange=ends, thresholdEnabled=True,
            thresholdRange=(number - 0.5, number + 0.5),
        )  # fmt: skip
