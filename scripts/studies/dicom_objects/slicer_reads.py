"""Files of a case as 3D Slicer's libraries read them; for a Python that has slicer-core, without the bundle.

    python slicer_reads.py paths.json folder

`paths.json` has "scene", and by themselves "models", "tables", "volumes" and "series", each a path or more;
"slice_mm" is the height of the slice to draw. Writes to the folder `facts.json`, arrays that it names, and
`slice.png` and `tree.png`. Arrays are in the order of VTK's points, volumes as (K, J, I); places in RAS mm.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import slicer as mrml
import vtkmodules.vtkInteractionStyle
import vtkmodules.vtkRenderingFreeType
import vtkmodules.vtkRenderingOpenGL2
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkCollection, vtkFileOutputWindow, vtkOutputWindow, vtkVersion
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkIOImage import vtkPNGWriter
from vtkmodules.vtkRenderingCore import (
    vtkActor2D,
    vtkImageMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkRenderWindowInteractor,
    vtkWindowToImageFilter,
)

SIZE = 700  # pixels of a picture
LOGICS = ("Volumes", "SegmentationsModule", "SubjectHierarchyModule", "Models", "Tables")
IN_3D = ("Camera", "View", "Model")
IN_SLICES = ("ModelSlice",)


class Slicer:
    """A scene with the logic that reads nodes, and a slice logic as Slicer's red view has."""

    def __init__(self, out: Path) -> None:
        self.out = out
        log = vtkFileOutputWindow()
        log.SetFileName(str(out / "vtk.log"))
        log.SetFlush(True)
        vtkOutputWindow.SetInstance(log)
        self.scene = mrml.vtkMRMLScene()
        self.app = mrml.vtkSlicerApplicationLogic()
        self.app.SetMRMLScene(self.scene)
        self.app.GetColorLogic().SetMRMLScene(self.scene)
        self.app.GetColorLogic().AddDefaultColorNodes()
        self.app.SetSliceLogics(vtkCollection())
        self.app.SetViewLogics(vtkCollection())
        self.logics = [getattr(mrml, f"vtkSlicer{name}Logic")() for name in LOGICS]
        for logic in self.logics:
            logic.SetMRMLScene(self.scene)
            logic.SetMRMLApplicationLogic(self.app)
        self.app.SetModuleLogic("Colors", self.app.GetColorLogic())
        mrml.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.red = mrml.vtkMRMLSliceLogic()
        self.red.SetMRMLApplicationLogic(self.app)
        self.app.GetSliceLogics().AddItem(self.red)
        self.red.SetMRMLScene(self.scene)
        self.red.AddSliceNode("Red")

    def save(self, name: str, array: np.ndarray) -> str:
        np.save(self.out / f"{name}.npy", array)
        return f"{name}.npy"

    def nodes(self, kind: str) -> list:
        every = (self.scene.GetNthNode(number) for number in range(self.scene.GetNumberOfNodes()))
        return [node for node in every if node.GetClassName() == f"vtkMRML{kind}Node"]

    def said(self) -> list[str]:
        """Lines of VTK's log that tell of an error or a warning."""
        path = self.out / "vtk.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if "error" in line.lower() or "warning" in line.lower()]


def _matrix(get) -> list[list[float]]:
    found = vtkMatrix4x4()
    get(found)
    return [[found.GetElement(row, column) for column in range(4)] for row in range(4)]


def _voxels(image) -> np.ndarray:
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def volume(slicer: Slicer, node, name: str) -> dict:
    return {"name": node.GetName(), "ijk_to_ras": _matrix(node.GetIJKToRASMatrix),
            "voxels": slicer.save(name, _voxels(node.GetImageData()))}  # fmt: skip


def segments(slicer: Slicer, node) -> list[dict]:
    found = []
    for number in range(node.GetSegmentation().GetNumberOfSegments()):
        segment = node.GetSegmentation().GetNthSegment(number)
        image = segment.GetRepresentation("Binary labelmap")
        found.append({
            "name": segment.GetName(), "rgb": segment.GetColor(),
            "ijk_to_ras": _matrix(image.GetImageToWorldMatrix),
            "voxels": slicer.save(f"segment {number}", _voxels(image) == segment.GetLabelValue()),
        })  # fmt: skip
    return found


def model(slicer: Slicer, node, name: str) -> dict:
    shown, rgb = node.GetDisplayNode().GetOutputMesh(), node.GetDisplayNode().GetColor()
    table, scalars = node.GetDisplayNode().GetColorNode(), shown.GetPointData().GetScalars()
    if node.GetDisplayNode().GetScalarVisibility() and table is not None:
        lookup, rgb = table.GetLookupTable(), [0.0] * 3
        lookup.SetTableRange(node.GetDisplayNode().GetScalarRange())
        lookup.GetColor(scalars.GetTuple1(0), rgb)
    return {"name": node.GetName(), "rgb": rgb, "coloured_by": scalars.GetName() if scalars else None,
            "points": slicer.save(name, vtk_to_numpy(shown.GetPoints().GetData()))}  # fmt: skip


def opened_scene(slicer: Slicer, path: str) -> dict:
    messages = mrml.vtkMRMLMessageCollection()
    slicer.scene.SetURL(path)
    read = slicer.scene.Import(messages)
    stored = [node for kind in ("ScalarVolume", "Segmentation", "Model") for node in slicer.nodes(kind)
              if node.GetStorageNode()]  # fmt: skip
    told = [messages.GetAllMessagesAsString()]
    told += [node.GetStorageNode().GetUserMessages().GetAllMessagesAsString() for node in stored]
    return {
        "read": bool(read),
        "told": [text for text in told if text],
        "said": slicer.said(),
        "files": len({node.GetStorageNode().GetFullNameFromFileName() for node in stored}),
        "background": (slicer.red.GetBackgroundLayer().GetVolumeNode() or slicer.red).GetClassName(),
        "volumes": [volume(slicer, node, f"volume {number}")
                    for number, node in enumerate(slicer.nodes("ScalarVolume"))],
        "segments": [part for node in slicer.nodes("Segmentation") for part in segments(slicer, node)],
        "models": [model(slicer, node, f"model {number}")
                   for number, node in enumerate(slicer.nodes("Model")) if node in stored],
    }  # fmt: skip


