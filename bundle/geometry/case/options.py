"""What may be asked of `export_case`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from bundle.common.errors import InputError
from bundle.common.parsing import parse_bool
from bundle.geometry.io import MM_IN
from bundle.geometry.measure import BranchCertainty
from bundle.geometry.surface import METHODS, WALLS

__all__ = ["CLOUD_FORMATS", "COLOURS", "FORMATS", "SCENES", "ExportOptions"]

FORMATS = ("stl", "ply", "vtp", "obj", "glb")
CLOUD_FORMATS = ("ply", "vtp")
COLOURS = {"probability": "confidence", "distance": "centerline_distance_mm", "branch": "branch_id",
           "certainty": "certainty"}  # fmt: skip
SCENES = ("scan", "results", "none")

_MOST_LAYERS = 10  # the one at the wall has then a fiftieth of their thickness


@dataclass(frozen=True)
class ExportOptions:
    """Settings of the geometry of a case, checked when they are made.

    Attributes:
        level: probability at the wall, default the threshold that made the mask.
        wall: "probability" places the wall between voxels by it, or without one so that the mask's volume is
            kept; "mask" is marching cubes on the binary mask, as in the paper.
        clean: drop parts under `min_part_mm3` and single voxels, and fill cavities.
        largest_part: keep only the part of the surface that encloses most, as in the paper.
        smoothing: "sinc", "laplacian" (the paper's, 50 iterations of relaxation 0.1) or "none".
        smoothing_iterations: default 30 for sinc, 50 for Laplacian.
        edge_length_mm: mean length of the mesh's edges; default what the voxels give.
        keep_triangles: fraction of the mesh's triangles to keep by decimation, 0 to 1.
        min_part_mm3: connected parts of the mask that are smaller are dropped; 0 takes it as it comes, for a
            run of the bundle has dropped specks before (`KeepComponentsd`).
        formats: of the mesh, out of stl, ply, vtp, obj, glb.
        cloud_formats: of the point clouds, out of ply, vtp.
        point_spacing_mm: least distance between points of the surface cloud.
        voxel_points: also write the lumen's voxels as a cloud, as in the paper.
        colour_by: colours of the clouds: "probability", "distance" (to the centreline), "branch", or
            "certainty", which colours mesh and picture too; default the probability where there is one, else
            the distance.
        certainty: numbers of the weights' `BranchCertainty`, by name; None gives branches no certainty.
        centerline: make the centreline tree, names, measurements and stenoses.
        centerline_limit_s: seconds after which the search for the centreline is given up, 0 for no limit;
            mask and surface are kept.
        pictures: draw the snapshot; skipped with a warning where the machine cannot draw.
        page: make `<case>.html` too (`bundle.report`), which is done by those that call `export_case`.
        turntable: frames of an animation of the vessels turning, 0 for none.
        scene: a scene for 3D Slicer (see `write_scene`): "scan" names the scan too, by its path relative to
            the case's folder, where it is known; "results" the case's own files only; "none" for no scene.
        keep_aorta: the solver model holds the aorta too, where the mask does.
        solver: also write the wall with flat named ends (see `solver_model`).
        extension_diameters: straight tubes on the ends of the solver model, in diameters.
        volume_mesh: also fill the solver model with tetrahedra (see `volume_mesh`).
        boundary_layers: of the volume mesh along the wall (see `grow_layers`), 0 to 10.
        mesh_complete: the volume mesh also as SimVascular's folder (see `write_mesh_complete`).
        unit: of the files of the solver model and the volume mesh alone, "mm" or "m" (for OpenFOAM).

    Raises:
        InputError: a setting that does not exist or cannot be met.
    """

    level: float | None = None
    wall: str = "probability"
    clean: bool = True
    largest_part: bool = False
    smoothing: str = "sinc"
    smoothing_iterations: int | None = None
    edge_length_mm: float | None = None
    keep_triangles: float = 1.0
    min_part_mm3: float = 0.0
    formats: Sequence[str] = ("stl", "ply", "vtp")
    cloud_formats: Sequence[str] = ("ply",)
    point_spacing_mm: float = 0.5
    voxel_points: bool = False
    colour_by: str | None = None
    certainty: Mapping[str, float] | None = None
    centerline: bool = True
    centerline_limit_s: float = 300.0
    pictures: bool = True
    page: bool = True
    turntable: int = 0
    scene: str = "scan"
    solver: bool = False
    keep_aorta: bool = False
    extension_diameters: float = 0.0
    volume_mesh: bool = False
    boundary_layers: int = 0
    mesh_complete: bool = False
    unit: str = "mm"

    def __post_init__(self) -> None:
        for field in fields(self):
            name, kind, value = field.name, field.type.split(" ")[0], getattr(self, field.name)
            if kind == "bool":  # "false" from a command line would count as true
                object.__setattr__(self, name, parse_bool(value, name))
            elif kind in ("int", "float") and (
                isinstance(value, bool) or not isinstance(value, (int, float, type(None)))
            ):
                raise InputError(f"{name} is {value!r}; it must be a number.")
        _one_of("wall", (self.wall,), WALLS)
        _one_of("smoothing", (self.smoothing,), METHODS)
        _one_of("mesh formats", self.formats, FORMATS)
        _one_of("formats of point clouds", self.cloud_formats, CLOUD_FORMATS)
        if self.colour_by is not None:
            _one_of("colours of point clouds", (self.colour_by,), tuple(COLOURS))
        if self.edge_length_mm is not None and not self.edge_length_mm > 0:
            raise InputError(f"an edge length is positive, in mm; it is {self.edge_length_mm}")
        if not self.min_part_mm3 >= 0:
            raise InputError(f"the least volume of a part is 0 or more, in mm3; it is {self.min_part_mm3}")
        if not 0.0 < self.keep_triangles <= 1.0:
            raise InputError(f"the fraction of triangles lies between 0 and 1; it is {self.keep_triangles}")
        if not self.point_spacing_mm > 0:
            raise InputError(
                f"the spacing of a point cloud must be positive, in mm; it is {self.point_spacing_mm}"
            )
        if self.centerline_limit_s < 0:
            raise InputError(f"a limit of time is 0 or more seconds; it is {self.centerline_limit_s}")
        if self.turntable < 0 or self.extension_diameters < 0:
            raise InputError("frames of a turntable and diameters of an extension are not negative")
        _one_of("the scene for 3D Slicer", (self.scene,), SCENES)
        _one_of("the unit of the solver's files", (self.unit,), tuple(MM_IN))
        if self.mesh_complete:
            object.__setattr__(self, "volume_mesh", True)
        of_a_model = {"extension_diameters": 0.0, "keep_aorta": False, "unit": "mm"}
        unused = [name for name, default in of_a_model.items() if getattr(self, name) != default]
        if unused and not (self.solver or self.volume_mesh):
            raise InputError(f"{unused[0]} is of the solver model: ask for it too, by solver or volume_mesh")
        if self.boundary_layers not in range(_MOST_LAYERS + 1):
            raise InputError(
                f"layers on the wall are a whole number, 0 to {_MOST_LAYERS}; they are {self.boundary_layers}"
            )
        if self.boundary_layers and not self.volume_mesh:
            raise InputError("boundary_layers is of the volume mesh: ask for it too, by volume_mesh")
        self.branch_certainty()
        by_branch = self.colour_by in ("branch", "certainty")
        if not self.centerline and (self.solver or self.volume_mesh or by_branch):
            raise InputError("a solver model, a volume mesh and colours by branch need the centreline")

    def branch_certainty(self) -> BranchCertainty | None:
        """The model of `certainty`."""
        if self.certainty is None:
            return None
        known = [field.name for field in fields(BranchCertainty)]
        if sorted(self.certainty) != sorted(known):
            raise InputError(
                f"the certainty has the numbers {', '.join(known)}, not {', '.join(self.certainty)}"
            )
        return BranchCertainty(**{name: float(value) for name, value in self.certainty.items()})


def _one_of(what: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    if isinstance(given, str):
        raise InputError(f"{what} are a list, such as ['{allowed[0]}']; they are given as {given!r}.")
    unknown = [word for word in given if word not in allowed]
    if unknown:
        raise InputError(f"{what} cannot be {unknown[0]!r}; there are {', '.join(allowed)}.")
