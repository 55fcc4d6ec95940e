"""The StarCraft multi-agent challenge where it is installed: a game per process, behind the contract."""

from alberdice.environments.smac.adapter import SMAC_MAPS, SMACBattles, smac

__all__ = ["SMAC_MAPS", "SMACBattles", "smac"]
