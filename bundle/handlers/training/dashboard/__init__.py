"""What TensorBoard shows of a training run: one handler, made of parts that are one a file."""

import lazy_loader

# Imported when first used: shown_cases brings VTK with it, which a run without pictures does not need.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "curves": ["read_curves"],
        "dashboard": ["TrainingDashboard"],
        "overlays": ["overlay_pictures"],
        "precision_recall": ["PrecisionRecall"],
        "shown_cases": ["Case", "scene"],
        "step_figures": ["GradientNorm"],
        "writer": ["RunWriter"],
    },
)
