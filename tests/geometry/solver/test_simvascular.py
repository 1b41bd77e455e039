import numpy as np
import pytest
import pyvista as pv

from bundle.geometry.core.mesh import triangles
from bundle.geometry.solver.simvascular import write_mesh_complete
from bundle.geometry.solver.tetrahedra import VolumeMesh, _boundary

NAMES = ["wall", "inlet_LM", "outlet_LAD"]


@pytest.fixture
def cube():
    """A cube of 4 mm in tetrahedra: its lower side is the inlet, its upper one the outlet."""
    grid = pv.ImageData(dimensions=(5, 5, 5)).to_tetrahedra()
    skin = grid.extract_surface(algorithm=None).triangulate()
    points, faces = np.asarray(skin.points, float), triangles(skin)
    height = points[faces][:, :, 2]
    patch = np.where((height == 0).all(axis=1), 1, np.where((height == 4).all(axis=1), 2, 0))
    inner, corners = np.asarray(grid.points, float), grid.cells_dict[pv.CellType.TETRA]
    grid.clear_data()
    grid.point_data["GlobalNodeID"] = np.arange(1, grid.n_points + 1, dtype=np.int32)
    grid.cell_data["GlobalElementID"] = np.arange(1, grid.n_cells + 1, dtype=np.int32)
    return VolumeMesh(grid, _boundary(inner, corners, points, faces, patch), NAMES, b"", {})


@pytest.mark.parametrize(("unit", "size"), [("mm", 1.0), ("m", 1e-3)])
def test_the_faces_together_are_the_boundary_of_the_tetrahedra(cube, tmp_path, unit, size):
    files = write_mesh_complete(cube, tmp_path, unit)
    assert sorted(files) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
    grid = pv.read(tmp_path / "mesh-complete.mesh.vtu")
    assert abs(grid.volume) == pytest.approx(64 * size**3)
    exterior = pv.read(tmp_path / "mesh-complete.exterior.vtp")
    assert list(exterior.field_data["face_names"]) == NAMES and exterior.area == pytest.approx(96 * size**2)
    for label, name in enumerate(NAMES):
        face = pv.read(tmp_path / "mesh-surfaces" / f"{name}.vtp")
        assert face.area == pytest.approx((64 if name == "wall" else 16) * size**2)
        assert set(face.cell_data["ModelFaceID"]) == {label}
        np.testing.assert_allclose(grid.points[face.point_data["GlobalNodeID"] - 1], face.points, atol=1e-9)
        element = grid.cells_dict[pv.CellType.TETRA][face.cell_data["GlobalElementID"] - 1]
        nodes = face.point_data["GlobalNodeID"][triangles(face)] - 1
        assert (nodes[:, :, None] == element[:, None]).any(axis=2).all()
    assert pv.read(tmp_path / "walls_combined.vtp").area == pytest.approx(64 * size**2)
