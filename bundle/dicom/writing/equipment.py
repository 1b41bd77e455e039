"""What made the objects, when, and what they are for."""

from __future__ import annotations

from typing import Any

import bundle

from .case import FinishedCase

__all__ = ["ALGORITHM", "RESEARCH_USE", "about"]

ALGORITHM = "Coronary CTA bundle"
RESEARCH_USE = "For research use only"
_SERIES = {"segmentation": 9001, "measurements": 9002, "surface": 9003}


def about(case: FinishedCase, role: str) -> dict[str, Any]:
    """Series, instance, equipment and times of one of the objects, under highdicom's names.

    Args:
        role: "segmentation", "measurements" or "surface"; each is a series of its own.
    """
    return {
        "series_instance_uid": case.uid(f"{role} series"),
        "series_number": _SERIES[role],
        "series_description": f"Coronary arteries, {role} ({RESEARCH_USE.lower()})",
        "series_date": case.made.date(),
        "series_time": case.made.time(),
        "sop_instance_uid": case.uid(role),
        "instance_number": 1,
        "content_qualification": "RESEARCH",
        "content_date": case.made.date(),
        "content_time": case.made.time(),
        "manufacturer": f"{ALGORITHM} developers",
        "manufacturer_model_name": ALGORITHM,
        "software_versions": bundle.__version__,
        "device_serial_number": bundle.__version__,  # must not be empty; software has its version
    }
