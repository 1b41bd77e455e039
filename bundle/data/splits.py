"""A split drawn where a data set has none: by case, the same for the same seed on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from bundle.common.errors import InputError

__all__ = ["draw_split"]


def draw_split(
    cases: Iterable[str], val_fraction: float, test_fraction: float, seed: int, strata: Mapping[str, str] = {}
) -> dict[str, str]:
    """Give each case a part: "train", "validation" or "test".

    The order is that of a hash of seed and name, so it depends on neither the disk nor the other cases: a
    case that is added later moves few others. Each part with a fraction above 0 gets one case at least.
    ``strata`` (case to group) are spread over the parts in proportion.

    Raises:
        InputError: a fraction outside [0, 1], a sum above 1, or too few cases.
    """
    if min(val_fraction, test_fraction) < 0 or val_fraction + test_fraction > 1:
        raise InputError(
            f"val_fraction {val_fraction} and test_fraction {test_fraction} must be 0 or more and at most 1 "
            "together"
        )
    order = _spread(cases, seed, strata)
    total = len(order)
    n_test, n_val = _count(test_fraction, total), _count(val_fraction, total)
    wants_training = val_fraction + test_fraction < 1
    if not wants_training:
        n_val = total - n_test
    if n_test + n_val + wants_training > total or (val_fraction > 0 and n_val == 0):
        raise InputError(
            f"{total} cases are too few for training, validation ({val_fraction:g}) and test "
            f"({test_fraction:g}): add cases, or set val_fraction or test_fraction to 0"
        )
    parts = ["test"] * n_test + ["validation"] * n_val + ["train"] * (total - n_test - n_val)
    return dict(zip(order, parts))


def _count(fraction: float, total: int) -> int:
    """At least one; rounded down, so that 0.4 and 0.4 of 4 cases leave some for training."""
    return max(1, int(fraction * total + 1e-9)) if fraction > 0 else 0


def _spread(cases: Iterable[str], seed: int, strata: Mapping[str, str]) -> list[str]:
    """The cases in hashed order, with the strata interleaved in proportion to their sizes."""
    groups: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        groups[strata.get(case, "")].append(case)
    ranked = []
    for group, members in groups.items():
        members.sort(key=lambda case: hashlib.sha256(f"{seed}/{case}".encode()).hexdigest())
        ranked += [((i + 0.5) / len(members), group, case) for i, case in enumerate(members)]
    return [case for _, _, case in sorted(ranked)]