def by_themselves(slicer: Slicer, paths: dict) -> dict:
    """Files that a person drops on Slicer's window one by one; the key of each is its path."""
    found = {}
    for kind, files in (("Model", paths["models"]), ("Table", paths["tables"])):
        for number, path in enumerate(files):
            storage = getattr(mrml, f"vtkMRML{kind}StorageNode")()
            storage.SetFileName(path)
            node = slicer.scene.AddNewNodeByClass(f"vtkMRML{kind}Node", Path(path).name)
            found[path] = {"read": bool(storage.ReadData(node)),
                           "told": storage.GetUserMessages().GetAllMessagesAsString()}  # fmt: skip
            if kind == "Model":
                points = vtk_to_numpy(node.GetPolyData().GetPoints().GetData())
                found[path]["points"] = slicer.save(f"alone {number}", points)
            else:
                found[path]["cells"] = [
                    [node.GetCellText(row, column) for column in range(node.GetNumberOfColumns())]
                    for row in range(node.GetNumberOfRows())
                ]
    for number, path in enumerate([*paths["volumes"], *paths["series"][:1]]):
        # One file of a series is enough: the reader takes those that belong to it.
        node = slicer.logics[0].AddArchetypeVolume(path, Path(path).name, 0)
        found[path] = {"read": node is not None, "told": ""}
        found[path] |= volume(slicer, node, f"volume alone {number}") if node is not None else {}
    return found


def _window(slicer: Slicer, factory, managers: tuple[str, ...]):
    renderer, window, interactor = vtkRenderer(), vtkRenderWindow(), vtkRenderWindowInteractor()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)  # with samples Mesa's software rasteriser loses what is half transparent
    window.SetSize(SIZE, SIZE)
    window.AddRenderer(renderer)
    interactor.SetRenderWindow(window)
    interactor.Initialize()
    factory.SetMRMLApplicationLogic(slicer.app)
    for name in managers:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = mrml.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    group.Initialize(factory, renderer)
    return renderer, window, interactor, group


def _draw(window, path: Path) -> None:
    window.Render()
    grabbed, writer = vtkWindowToImageFilter(), vtkPNGWriter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    writer.SetInputConnection(grabbed.GetOutputPort())
    writer.SetFileName(str(path))
    writer.Write()


def draw_slice(slicer: Slicer, height_mm: float) -> None:
    """The red view, axial, at a height: CT, segmentation."""
    names = [f"vtkMRML{name}DisplayableManager" for name in IN_SLICES]
    names.append("vtkMRMLSegmentationsDisplayableManager2D")
    renderer, window, _keep, group = _window(
        slicer, mrml.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(), tuple(names)
    )
    renderer.GetActiveCamera().ParallelProjectionOn()
    group.SetMRMLDisplayableNode(slicer.red.GetSliceNode())
    slicer.red.ResizeSliceNode(SIZE, SIZE)
    slicer.red.FitSliceToAll(SIZE, SIZE)
    slicer.red.SetSliceOffset(height_mm)
    mapper, actor, below = vtkImageMapper(), vtkActor2D(), vtkRenderer()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(slicer.red.GetImageDataConnection())
    actor.SetMapper(mapper)
    below.AddViewProp(actor)
    window.SetNumberOfLayers(2)
    renderer.SetLayer(1)
    window.AddRenderer(below)
    _draw(window, slicer.out / "slice.png")


def draw_tree(slicer: Slicer) -> None:
    """The 3D view from the front."""
    names = [f"vtkMRML{name}DisplayableManager" for name in IN_3D]
    renderer, window, _keep, group = _window(
        slicer, mrml.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), tuple(names)
    )
    logic = mrml.vtkMRMLViewLogic()
    logic.SetMRMLApplicationLogic(slicer.app)
    slicer.app.GetViewLogics().AddItem(logic)
    logic.SetMRMLScene(slicer.scene)
    view = logic.AddViewNode("1")
    view.SetBoxVisible(0)
    view.SetAxisLabelsVisible(0)
    group.SetMRMLDisplayableNode(view)
    renderer.SetUseDepthPeeling(True)
    camera = group.GetDisplayableManagerByClassName("vtkMRMLCameraDisplayableManager").GetCameraNode()
    bounds = [0.0] * 6
    renderer.ComputeVisiblePropBounds(bounds)
    middle = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2])]
    camera.GetCamera().SetFocalPoint(*middle)
    camera.RotateTo(camera.Anterior)
    renderer.ResetCamera(bounds)
    renderer.GetActiveCamera().Zoom(1.4)
    renderer.ResetCameraClippingRange()
    _draw(window, slicer.out / "tree.png")


def read_all() -> None:
    paths, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    slicer = Slicer(out)
    facts = {"vtk": vtkVersion.GetVTKVersion(), "slicer_core": version("slicer-core")}
    facts["scene"] = opened_scene(slicer, paths["scene"])
    facts["alone"] = by_themselves(slicer, paths)
    facts["told_alone"] = slicer.said()[len(facts["scene"]["said"]) :]
    draw_slice(slicer, paths["slice_mm"])
    draw_tree(slicer)
    (out / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    read_all()
