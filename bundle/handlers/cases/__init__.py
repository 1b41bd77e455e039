"""What is made of each predicted case: its geometry, its metrics."""

from .geometry_export import GeometryExport
from .metrics_table import MetricsTable, summarise

__all__ = ["GeometryExport", "MetricsTable", "summarise"]
