"""Between which bounds the numbers of a config lie: what is beyond fails late, or works and means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundle.common.errors import InputError

__all__ = ["check_limits"]

_LEAST = {"max_epochs": 1, "batch_size": 1, "val_interval": 1, "log_interval": 1, "shown_interval": 1,
          "num_workers": 0, "shown_cases": 0, "early_stop_patience": 0, "max_minutes": 0,
          "min_component_mm3": 0, "opening_radius_mm": 0}  # fmt: skip
_SHARES = ("threshold_upper", "threshold_lower", "threshold_confident", "dropout", "cache_rate")
_PRECISIONS = ("float16", "bfloat16", "float32")


def check_limits(config: Mapping[str, Any]) -> None:
    """Check the numbers of a config, all files laid over each other; what is no number yet is left out.

    Raises:
        InputError: a number beyond its bounds, a window or a pair of thresholds upside down.
    """
    for key, least in _LEAST.items():
        value = config.get(key)
        if _is_number(value) and not value >= least:
            raise InputError(f"{key} is {value}; it must be {least} or more.")
    for key in _SHARES:
        value = config.get(key)
        if _is_number(value) and not 0 <= value <= 1:
            raise InputError(f"{key} is {value}; it is a share and lies between 0 and 1.")
    rate = config.get("learning_rate")
    if _is_number(rate) and not rate > 0:
        raise InputError(f"learning_rate is {rate}; it must be more than 0, such as 0.0001.")
    lower, upper = config.get("threshold_lower"), config.get("threshold_upper")
    if _is_number(lower) and _is_number(upper) and lower > upper:
        raise InputError(f"threshold_lower is {lower}, above the threshold_upper of {upper}; lower it.")
    window = config.get("hu_range")
    known = isinstance(window, (list, tuple)) and all(map(_is_number, window))
    if known and (len(window) != 2 or not window[0] < window[1]):
        raise InputError(
            f"hu_range is {list(window)}; it must be the lower and the upper HU, such as [-500, 1000]."
        )
    precision = config.get("amp_dtype")
    if precision is not None and precision not in _PRECISIONS:
        raise InputError(f"amp_dtype is {precision!r}; there are {', '.join(_PRECISIONS)}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
