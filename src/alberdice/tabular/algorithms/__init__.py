"""The paper's six algorithms as population versions: what each gives with infinite data, exact features and exact optimisation.

Each takes an MMDP and its data and returns a FactorizedPolicy; each works for any number of agents, unequal action sets and
any number of states. ``ALGORITHMS`` maps the paper's names to them, in the paper's order.
"""

from collections.abc import Callable

from alberdice.data import DataDistribution
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.algorithms.alberdice import alberdice
from alberdice.tabular.algorithms.behaviour_cloning import behaviour_cloning
from alberdice.tabular.algorithms.icq import icq
from alberdice.tabular.algorithms.madtkd import madtkd
from alberdice.tabular.algorithms.omar import omar
from alberdice.tabular.algorithms.optidice import optidice

ALGORITHMS: dict[str, Callable[[MMDP, DataDistribution], FactorizedPolicy]] = {
    "BC": behaviour_cloning,
    "ICQ": icq,
    "OMAR": omar,
    "MADTKD": madtkd,
    "OptiDICE": optidice,
    "AlberDICE": alberdice,
}

__all__ = ["ALGORITHMS", "alberdice", "behaviour_cloning", "icq", "madtkd", "omar", "optidice"]
