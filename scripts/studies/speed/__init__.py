"""Where time and memory go: docs/results/speed.md."""
