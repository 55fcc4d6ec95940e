"""AlberDICE: alternating best responses under the common objective (2), alpha annealed (sections 3 and 4 of the paper).

    start: the data's marginals;  d^D floored by 1e-10 and renormalised;  agents in order;  alpha geometric, 5 to 0.001.

On Penalty XOR: AB, BA, AB, AB on the data (a) to (d). The frequencies decide in (b) and (d), the agents' order in (c).
"""

from __future__ import annotations

from collections.abc import Sequence

from alberdice._checks import FloatArray
from alberdice.data import DEFAULT_FLOOR, DataDistribution
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.alternating import alternate, annealing_schedule

#: the paper's annealing on matrix games and Bridge: first alpha, last alpha; and the number of rounds used here
ANNEALING = (5.0, 0.001, 100)


def alberdice(
    model: MMDP, data: DataDistribution, alphas: float | Sequence[float] | FloatArray | None = None
) -> FactorizedPolicy:
    """The last policy of ``alternate``; ``alphas`` None is the paper's annealing, else as there.

    Raises:
        SolverError: a best response could not be certified.
    """
    floored = data if (data.probabilities > 0).all() else data.floored(DEFAULT_FLOOR)
    schedule = annealing_schedule(*ANNEALING) if alphas is None else alphas
    return alternate(model, floored, schedule, escape=True).policy
