"""The paper's tables and comparisons: computed exactly (``table6``), and by training (``compare``, ``reproduce``)."""

from alberdice.experiments.table6 import Table6Entry, table6

__all__ = ["Table6Entry", "table6"]
