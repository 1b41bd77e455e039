"""Inference of one cohort on the workers of a Ray cluster: cases handed out, retried and gathered."""

from .run import ClusterRun
from .storage import StoredRecords, list_scans

__all__ = ["ClusterRun", "StoredRecords", "list_scans"]
