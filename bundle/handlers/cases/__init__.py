"""What is made of each predicted case: its geometry, its metrics."""

from .geometry import GeometryExport
from .metrics_table import SCAN_METRICS, CaseMetrics, summarise

__all__ = ["SCAN_METRICS", "CaseMetrics", "GeometryExport", "summarise"]
