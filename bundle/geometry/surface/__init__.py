"""From the mask, or a probability, to a closed surface and to point clouds."""

from .cloud import PointCloud, distance_to_center_mm, surface_cloud, voxel_cloud
from .extract import WALLS, largest_part, level_set, vessel_surface
from .preview import preview_surface
from .remesh import decimate, to_edge_length
from .smoothing import METHODS, smooth_surface

__all__ = [
    "METHODS",
    "WALLS",
    "PointCloud",
    "decimate",
    "distance_to_center_mm",
    "largest_part",
    "level_set",
    "preview_surface",
    "smooth_surface",
    "surface_cloud",
    "to_edge_length",
    "vessel_surface",
    "voxel_cloud",
]
