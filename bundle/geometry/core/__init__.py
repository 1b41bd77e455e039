"""What all of the geometry works on: vessels and their attenuation, triangle meshes, centreline trees."""

from .enhancement import Enhancement, EnhancementRule, enhancement_of, weigh_evidence
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
from .tree import Branch, Centerline, Segment, Tree, make_branch
from .vessels import Vessels, find_vessels, sample_volume

__all__ = [
    "Branch",  # a vessel with a name
    "Centerline",  # what segments and branches have in common: points, radius, where it is disturbed
    "Enhancement",  # what a scan shows of its arteries and veins
    "EnhancementRule",  # the numbers for that
    "Segment",  # between two bifurcations
    "Tree",  # segments, branches, warnings
    "Vessels",  # the box around the lumen, with its probability
    "areas_mm2",  # of every triangle
    "check_mesh",  # closed? its volume, area, parts
    "enhancement_of",  # arteries and veins compared by their attenuation
    "find_vessels",  # from a scan's mask to Vessels
    "keep_faces",  # some of a mesh's triangles
    "make_branch",  # from segments that follow each other
    "make_mesh",  # from arrays
    "part_of_vertices",  # connected parts of a mesh
    "sample_volume",  # a volume's values at points in mm
    "signed_volumes_mm3",  # of the parts of a mesh
    "triangles",  # of a mesh, as an array
    "vertex_normals",  # weighted by area
    "volume_mm3",  # of a closed mesh
    "weigh_evidence",  # two probabilities, one against the other
]
