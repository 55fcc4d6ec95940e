"""A game of the zoo: an exact model, what agents see, which actions are available, and how its data were played.

    data    each episode draws a convention (a deterministic joint policy) and a noise level eps; at every step each agent alone
            plays, with probability eps, an available action at random instead

The optimum is that of joint dynamic programming for the model's discount: a deterministic joint policy, which agents can carry
out apart as each of them sees the state; its return is the plain sum over the horizon, as all returns are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return
from alberdice.games.game import Game
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["Outcome", "ZooGame", "best_joint_policy", "from_rules", "numbered_actions"]

#: probability, next state, reward
Outcome = tuple[float, int, float]
#: value iteration stops when no value changes by more than this share of the rewards' range
_SETTLED = 1e-13


@dataclass(frozen=True)
class ZooGame(Game):
    """A game and its data's recipe; ``Game`` has the rest.

    Attributes:
        kind: which family it is of.
        features: ``(S, F)``, what every agent sees and what the state is in data.
        open_actions: ``(S, N, A)`` booleans, or None: every action is available everywhere.
        conventions: ``(K, S, N)``, the joint policies behind the data.
        shares: ``(K,)``, how often each is played.
        noises: an episode's noise is one of these.
        episodes: of the data.
        limit: steps at which an episode of the data is cut.
        last_step_pays_nothing: whether the step at that limit is recorded with reward 0, whatever the rules say.
        finished: ``(S,)`` booleans: states in which nothing is left to do.
    """

    kind: str = ""
    features: FloatArray = field(default_factory=lambda: np.ones((1, 1)))
    open_actions: NDArray[np.bool_] | None = None
    conventions: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1, 1), np.int64))
    shares: tuple[float, ...] = (0.5, 0.5)
    noises: tuple[float, ...] = (0.0, 0.1, 0.5)
    episodes: int = 300
    limit: int = 20
    last_step_pays_nothing: bool = False
    finished: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, np.bool_))

    def observation(self, index: int) -> FloatArray:
        """The state's features, which every agent sees."""
        row: FloatArray = self.features[_checks.whole_number(index, "state", high=self.mmdp.n_states - 1)]
        return row

    @property
    def available(self) -> NDArray[np.bool_] | None:
        """As ``open_actions``."""
        return self.open_actions

    @cached_property
    def optimal_policy(self) -> FactorizedPolicy:
        """Optimal for the model's discount among all joint policies; deterministic."""
        return FactorizedPolicy.deterministic(best_joint_policy(self.mmdp, self.open_actions), self.mmdp.n_actions)

    @cached_property
    def optimum(self) -> float:
        """The plain return of ``optimal_policy`` over the horizon."""
        return undiscounted_return(self.mmdp, self.optimal_policy, self.horizon)

    @cached_property
    def uniform(self) -> float:
        """The plain return of agents that each play an available action at random."""
        n, most = self.mmdp.n_agents, max(self.mmdp.n_actions)
        there = np.arange(most) < np.asarray(self.mmdp.n_actions)[:, None]
        available = np.broadcast_to(there, (self.mmdp.n_states, n, most)) if self.open_actions is None else self.open_actions
        tables = [available[:, i, :k] / available[:, i].sum(1, keepdims=True) for i, k in enumerate(self.mmdp.n_actions)]
        return undiscounted_return(self.mmdp, FactorizedPolicy(tables), self.horizon)

    def scaled(self, factor: float, name: str) -> ZooGame:
        """The same game with rewards times ``factor`` > 0."""
        size = _checks.real_number(factor, "factor", low=0.0, open_ends=True)
        return self._with_rewards(self.mmdp.reward * size, name)

    def shifted(self, by: float, name: str) -> ZooGame:
        """The same game with ``by`` added to every reward.

        Raises:
            InvalidArgumentError: a game that ends: there a shift changes what is best.
        """
        if self.finished.any():
            raise InvalidArgumentError("by", got=by, expected="a game in which no episode terminates")
        return self._with_rewards(self.mmdp.reward + _checks.real_number(by, "by"), name)

    def _with_rewards(self, rewards: FloatArray, name: str) -> ZooGame:
        model = MMDP(self.mmdp.transition, rewards, self.mmdp.initial, self.mmdp.discount)
        return replace(self, mmdp=model, name=name)

    def seen_as(self, features: FloatArray, name: str) -> ZooGame:
        """The same game with other features ``(S, F)``."""
        _checks.check_shape(features, (self.mmdp.n_states, features.shape[-1]), "features", InvalidArgumentError)
        return replace(self, features=features, name=name)


def best_joint_policy(
    model: MMDP, available: NDArray[np.bool_] | None = None, reward: FloatArray | None = None
) -> NDArray[np.int64]:
    """Actions ``(S, N)`` of an optimal deterministic joint policy, by value iteration over joint actions.

    Args:
        model: the MMDP.
        available: ``(S, N, A)``; joint actions with an unavailable one are left out.
        reward: another reward ``(S, A_1, ..., A_N)`` than the model's.

    Ties go to the first joint action in order, where 'equal' allows for the rounding of the values.
    """
    gained = (model.reward if reward is None else reward).reshape(model.n_states, -1)
    closed = np.zeros(gained.shape, np.bool_)
    if available is not None:
        joint = np.stack(np.unravel_index(np.arange(model.n_joint_actions), model.n_actions), axis=1)
        for i in range(model.n_agents):
            closed |= ~available[:, i][:, joint[:, i]]
    scale = max(float(np.ptp(gained)), 1e-300)
    values = np.zeros(model.n_states)
    while True:
        gains = np.where(closed, -np.inf, gained + model.discount * (model.transition @ values).reshape(gained.shape))
        best = gains.max(axis=1)
        if np.abs(best - values).max() <= _SETTLED * scale / (1 - model.discount):
            break
        values = best
    chosen = (gains >= best[:, None] - 1e-9 * scale / (1 - model.discount)).argmax(axis=1)
    return np.stack(np.unravel_index(chosen, model.n_actions), axis=1).astype(np.int64)


def from_rules(
    n_states: int,
    n_actions: Sequence[int],
    rules: Callable[[int, tuple[int, ...]], Iterable[Outcome]],
    initial: FloatArray,
    finished: NDArray[np.bool_],
    discount: float = 0.99,
) -> MMDP:
    """The MMDP of ``rules(state, joint action)``; finished states repeat with reward 0."""
    rows, columns, chances = [], [], []
    reward = np.zeros((n_states, *n_actions))
    joint = list(itertools.product(*(range(k) for k in n_actions)))
    for state in range(n_states):
        for place, actions in enumerate(joint):
            outcomes = [(1.0, state, 0.0)] if finished[state] else list(rules(state, actions))
            for chance, after, pay in outcomes:
                rows.append(state * len(joint) + place)
                columns.append(after)
                chances.append(chance)
                reward[(state, *actions)] += chance * pay
    matrix = sp.coo_array((chances, (rows, columns)), shape=(n_states * len(joint), n_states))
    return MMDP(sp.csr_array(matrix), reward, initial, discount)


def numbered_actions(n_actions: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """Actions named by their numbers."""
    return tuple(tuple(str(a) for a in range(k)) for k in n_actions)
