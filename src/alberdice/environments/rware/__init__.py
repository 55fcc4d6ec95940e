"""Robotic warehouses (RWARE): the rules as array operations, the map, the views, the experts."""

from alberdice.environments.rware.layout import SIZES, Layout
from alberdice.environments.rware.warehouse import EPISODE_LIMIT, Warehouses

__all__ = ["EPISODE_LIMIT", "SIZES", "Layout", "Warehouses"]
