"""From the mask, or a probability, to a closed surface and to point clouds."""

from .cloud import PointCloud, surface_cloud, voxel_cloud
from .extract import WALLS, largest_part, level_set, vessel_surface
from .remesh import decimate, mean_edge_mm, preview_surface, remeshed, to_edge_length
from .smoothing import METHODS, smooth_surface

__all__ = [
    "METHODS",  # of smoothing
    "WALLS",  # what the wall is taken from
    "PointCloud",  # points, normals, values
    "decimate",  # fewer triangles, the same volume
    "largest_part",  # of a mesh, by volume
    "level_set",  # a field that is 0 at the wall
    "mean_edge_mm",
    "preview_surface",  # a small mesh to look at
    "remeshed",  # both of these, as they are asked for
    "smooth_surface",  # and what it does to the volume
    "surface_cloud",  # points on the wall
    "to_edge_length",  # edges of so many mm
    "vessel_surface",  # from Vessels to their wall
    "voxel_cloud",  # the lumen's voxels
]
