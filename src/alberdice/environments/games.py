"""Any game, B episodes at a time by array operations: of equal seeds and actions, the episodes of ``Game.parallel_env``.

    s_0 ~ p_0,    s_{t+1} ~ P(. | s_t, a_t),    every agent sees the state; the reward r(s_t, a_t) is all agents', so that their
    mean is the team's

An episode terminates on entering a state where nothing is left to gain or lose (``games.terminal``), and is truncated after
``horizon`` steps.  The draws of an episode, one for the start and one a step, come from ``numpy.random.default_rng(seed)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step, team_weights
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return
from alberdice.games.game import Game
from alberdice.games.terminal import terminal_states
from alberdice.policy import FactorizedPolicy

__all__ = ["GameEnvironment"]


class GameEnvironment(BatchedEnvironment):
    """A game behind the contract.

    Args:
        game: its exact model is sampled.
        max_steps: steps after which an episode is truncated; None: the game's horizon.
        team_reward: 'mean', 'sum' or an agent's name; all agents receive the same reward, so that only 'sum' differs, N-fold.

    Attributes:
        game: the game.
        states: (B,) int64, the slots' present states.

    Raises:
        InvalidArgumentError: a limit below 1, a rule that is none; later, actions that are not the game's.
    """

    def __init__(self, game: Game, *, max_steps: int | None = None, team_reward: str = "mean") -> None:
        agents = tuple(f"agent_{i + 1}" for i in range(game.mmdp.n_agents))
        weights, divisor = team_weights(team_reward, agents)
        self._limit = game.horizon if max_steps is None else _checks.whole_number(max_steps, "max_steps", low=1)
        self.game = game
        self._seen = np.stack([game.observation(s) for s in range(game.mmdp.n_states)]).astype(np.float32)
        size = self._seen.shape[1]
        self.spec = EnvironmentSpec(
            name=game.name,
            agents=agents,
            n_actions=game.mmdp.n_actions,
            observation_size=size,
            state_size=size,
            horizon=self._limit,
            team_reward=team_reward,
            vectorised=True,
        )
        self._factor = float(weights.sum() / divisor)
        self._terminal = terminal_states(game.mmdp)
        everywhere = np.arange(max(game.mmdp.n_actions)) < np.array(game.mmdp.n_actions)[:, None]
        shape = (game.mmdp.n_states, *everywhere.shape)
        self._masks = np.broadcast_to(everywhere, shape) if game.available is None else game.available
        self._allot(0)

    def _allot(self, slots: int) -> None:
        self.states = np.zeros(slots, np.int64)
        self._steps = np.zeros(slots, np.int64)
        self._draws = np.zeros((slots, self._limit + 1))
        self._terminated, self._truncated = np.ones(slots, np.bool_), np.zeros(slots, np.bool_)

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """See the contract."""
        if slots is None:
            self._allot(len(seeds))
            slots = np.arange(len(seeds))
        for slot, seed in zip(slots, seeds, strict=True):
            self._draws[slot] = np.random.default_rng(int(seed)).random(self._limit + 1)
        starts = np.cumsum(self.game.mmdp.initial)
        self.states[slots] = np.searchsorted(starts, self._draws[slots, 0] * starts[-1], side="right")
        self._steps[slots], self._terminated[slots], self._truncated[slots] = 0, False, False
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """See the contract."""
        model, going = self.game.mmdp, np.flatnonzero(~(self._terminated | self._truncated))
        chosen = np.asarray(actions)[going]
        if chosen.shape != (len(going), model.n_agents) or (chosen < 0).any() or (chosen >= model.n_actions).any():
            got = f"{np.asarray(actions).tolist()}"[:80]
            raise InvalidArgumentError("actions", got=got, expected=f"(B, N) whole numbers below {model.n_actions}")
        rows = self.states[going] * model.n_joint_actions + np.ravel_multi_index(tuple(chosen.T), model.n_actions)
        rewards = np.zeros(len(self.states))
        rewards[going] = model.reward.reshape(-1)[rows] * self._factor
        self._steps[going] += 1
        self.states[going] = self._drawn(rows, self._draws[going, self._steps[going]])
        self._terminated[going] = self._terminal[self.states[going]]
        self._truncated[going] = self._steps[going] >= self._limit
        return Step(self._frame(), rewards, self._terminated.copy(), self._truncated.copy(), {})

    def _drawn(self, rows: NDArray[np.int64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Draw the next states: the first outcome whose cumulative chance exceeds the uniform number's share of their sum."""
        pointers, places = self.game.mmdp.transition.indptr, self.game.mmdp.transition.indices
        first, count = pointers[rows], pointers[rows + 1] - pointers[rows]
        column = np.arange(int(count.max(initial=1)))
        inside = column < count[:, None]
        place = np.where(inside, first[:, None] + column, 0)
        upto = np.cumsum(np.where(inside, self.game.mmdp.transition.data[place], 0.0), axis=1)
        found = (uniform[:, None] * upto[:, -1:] >= upto).sum(axis=1)
        return np.asarray(places[first + np.minimum(found, count - 1)].astype(np.int64))

    def _frame(self) -> Frame:
        seen, going = self._seen[self.states], ~(self._terminated | self._truncated)
        shape = (len(seen), self.spec.n_agents)
        observations = np.broadcast_to(seen[:, None], (*shape, seen.shape[1]))
        return Frame(observations, self._masks[self.states], seen, np.broadcast_to(going[:, None], shape))

    def exact_return(self, policy: FactorizedPolicy) -> float:
        """The expected return of an episode, by propagating p_0."""
        return self._factor * undiscounted_return(self.game.mmdp, policy, self._limit)

    def close(self) -> None:
        """Nothing is held."""
