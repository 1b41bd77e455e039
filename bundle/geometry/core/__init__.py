"""What all of the geometry works on: the vessels' mask, triangle meshes, the centreline tree."""

from .mesh import (
    areas_mm2,
    check_mesh,
    keep_faces,
    make_mesh,
    part_of_vertices,
    signed_volumes_mm3,
    triangles,
    vertex_normals,
    volume_mm3,
)
from .sampling import sample_volume
from .tree import Branch, Centerline, Segment, Tree, make_branch
from .vessels import Vessels, find_vessels, threshold_of

__all__ = [
    "Branch",
    "Centerline",
    "Segment",
    "Tree",
    "Vessels",
    "areas_mm2",
    "check_mesh",
    "find_vessels",
    "keep_faces",
    "make_branch",
    "make_mesh",
    "part_of_vertices",
    "sample_volume",
    "signed_volumes_mm3",
    "threshold_of",
    "triangles",
    "vertex_normals",
    "volume_mm3",
]
