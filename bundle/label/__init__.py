"""The bundle in MONAI Label. Runs in MONAI Label's own environment, constraints-label.txt."""
