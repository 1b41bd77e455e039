"""The command `coronary`, on top of the same configs as `python -m monai.bundle run`."""

import lazy_loader

# Imported when first used: the list of commands waits neither for torch nor for VTK.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "app": ["main"],
        "overrides": ["Set", "read_overrides"],
        "phantoms": ["Processes", "make_phantoms"],
        "plain": ["PLAIN", "with_examples"],
        "reconstruct": ["reconstruct_masks"],
        "register": ["register_scans"],
    },
)
