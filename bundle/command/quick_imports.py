"""MONAI without the packages that neither inference nor evaluation uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["UNUSED", "monai_alone"]

UNUSED = (
    "matplotlib",
    "scipy.optimize",
    "scipy.signal",
    "torch.distributed.optim",
)
"""What MONAI and Ignite import for notebooks, cells, ultrasound and sharded optimisers."""


@contextmanager
def monai_alone() -> Iterator[None]:
    """Inside, MONAI is imported as if the packages of `UNUSED` were not installed.

    MONAI goes on without them, and raises its `OptionalImportError` where a class of its own needs one.
    Ignite takes a class from torch.distributed.optim, against which it holds optimisers that it saves; here
    no object is of that class. Afterwards any import finds the packages. Where MONAI has been imported
    already nothing changes.
    """
    hidden: dict[str, ModuleType | None] = {}
    if "monai" not in sys.modules:
        # Of a name with None here Python says that it cannot be found.
        hidden = {name: None for name in UNUSED if name not in sys.modules}
        if "torch.distributed.optim" in hidden:
            hidden["torch.distributed.optim"] = _without_objects("torch.distributed.optim")
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name, module in hidden.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _without_objects(name: str) -> ModuleType:
    """A module that has a class of any name."""

    def class_of(own: str) -> type:
        if own.startswith("__"):
            raise AttributeError(own)
        return type(own, (), {})

    module = ModuleType(name)
    module.__getattr__ = class_of
    return module
