"""The scene for 3D Slicer: well-formed, names files that are there, shows each branch alone."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
import pyvista as pv
import vtk
from hearts import heart

from bundle.common.errors import InputError
from bundle.geometry.case import ExportOptions, export_case
from bundle.geometry.case.scene import write_scene
from bundle.geometry.io import read_branches, write_tree
from bundle.geometry.naming import name_branches
from bundle.geometry.render import branch_colors


@pytest.fixture
def tree_files(tmp_path):
    """A case "a b" of the schematic tree, with a scan outside of its folder."""
    folder = tmp_path / "results" / "a b"
    folder.mkdir(parents=True)
    tree = name_branches(heart()[0])
    write_tree(tree, folder / "a b_centerline.vtp")
    pv.Sphere().save(folder / "a b_mesh.vtp")
    (folder / "a b_seg.nii.gz").touch()
    (tmp_path / "scän.nii.gz").touch()
    return folder, tree


def nodes(path):
    """The nodes of a scene by their id; each reference leads to one of them."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "MRML"
    found = {node.get("id"): node for node in root}
    assert len(found) == len(root), "ids are unique"
    for node in root:
        for reference in filter(None, node.get("references", "").split(";")):
            assert reference.split(":")[1] in found, reference
    return found


def referred(found, node, role):
    (name,) = (r.split(":")[1] for r in node.get("references").split(";") if r.startswith(f"{role}:"))
    return found[name]


def table_of(node, scalar_range, value):
    """What a table in the scene says of a value, spread over a range as Slicer does: name and (3,) colour."""
    fields = np.array(node.get("colors").split()).reshape(-1, 6)
    assert node.get("type") == "13" and int(node.get("numcolors")) == len(fields), "a user's table"
    assert fields[:, 0].tolist() == [str(i) for i in range(len(fields))]
    shades = vtk.vtkLookupTable()
    shades.SetNumberOfTableValues(len(fields))
    shades.SetTableRange([float(v) for v in scalar_range.split()])
    for index, rgba in enumerate(fields[:, 2:].astype(float)):
        shades.SetTableValue(index, rgba)
    return fields[shades.GetIndex(value), 1].replace("_", " "), shades.GetTableValue(shades.GetIndex(value))[
        :3
    ]


def test_every_file_is_named_relative_to_the_scene_and_is_there(tree_files, tmp_path):
    folder, tree = tree_files
    lines, scan = folder / "a b_centerline.vtp", tmp_path / "scän.nii.gz"
    path, mask = folder / "a b_scene.mrml", folder / "a b_seg.nii.gz"
    write_scene(path, "a b", folder / "a b_mesh.vtp", (lines, tree.branches), mask, scan)
    found = nodes(path)
    names = {unquote(node.get("fileName")) for node in found.values() if node.get("fileName")}
    assert names == {"../../scän.nii.gz", "a b_seg.nii.gz", "a b_mesh.vtp", "a b_centerline.vtp"}
    assert all((folder / name).is_file() for name in names)
    assert not any(" " in node.get("fileName", "") for node in found.values()), "encoded as Slicer decodes"
    volume = next(node for node in found.values() if node.tag == "Volume")
    segmentation = next(node for node in found.values() if node.tag == "Segmentation")
    assert referred(found, segmentation, "referenceImageGeometryRef") is volume
    views = [node for node in found.values() if node.tag == "SliceComposite"]
    assert [referred(found, view, "backgroundVolume") for view in views] == [volume] * 3


def test_models_are_read_as_lps(tree_files):
    folder, tree = tree_files
    write_scene(
        folder / "s.mrml", "a b", folder / "a b_mesh.vtp", (folder / "a b_centerline.vtp", tree.branches)
    )
    stored = [node for node in nodes(folder / "s.mrml").values() if node.tag == "ModelStorage"]
    assert len(stored) == 1 + len(tree.branches)
    assert {node.get("coordinateSystem") for node in stored} == {"LPS"}


def test_each_branch_is_a_model_of_its_own_line_name_and_colour(tree_files):
    folder, tree = tree_files
    file = folder / "a b_centerline.vtp"
    write_scene(folder / "s.mrml", "a b", None, (file, tree.branches))
    found = nodes(folder / "s.mrml")
    models = [node for node in found.values() if node.tag == "Model"]
    assert [model.get("name") for model in models] == [branch.name for branch in tree.branches]
    colours = branch_colors([branch.name for branch in tree.branches]) / 255
    for number, (model, branch, colour) in enumerate(zip(models, read_branches(file), colours, strict=True)):
        shown = referred(found, model, "display")
        assert np.allclose([float(v) for v in shown.get("color").split()], colour, atol=1e-5)
        # Slicer cuts at a threshold only where scalars are shown, and then the colour is that of its table.
        assert shown.get("scalarVisibility") == "true" and shown.get("scalarRangeFlag") == "UseManual"
        named, rgb = table_of(found[shown.get("colorNodeID")], shown.get("scalarRange"), number)
        assert named == branch.name and np.allclose(rgb, colour, atol=0.003)
        # What Slicer's model display does with a threshold.
        pick = vtk.vtkThreshold()
        pick.SetInputData(pv.read(file))
        assert shown.get("activeAttributeLocation") == "point" and shown.get("thresholdEnabled") == "true"
        pick.SetInputArrayToProcess(
            0, 0, 0, vtk.vtkDataObject.FIELD_ASSOCIATION_POINTS, shown.get("activeScalarName")
        )
        low, high = (float(v) for v in shown.get("thresholdRange").split())
        pick.SetLowerThreshold(low)
        pick.SetUpperThreshold(high)
        pick.Update()
        line = pv.wrap(pick.GetOutput())
        assert line.n_cells == 1 and line.n_points == len(branch.points)


def test_the_segment_is_named_and_has_the_colour_of_the_wall(tree_files):
    folder, _ = tree_files
    write_scene(folder / "s.mrml", "a b", folder / "a b_mesh.vtp", None, folder / "a b_seg.nii.gz")
    found = nodes(folder / "s.mrml")
    segmentation = next(node for node in found.values() if node.tag == "Segmentation")
    # A NIfTI file has neither names nor colours; Slicer takes those that the label has in this table.
    table = referred(found, segmentation, "labelmapConversionColorTableNode")
    named, rgb = table_of(table, "-0.5 1.5", 1)
    wall = next(node for node in found.values() if node.tag == "ModelDisplay")
    assert named == "Coronary arteries"
    assert np.allclose(rgb, [float(v) for v in wall.get("color").split()], atol=0.003)


def test_a_case_names_its_scan_only_where_it_may(tmp_path):
    z, radius = np.indices((24, 24, 40))[2], np.hypot(*(np.indices((24, 24, 40))[:2] - 12))
    mask = (radius < 4) & (z > 3) & (z < 36)
    scan = tmp_path / "scan.nii.gz"
    scan.touch()
    for scene, named in (("scan", True), ("results", False)):
        report = export_case(
            mask, np.eye(4), tmp_path / "a", "a", pictures=False, scene=scene, scan_file=scan
        )
        assert report["files"]["scene"] == "a_scene.mrml"
        assert ("scan.nii.gz" in (tmp_path / "a" / "a_scene.mrml").read_text()) == named
    export_case(mask, np.eye(4), tmp_path / "a", "a", pictures=False, scene="none")
    assert not (tmp_path / "a" / "a_scene.mrml").exists()
    with pytest.raises(
        InputError, match="scene for 3D Slicer cannot be 'all'; there are scan, results, none"
    ):
        ExportOptions(scene="all")
