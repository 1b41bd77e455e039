"""What TensorBoard shows of a training run."""

from .curves import TrainingLog, read_curves
from .gradient_norm import GradientNorm
from .listed_output import ListedOutput
from .loss_parts import TrainingLossParts, ValidationLoss
from .notes import RunNotes
from .overlays import overlay_pictures
from .precision_recall import PrecisionRecall, PrecisionRecallCurve
from .progress import TrainingProgress
from .shown_cases import Case, ShownCases, scene
from .speed import SpeedLog
from .writer import RunWriter

__all__ = [
    "Case",
    "GradientNorm",
    "ListedOutput",
    "PrecisionRecall",
    "PrecisionRecallCurve",
    "RunNotes",
    "RunWriter",
    "ShownCases",
    "SpeedLog",
    "TrainingLog",
    "TrainingLossParts",
    "TrainingProgress",
    "ValidationLoss",
    "overlay_pictures",
    "read_curves",
    "scene",
]
