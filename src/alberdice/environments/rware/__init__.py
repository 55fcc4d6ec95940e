"""Robotic warehouses (RWARE): the rules as array operations, the map, the views, and scripted experts."""

from alberdice.environments.rware.experts import Experts
from alberdice.environments.rware.layout import SIZES, Layout
from alberdice.environments.rware.roads import CONVENTIONS
from alberdice.environments.rware.warehouse import EPISODE_LIMIT, TEAMS, Warehouses, warehouse

__all__ = ["CONVENTIONS", "EPISODE_LIMIT", "SIZES", "TEAMS", "Experts", "Layout", "Warehouses", "warehouse"]
