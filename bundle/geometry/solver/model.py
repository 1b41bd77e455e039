"""A model for a flow solver: the coronary wall with flat, named inlets and outlets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

from bundle.common.coordinates import ras_to_lps
from bundle.common.files import write_text
from bundle.common.polylines import arc_length, tangents
from bundle.geometry.core import Branch, Tree, areas_mm2, check_mesh, keep_faces, make_mesh, triangles
from bundle.geometry.io import MM_IN
from bundle.geometry.naming import UNKNOWN

from .crossing import crossing_faces
from .ends import WALL, NoEnd, Plane, cap, cut_end, extend, rim_of

__all__ = ["Patch", "SolverModel", "patch_table", "solver_model", "write_solver_stl"]

_TRIES = 4  # planes at an end
_RAGGED_MM = 8.0  # longest stump at an ostium


@dataclass(frozen=True)
class Patch:
    """A part of the model's surface: `label` in the mesh's cell array `ModelFaceID`.

    kind: wall, inlet or outlet. branch: number of the branch that ends here, None at the aorta. normal: of an
    end, outwards.
    """

    label: int
    name: str
    kind: str
    branch: int | None
    center: np.ndarray | None
    normal: np.ndarray | None
    area_mm2: float


@dataclass(frozen=True)
class SolverModel:
    """A closed mesh (RAS mm), its patches, and what could not be opened.

    The cell array `ModelFaceID` holds a patch label a triangle, as SimVascular reads it; the field array
    `face_names` the names by that number. closed: names of the ends that could not be opened.
    """

    mesh: pv.PolyData
    patches: list[Patch]
    warnings: list[str]
    closed: list[str] = field(default_factory=list)


def _ends(tree: Tree, min_outlet_radius_mm: float) -> list[tuple[str, str, int, list[Plane]]]:
    """Name, kind, branch and planes, in the order in which they are to be tried, of the ostia and the tips.

    A branch without a name gives its number: `outlet_branch_7`.
    """
    parents = {segment.parent for segment in tree.segments}
    found, counts = [], {}
    for number, branch in enumerate(tree.branches):
        first, last = tree.segments[branch.segments[0]], branch.segments[-1]
        ends = ["inlet"] if first.parent < 0 else []
        ends += ["outlet"] if last not in parents else []
        for kind in ends:
            planes = _planes(branch, kind == "inlet")
            if kind == "outlet" and planes[0].radius_mm < min_outlet_radius_mm:
                continue
            name = f"{kind}_{f'branch_{number}' if branch.name == UNKNOWN else branch.name}"
            counts[name] = counts.get(name, 0) + 1
            found.append((name if counts[name] == 1 else f"{name}_{counts[name]}", kind, number, planes))
    return found


def _planes(branch: Branch, inlet: bool) -> list[Plane]:
    """Planes at one end of a branch, the first about a radius before the wall, then each a radius deeper.

    What the aorta leaves of a vessel where it was taken off is ragged: an inlet lies where the vessel has
    become round, the inscribed circle not much smaller than the section.
    """
    step = 1 if inlet else -1
    points, radius = branch.points[::step], branch.radius[::step]
    along, direction = arc_length(points), -tangents(points)
    start = along[0.6 * radius[0] <= along][0] if along[-1] > 0.6 * radius[0] else 0.0
    if inlet:
        ragged = branch.inscribed < 0.65 * branch.radius
        ragged[(along > _RAGGED_MM) | (np.arange(len(along)) > len(along) // 2)] = False
        start = max(start, float(along[ragged].max(initial=0.0)))
    wanted = start + np.interp(start, along, radius) * np.arange(_TRIES)
    places = np.unique(np.minimum(np.searchsorted(along, wanted), len(points) // (2 if inlet else 3)))
    return [Plane(points[i], direction[i], float(radius[i])) for i in places]


def _clear_length(points: np.ndarray, plane: Plane, length_mm: float) -> float:
    """How long a straight tube on the end may be, up to `length_mm`, to stay clear of the rest of the model.

    Between the tube's wall and the other vertices (N, 3) a third of the radius stays free, and between its
    cap and what stands in its way half a radius.
    """
    radius = plane.radius_mm
    others = points[np.linalg.norm(points - plane.center, axis=1) > 2.2 * radius]
    if len(others) == 0:
        return length_mm
    along = np.arange(1.5 * radius, length_mm + 1.5 * radius, 0.25)
    axis = plane.center + along[:, None] * plane.outwards
    tight = np.flatnonzero(cKDTree(others).query(axis)[0] <= 1.33 * radius)
    return length_mm if len(tight) == 0 else float(max(0.0, along[tight[0]] - 1.5 * radius))


def _capped(points, faces, patch, rim, label: int, before: int):
    """The model (points, faces, patch) with a cap on its open rim; None where that would cut through it.

    What is looked at are the faces from number `before` on: the cap and its extension, if it has one.
    """
    points, faces, patch = cap(points, faces, patch, rim, label)
    crossed = crossing_faces(points, faces, np.arange(before, len(faces)))
    return None if len(crossed) else (points, faces, patch)


def _opened(model, plane: Plane, label: int):
    """The model (points, faces, patch) with a flat cap `label` where the plane cuts an end off.

    Raises:
        NoEnd: that cannot be.
    """
    points, faces, patch, rim = cut_end(*model, plane)
    if not np.array_equal(faces[patch != WALL], model[1][model[2] != WALL]):
        raise NoEnd("the cut would go through another end")
    capped = _capped(points, faces, patch, rim, label, len(faces))
    if capped is None:
        raise NoEnd("a flat cap would cut through the wall")
    return capped


def _lengthened(model, plane: Plane, label: int, name: str, wanted_mm: float):
    """The model (points, faces, patch) with a tube between the rim and the cap `label`, and warnings.

    The tube is shorter than wanted, or left out, where it would meet another vessel.
    """
    points, faces, patch = model
    length = min(wanted_mm, _clear_length(points[np.unique(faces)], plane, wanted_mm))
    longer = None
    if length >= 2 * plane.radius_mm:
        open_faces, open_patch = faces[patch != label], patch[patch != label]
        tube = extend(points, open_faces, open_patch, rim_of(open_faces), plane, length)
        longer = _capped(*tube, label, len(open_faces))
    if longer is None:
        return model, [f"{name} has no extension: it would meet another vessel"]
    sentence = f"{name} has an extension of {length:.1f} mm: {wanted_mm:.1f} mm would meet another vessel"
    return longer, [sentence] if length < wanted_mm else []


def solver_model(
    wall: pv.PolyData,
    tree: Tree,
    extension_diameters: float = 0.0,
    min_outlet_radius_mm: float = 0.4,
    aorta: Sequence[tuple[str, str, list[Plane]]] = (),
) -> SolverModel:
    """Open a closed wall at the tree's ends, square to the centreline, and close it with flat named caps.

    Args:
        wall: closed mesh, RAS mm. tree: its centreline with branches.
        extension_diameters: length of straight tubes put on the ends, in diameters of each end. A tube that
            would meet another vessel is made shorter, or left out where less than a diameter would be left;
            a warning says so.
        min_outlet_radius_mm: thinner tips stay round and closed.
        aorta: its ends (`aorta_ends`), where the wall holds it: the coronaries then have no inlets.

    Returns:
        the model; its mesh is closed, patch 0 is the wall, no added triangle cuts through another one.

    Raises:
        ValueError: the wall is not closed or the tree has no branches.

    Example:
        >>> model = solver_model(wall, tree, extension_diameters=2)
        >>> [patch.kind for patch in model.patches]
        ['wall', 'inlet', 'outlet']
    """
    if not check_mesh(wall)["watertight"]:
        raise ValueError("a solver model needs a closed wall; this mesh is open")
    if not tree.branches:
        raise ValueError("a solver model needs a centreline tree with branches to know the vessels' ends")
    points, faces = np.asarray(wall.points, np.float64), triangles(wall)
    model = points, faces, np.full(len(faces), WALL)
    ends, warnings, closed = [], [], []
    wanted = [(name, kind, None, planes) for name, kind, planes in aorta]
    wanted += [end for end in _ends(tree, min_outlet_radius_mm) if not (aorta and end[1] == "inlet")]
    for name, kind, branch, planes in wanted:
        for plane in planes:
            try:
                model = _opened(model, plane, len(ends) + 1)
            except NoEnd as error:
                reason = error
            else:
                ends.append((plane, name, kind, branch))
                break
        else:
            closed.append(name)
            warnings.append(f"{name} stays closed: {reason}")
    # Only now, so that no end is looked for behind another one's tube.
    for label, (plane, name, *_) in enumerate(ends if extension_diameters > 0 else (), start=1):
        model, remarks = _lengthened(model, plane, label, name, 2 * plane.radius_mm * extension_diameters)
        warnings += remarks
    points, faces, patch = model
    mesh = keep_faces(make_mesh(points, faces), np.ones(len(faces), bool))  # without unused vertices
    areas = areas_mm2(mesh)
    patches = [Patch(WALL, "wall", "wall", None, None, None, float(areas[patch == WALL].sum()))]
    for label, (plane, name, kind, branch) in enumerate(ends, start=1):
        own, area = faces[patch == label], areas[patch == label]
        center = (points[own].mean(axis=1) * area[:, None]).sum(axis=0) / area.sum()
        patches.append(Patch(label, name, kind, branch, center, plane.outwards, float(area.sum())))
    mesh.cell_data["ModelFaceID"] = patch.astype(np.int32)
    mesh.field_data["face_names"] = [patch.name for patch in patches]
    return SolverModel(mesh, patches, warnings, closed)


def write_solver_stl(model: SolverModel, path: str | os.PathLike, unit: str = "mm") -> None:
    """ASCII STL in LPS with one named solid a patch, as OpenFOAM (which wants metres) and cfMesh read it."""
    corners = (MM_IN[unit] * ras_to_lps(model.mesh.points))[triangles(model.mesh)]
    label = model.mesh.cell_data["ModelFaceID"]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lines, digits = [], 6 if unit == "mm" else 9
    for patch in model.patches:
        lines.append(f"solid {patch.name}\n")
        own = label == patch.label
        for n, (a, b, c) in zip(normal[own].tolist(), corners[own].tolist()):
            lines.append(
                f"facet normal {n[0]:.5f} {n[1]:.5f} {n[2]:.5f}\nouter loop\n"
                + "".join(f"vertex {x:.{digits}f} {y:.{digits}f} {z:.{digits}f}\n" for x, y, z in (a, b, c))
                + "endloop\nendfacet\n"
            )
        lines.append(f"endsolid {patch.name}\n")
    write_text(path, "".join(lines))


def patch_table(model: SolverModel) -> list[dict]:
    """A row a patch, places in LPS mm as in the files."""
    rows = []
    for patch in model.patches:
        row = {"ModelFaceID": patch.label, "name": patch.name, "kind": patch.kind}
        if patch.branch is not None:
            row["branch_id"] = patch.branch
        row["area_mm2"] = round(patch.area_mm2, 4)
        for name, vector in (("center_lps_mm", patch.center), ("normal_lps", patch.normal)):
            if vector is not None:
                row[name] = np.round(ras_to_lps(vector), 4).tolist()
        rows.append(row)
    return rows
