"""A run, or several beside each other, as one HTML file that opens without a network: what ``alberdice-deep report`` writes."""

from alberdice.experiments.report.write import write_report

__all__ = ["write_report"]
