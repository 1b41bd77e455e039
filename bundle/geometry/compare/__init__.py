"""Two scans of one person: their trees laid on each other, their calibres compared place by place."""

from .register import Pair, Registration, register_trees

__all__ = [
    "Pair",  # a stretch that both scans show
    "Registration",  # the rigid matrix, the bend, the pairs
    "register_trees",  # from two lists of branches
]
