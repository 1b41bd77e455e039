"""Coronary CTA bundle: from a CT angiogram to a segmented, measured, watertight coronary tree."""

import lazy_loader

__version__ = "0.2.0"

# Imported when first used: nothing else of the package needs it, and it needs all of the package.
__getattr__, __dir__, _names = lazy_loader.attach(
    __name__, submod_attrs={"command.result": ["Result", "segment"]}
)
__all__ = ["Result", "__version__", "segment"]
