"""What is made of each predicted case: its geometry, its metrics."""

from .geometry_export import GeometryExport
from .metrics_table import SCAN_METRICS, MetricsTable, summarise

__all__ = ["SCAN_METRICS", "GeometryExport", "MetricsTable", "summarise"]
