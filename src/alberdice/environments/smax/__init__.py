"""SMAX fights, StarCraft-like battles in JAX: maps, the compiled step behind the contract, scripted fighters.

SMAX is not SMAC: no shields, no terrain, limits and speeds of its own.  Nothing here loads JAX before a fight begins.
"""

from alberdice.environments.smax.fights import EPISODE_LIMIT, Fights, fights
from alberdice.environments.smax.maps import MAPS, UNITS, BattleMap, Unit

__all__ = ["EPISODE_LIMIT", "MAPS", "UNITS", "BattleMap", "Fights", "Unit", "fights"]
