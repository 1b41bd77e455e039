"""A model for a flow solver: the coronary wall with flat, named inlets and outlets."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

from bundle.geometry.coordinates import ras_to_lps
from bundle.geometry.ends import WALL, NoEnd, Plane, cap, cut_end, extend
from bundle.geometry.mesh import areas_mm2, check_mesh, make_mesh, triangles
from bundle.geometry.polyline import tangents
from bundle.geometry.tree import Tree
from bundle.geometry.write import replacing, write_vtp


@dataclass(frozen=True)
class Patch:
    """A part of the model's surface: `label` in the mesh's cell array `ModelFaceID`."""

    label: int
    name: str
    kind: str  # wall, inlet or outlet
    center: np.ndarray | None
    normal: np.ndarray | None
    area_mm2: float


@dataclass(frozen=True)
class SolverModel:
    """A closed mesh (RAS mm) with a patch label a triangle, its patches, and what could not be opened."""

    mesh: pv.PolyData
    patches: list[Patch]
    warnings: list[str]


def _planes(tree: Tree, min_outlet_radius_mm: float) -> list[tuple[Plane, str, str]]:
    """Planes at ostia and tips with their names and kinds, about a radius before the wall."""
    mothers = {segment.parent for segment in tree.segments}
    found, counts = [], {}
    for branch in tree.branches:
        first, last = tree.segments[branch.segments[0]], branch.segments[-1]
        ends = [(0, "inlet")] if first.parent < 0 else []
        ends += [(-1, "outlet")] if last not in mothers else []
        for side, kind in ends:
            back = np.searchsorted(branch.along_mm, 0.6 * branch.radius[side])
            place = (
                min(back, len(branch.points) // 3) if side == 0 else -1 - min(back, len(branch.points) // 3)
            )
            radius = float(branch.radius[place])
            if kind == "outlet" and radius < min_outlet_radius_mm:
                continue
            direction = tangents(branch.points)[place] * (1 if side else -1)
            name = f"{kind}_{branch.name}"
            counts[name] = counts.get(name, 0) + 1
            name = name if counts[name] == 1 else f"{name}_{counts[name]}"
            found.append((Plane(branch.points[place], direction, radius), name, kind))
    return found


def _room(points: np.ndarray, plane: Plane, length_mm: float) -> bool:
    """Whether a straight tube on the end stays clear of the rest of the model."""
    radius = plane.radius_mm
    others = points[np.linalg.norm(points - plane.center, axis=1) > 2.2 * radius]
    along = np.arange(1.5 * radius, length_mm + 1.5 * radius, 0.25)
    axis = plane.center + along[:, None] * plane.outwards
    return bool(cKDTree(others).query(axis)[0].min() > 1.3 * radius)


def solver_model(
    wall: pv.PolyData, tree: Tree, extension_diameters: float = 0.0, min_outlet_radius_mm: float = 0.4
) -> SolverModel:
    """Open a closed wall at the tree's ends, square to the centreline, and close it with flat named caps.

    Args:
        wall: closed mesh, RAS mm. tree: its centreline with branches.
        extension_diameters: length of straight tubes put on the ends, in diameters of each end. An end whose
            tube would meet another vessel gets none, and a warning.
        min_outlet_radius_mm: thinner tips stay round and closed.

    Returns:
        the model; its mesh is closed, patch 0 is the wall.

    Raises:
        ValueError: the wall is not closed or the tree has no branches.
    """
    if not check_mesh(wall)["watertight"]:
        raise ValueError("a solver model needs a closed wall; this mesh is open")
    if not tree.branches:
        raise ValueError("a solver model needs a centreline tree with branches to know the vessels' ends")
    points, faces = np.asarray(wall.points, np.float64), triangles(wall)
    patch = np.full(len(faces), WALL)
    patches, warnings = [], []
    for plane, name, kind in _planes(tree, min_outlet_radius_mm):
        try:
            opened = cut_end(points, faces, patch, plane)
        except NoEnd as reason:
            warnings.append(f"{name} stays closed: {reason}")
            continue
        length = 2 * plane.radius_mm * extension_diameters
        if length > 0 and not _room(opened[0][np.unique(opened[1])], plane, length):
            warnings.append(f"{name} has no extension: it would meet another vessel")
        elif length > 0:
            opened = extend(*opened, plane, length)
        label = len(patches) + 1
        points, faces, patch = cap(*opened, label)
        own = faces[patch == label]
        area = areas_mm2(points, own)
        center = (points[own].mean(axis=1) * area[:, None]).sum(axis=0) / area.sum()
        patches.append(Patch(label, name, kind, center, plane.outwards, float(area.sum())))
    used, renumbered = np.unique(faces, return_inverse=True)
    mesh = make_mesh(points[used], renumbered.reshape(-1, 3))
    mesh.cell_data["ModelFaceID"] = patch.astype(np.int32)
    rest = float(areas_mm2(points, faces[patch == WALL]).sum())
    return SolverModel(mesh, [Patch(WALL, "wall", "wall", None, None, rest), *patches], warnings)


def write_solver_vtp(model: SolverModel, path: str | os.PathLike) -> None:
    """VTP in LPS mm with `ModelFaceID`, as SimVascular reads it."""
    write_vtp(model.mesh, path)


def write_solver_stl(model: SolverModel, path: str | os.PathLike) -> None:
    """ASCII STL in LPS mm with one named solid a patch, as OpenFOAM and cfMesh read it."""
    corners = ras_to_lps(model.mesh.points)[triangles(model.mesh)]
    label = model.mesh.cell_data["ModelFaceID"]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lines = []
    for patch in model.patches:
        lines.append(f"solid {patch.name}\n")
        own = label == patch.label
        for n, (a, b, c) in zip(normal[own].tolist(), corners[own].tolist()):
            lines.append(
                f"facet normal {n[0]:.5f} {n[1]:.5f} {n[2]:.5f}\nouter loop\n"
                f"vertex {a[0]:.6f} {a[1]:.6f} {a[2]:.6f}\nvertex {b[0]:.6f} {b[1]:.6f} {b[2]:.6f}\n"
                f"vertex {c[0]:.6f} {c[1]:.6f} {c[2]:.6f}\nendloop\nendfacet\n"
            )
        lines.append(f"endsolid {patch.name}\n")
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="ascii")


def patch_table(model: SolverModel) -> list[dict]:
    """A row a patch, places in LPS mm as in the files."""
    rows = []
    for patch in model.patches:
        row = {"ModelFaceID": patch.label, "name": patch.name, "kind": patch.kind}
        row["area_mm2"] = round(patch.area_mm2, 4)
        for kind, vector in (("center", patch.center), ("normal", patch.normal)):
            if vector is not None:
                unit = "_lps_mm" if kind == "center" else "_lps"
                row[f"{kind}{unit}"] = np.round(ras_to_lps(vector), 4).tolist()
        rows.append(row)
    return rows
