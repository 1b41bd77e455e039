"""Inference of one cohort on the workers of a Ray cluster: cases handed out, retried and gathered."""

from .run import ClusterRun

__all__ = ["ClusterRun"]
