"""A whole population as tensors: every sample (s, a, s') of an MMDP and its data, with one-hot states; for linear heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from strategies import Problem
from torch import Tensor

import alberdice as ad
from alberdice import tabular
from alberdice.deep.networks.mlp import StackedMLP


def tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(np.array(array), dtype=torch.float64)


@dataclass
class Population:
    """Samples x = (s, a_i, a_-i, s') of one agent's turn, ``(K,)`` each; ``mass`` is d^D(s, a) P(s'|s, a)."""

    state: Tensor
    action: Tensor
    after: Tensor
    reward: Tensor
    mass: Tensor
    log_others: Tensor
    log_data: Tensor
    one_hot: Tensor
    initial: Tensor

    def weights(self, log_ratio: Tensor) -> Tensor:
        """Log weights of the samples in (31): log(d^D P rho)."""
        return self.mass.log() + log_ratio


def population(problem: Problem) -> Population:
    model, data, policy, agent = problem.model, problem.data, problem.policy, problem.agent
    transition = model.dense_transition()
    joint = data.probabilities[..., None] * transition
    others = np.broadcast_to(policy.others(agent), model.reward.shape)
    kept = np.argwhere((joint > 0) & (others[..., None] > 0))
    state, after, actions = kept[:, 0], kept[:, -1], kept[:, 1:-1]
    pairs = (state, *actions.T)
    with np.errstate(divide="ignore"):
        log_given = np.log(tabular.data_conditional(data, agent))
    return Population(
        state=torch.tensor(state),
        action=torch.tensor(actions[:, agent]),
        after=torch.tensor(after),
        reward=tensor(model.reward[pairs]),
        mass=tensor(joint[(*pairs, after)]),
        log_others=tensor(np.log(others[pairs])),
        log_data=tensor(log_given[pairs]),
        one_hot=torch.eye(model.n_states, dtype=torch.float64),
        initial=tensor(model.initial),
    )


def table_head(n_states: int, outputs: int) -> StackedMLP:
    """A linear network without bias: on one-hot states, a table."""
    return StackedMLP(n_states, (), outputs, last_bias=False)


def minimise(loss: Callable[[Tensor], Tensor], start: Tensor, steps: int = 400) -> Tensor:
    """The minimiser of a smooth function, by L-BFGS."""
    x = start.clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [x], max_iter=steps, tolerance_grad=1e-13, tolerance_change=1e-16, history_size=50, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        value = loss(x)
        value.backward()
        return value

    solver.step(closure)
    return x.detach()


def matrix_problem(payoff: object, counts: object, tables: list[np.ndarray], agent: int, alpha: float) -> Problem:
    """One turn in a matrix game."""
    model = ad.games.matrix_game(payoff).mmdp
    data = ad.DataDistribution.from_counts(np.asarray(counts, dtype=float)[None])
    return Problem(model, data, ad.FactorizedPolicy(tables), agent, alpha, np.zeros(1))
