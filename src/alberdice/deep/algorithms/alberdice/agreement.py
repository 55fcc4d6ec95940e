"""What the two clones of the data say of each other before the first round, where pi = pi^D.

    ratio_i = E_data rho_i,   rho_i = prod_{j != i} pi_j^D(a_j|.) / pi^D(a_-i|s, a_i)          (11)
    price_i = E_data k_i,     k_i(s, a_i) = KL(prod_{j != i} pi_j^D(.|.) || pi^D(.|s, a_i))

E over a_-i of rho_i is the mass of the product inside the data: 1 where it stays there, less where agents that play apart leave
the data, which is what the method is for, and never more.  More than 1 says that the conditional does not know what the
policies know; then weights and prices are wrong before anything is learned.  k_i is 0 where agents are independent given what
they see.
"""

from __future__ import annotations

import math

import torch

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.batches.training_data import at

__all__ = ["agreement", "agreement_words"]

#: what a ratio may exceed 1 by, beside three standard errors
_TOLERATED = 0.05
#: nats of price above which agents are said to depend on each other
_DEPENDENT = 0.05


@torch.no_grad()
def agreement(behaviour: Behaviour, size: int, floor: float, clip: float) -> dict[str, float]:
    """The mean ratio of the agent that is farthest above 1, its standard error, and the largest mean price, in nats.

    Args:
        behaviour: with filled caches.
        size: steps to look at, about; all distinct ones where the form has them.
        floor: of pi^D(a_-i|s, a_i).
        clip: the largest ratio.

    Draws from a generator of its own.  The standard error counts an episode as one observation.
    """
    data, form, n = behaviour.data, behaviour.form, behaviour.data.n_agents
    generator = torch.Generator(data.here.device).manual_seed(0)
    drawn = form.draw(size, generator)
    rows = form.rows(drawn, data.starts[:0])
    frames, actions = rows.frames[: rows.n_here], data.actions.index_select(0, drawn.steps)
    log_own = behaviour.log_own.index_select(1, form.own_places(drawn, rows))
    chosen = at(log_own, rows.here.expand(n, -1), actions.T)
    log_data = behaviour.log_data.index_select(1, drawn.steps).clamp(min=math.log(floor))
    prices = behaviour.prices(
        frames, data.available.index_select(0, frames).transpose(0, 1), log_own, log_own, floor, generator
    )
    weight, worst = drawn.shares.double(), {"ratio": -math.inf, "ratio_error": 0.0, "price": 0.0}
    weight = weight / sums.total(weight)
    for i in range(n):
        ratio = losses.importance_log_ratio(chosen.sum(0) - chosen[i], log_data[i], clip).double().exp()
        mean = float(sums.total(weight * ratio))
        error = float(sums.total(weight * (ratio - mean).square()).sqrt()) / math.sqrt(len(data.lengths))
        price = at(prices.price(i, log_own)[None], rows.here[None], actions.T[i : i + 1])[0].double()
        if mean > worst["ratio"]:
            worst |= {"ratio": mean, "ratio_error": error}
        worst["price"] = max(worst["price"], float(sums.total(weight * price)))
        prices.changed(i, log_own[i])
    return worst


def agreement_words(report: dict[str, float]) -> tuple[str, bool]:
    """A line for people, and whether it is a warning."""
    ratio, error, price = report["ratio"], report["ratio_error"], report["price"]
    line = f"at pi = pi^D the mean ratio is {ratio:.3f} +- {error:.3f} and the others' price {price:.3f} nats"
    if ratio > 1 + _TOLERATED + 3 * error:
        remedy = "raise pretrain_updates, or leave others_see as it is"
        return f"{line}: the data's policies of the others do not know what the agents' own do ({remedy})", True
    if price > _DEPENDENT:
        return f"{line}: the data's agents depend on each other", False
    return line, False
