"""The part of `volume_mesh` that runs gmsh, in a process of its own: gmsh may crash or hang on a bad surface.

    python -m bundle.geometry.solver.gmsh_worker SURFACE.npz MESH.npz MESH.msh SCALE

SURFACE.npz holds `points` (N, 3), `faces` (M, 3), `face_region` (M,), which closed part a face belongs to,
`patch` (M,) and `names`, the name of each patch. MESH.npz gets `points` and `tetrahedra` (K, 4). SCALE: of
the coordinates in MESH.msh alone.
"""

from __future__ import annotations

import sys

import numpy as np

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
        _save(gmsh, mesh_file)
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


def _save(gmsh, mesh_file: str) -> None:
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    _, nodes = gmsh.model.mesh.getElementsByType(_TETRAHEDRON)
    row = np.zeros(int(tags.max()) + 1, np.int64)
    row[tags] = np.arange(len(tags))
    np.savez(mesh_file, points=coordinates.reshape(-1, 3), tetrahedra=row[nodes].reshape(-1, 4))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # the parent makes a sentence of the last line
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        sys.exit(1)
