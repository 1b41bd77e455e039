"""Coronary CTA bundle: from a CT angiogram to a segmented, measured, watertight coronary tree."""

__version__ = "0.2.0"
