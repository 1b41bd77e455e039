"""The part of `volume_mesh` that runs gmsh, in a process of its own: gmsh may crash or hang on a bad surface.

    python -m bundle.geometry.solver.gmsh_worker SURFACE.npz MESH.npz MESH.msh SCALE

SURFACE.npz holds `points` (N, 3), `faces` (M, 3), `face_region` (M,), which closed part a face belongs to,
`patch` (M,) and `names`, the name of each patch. With layers on the wall the surface is that inside them, and
they stand beside it: `layer_points` (P, 3), whose first N are `points`, `layer_tetrahedra` (L, 4),
`outer_faces` and `outer_patch` of the surface around all. MESH.npz gets `points` and `tetrahedra` (K, 4),
those of the layers last. SCALE: of the coordinates in MESH.msh alone.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.spatial import cKDTree

_TRIANGLE, _TETRAHEDRON = 2, 4  # gmsh's numbers of the element types


def main(surface_file: str, mesh_file: str, msh_file: str, scale: str) -> None:
    import gmsh

    with np.load(surface_file) as surface:
        gmsh.initialize(["gmsh", "-nopopup"])
        gmsh.option.setNumber("General.Terminal", 0)
        # HXT, then Netgen's swaps: on a bifurcation 0.002 % of the elements were poor (scaled Jacobian
        # under 0.1); HXT alone left 0.05 %, gmsh's Delaunay alone 0.8 %, Delaunay and Netgen 0.007 %.
        gmsh.option.setNumber("Mesh.Algorithm3D", 10)
        gmsh.option.setNumber("General.NumThreads", 1)  # so that the same surface gives the same mesh
        gmsh.option.setNumber("Mesh.MshFileVersion", 2.2)
        _add_surface(gmsh, surface)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        points, tetrahedra = _filled(gmsh)
        if "layer_points" in surface:
            points, tetrahedra = _with_layers(gmsh, surface, points, tetrahedra)
        np.savez(mesh_file, points=points, tetrahedra=tetrahedra)
        gmsh.option.setNumber("Mesh.ScalingFactor", float(scale))
        gmsh.write(msh_file)
        gmsh.finalize()


def _add_surface(gmsh, surface) -> None:
    """Every patch of every region as a discrete surface, every region as a volume, patches as groups."""
    points, faces = surface["points"], surface["faces"]
    regions, patches = surface["face_region"], surface["patch"]
    of_patch: dict[int, list[int]] = {}
    volumes, used = [], np.zeros(len(points), bool)
    for region in np.unique(regions):
        tags = []
        for patch in np.unique(patches[regions == region]):
            own = faces[(regions == region) & (patches == patch)]
            tag = gmsh.model.addDiscreteEntity(2)
            nodes = np.unique(own)
            nodes = nodes[~used[nodes]]
            used[nodes] = True
            gmsh.model.mesh.addNodes(2, tag, (nodes + 1).tolist(), points[nodes].ravel().tolist())
            gmsh.model.mesh.addElementsByType(tag, _TRIANGLE, [], (own + 1).ravel().tolist())
            of_patch.setdefault(int(patch), []).append(tag)
            tags.append(tag)
        volumes.append(gmsh.model.geo.addVolume([gmsh.model.geo.addSurfaceLoop(tags)]))
    gmsh.model.geo.synchronize()
    for patch, tags in of_patch.items():
        gmsh.model.addPhysicalGroup(2, tags, patch + 1, str(surface["names"][patch]))
    gmsh.model.addPhysicalGroup(3, volumes, len(surface["names"]) + 1, "lumen")


def _filled(gmsh) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) and tetrahedra (K, 4) of the model."""
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    _, nodes = gmsh.model.mesh.getElementsByType(_TETRAHEDRON)
    row = np.zeros(int(tags.max()) + 1, np.int64)
    row[tags] = np.arange(len(tags))
    return coordinates.reshape(-1, 3), row[nodes].reshape(-1, 4)


def _with_layers(gmsh, surface, points, tetrahedra) -> tuple[np.ndarray, np.ndarray]:
    """Points and tetrahedra of the core and its layers, which are gmsh's model from now on."""
    inner, extra = np.split(surface["layer_points"], [len(surface["points"])])
    away, row = cKDTree(points).query(inner)
    if away.max() > 1e-9:
        raise ValueError("the surface inside the layers was changed")
    row = np.concatenate([row, len(points) + np.arange(len(extra))])
    points = np.concatenate([points, extra])
    tetrahedra = np.concatenate([tetrahedra, row[surface["layer_tetrahedra"]]])
    faces, patch = row[surface["outer_faces"]], surface["outer_patch"]
    gmsh.model.add("layered")
    gmsh.model.addDiscreteEntity(3, 1)
    gmsh.model.mesh.addNodes(3, 1, np.arange(1, len(points) + 1), points.ravel())
    gmsh.model.mesh.addElementsByType(1, _TETRAHEDRON, [], (tetrahedra + 1).ravel())
    names = surface["names"]
    for number, name in enumerate(names):
        tag = gmsh.model.addDiscreteEntity(2)
        gmsh.model.mesh.addElementsByType(tag, _TRIANGLE, [], (faces[patch == number] + 1).ravel())
        gmsh.model.addPhysicalGroup(2, [tag], number + 1, str(name))
    gmsh.model.addPhysicalGroup(3, [1], len(names) + 1, "lumen")
    return points, tetrahedra


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # the parent makes a sentence of the last line
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        sys.exit(1)
