"""What is importable of PyPI's SMAC3, by name."""
