"""Behaviour cloning (BC): each agent imitates its own part of the data.

    pi_i = argmax E_{d^D} log pi_i(a_i|s)   =>   pi_i(a_i|s) = d^D(s, a_i) / d^D(s)

The product of the marginals plays joint actions that the data never show: on {AB, BA} it plays AA and BB half of the time.
"""

from __future__ import annotations

from alberdice.data import DataDistribution
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy


def behaviour_cloning(model: MMDP, data: DataDistribution) -> FactorizedPolicy:
    """The marginals of the observed data, ``pi_i^D``; uniform at states without data."""
    data.check_fits(model)
    return data.observed_part().behaviour_policy()
