"""What the bundle survives: docs/results/robustness.md."""
