"""Inference of one cohort on the workers of a Ray cluster: cases handed out, retried and gathered."""

from .progress import Gathered
from .run import ClusterRun
from .storage import StoredRecords, list_scans

__all__ = ["ClusterRun", "Gathered", "StoredRecords", "list_scans"]
