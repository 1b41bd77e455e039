"""What TensorBoard shows of a training run: one handler, made of parts that are one a file."""

from .curves import read_curves
from .dashboard import TrainingDashboard
from .overlays import overlay_pictures

__all__ = ["TrainingDashboard", "overlay_pictures", "read_curves"]
