"""Crops at native resolution without end: a patient drawn once, a scan of it drawn anew for every crop."""

from .batch import stack_plans
from .patient import Patient, draw_patient
from .plan import CropPlan, draw_plan, make_plan
from .render import CLASSES, Crops, render
from .stream import CropStream

__all__ = [
    "CLASSES",
    "CropPlan",
    "CropStream",
    "Crops",
    "Patient",
    "draw_patient",
    "draw_plan",
    "make_plan",
    "render",
    "stack_plans",
]
