"""Any PettingZoo ``ParallelEnv`` behind the contract: one instance per slot, agents by name, every surprise one line.

observation   see ``features``; narrower agents are padded with zeros
masks         from the observation's or the info's 'action_mask'; where there is none, all own actions are available
leaving       an agent that is terminated, truncated or no longer listed is asked for no action and counts reward 0
ends          the episode is over when no agent is left: truncated if a time limit took one of the last, terminated if each of
              the last was terminated or dropped without a flag
reward        the team's, of the N agents' rewards r_i: 'mean' (1/N) sum_i r_i, 'sum' sum_i r_i, or that of one agent by name
metrics       every number in the last infos, averaged over the agents that report it
state         ``state()`` where there is one, as a vector; none where it is an image and images are not flattened
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.parallel import Slot, Team, asked, known_horizon, made, team_of
from alberdice.errors import InvalidArgumentError

__all__ = ["ENDLESS", "PettingZooEnvironment"]

#: steps after which an episode of no known limit is taken to be endless
ENDLESS = 10_000


class PettingZooEnvironment(BatchedEnvironment):
    """See the module.

    Args:
        maker: makes one environment; called once at once, and again as more slots are asked for.
        name: what to call it; empty: the name in its metadata.
        agents: its agents in the order wanted, or a mapping from the names wanted to its own; None: as it lists them.
        team_reward: 'mean', 'sum' or one of the names wanted.
        flatten: take images as features.
        max_steps: steps after which episodes are truncated; None: as the environment does.

    Raises:
        InvalidArgumentError: whatever is not as the Parallel API or the contract has it, here or later.
    """

    def __init__(
        self,
        maker: Callable[[], Any],
        *,
        name: str = "",
        agents: Sequence[str] | Mapping[str, str] | None = None,
        team_reward: str = "mean",
        flatten: bool = False,
        max_steps: int | None = None,
    ) -> None:
        self._maker, self._closed = maker, False
        self._max_steps = None if max_steps is None else _checks.whole_number(max_steps, "max_steps", low=1)
        first, where = made(maker, name)
        self._instances: list[Any] = [first]
        try:
            self._team: Team = team_of(first, where, agents, team_reward, flatten)
            probe = Slot(first, self._team, self._max_steps, ENDLESS)
            probe.begin(0)
        except BaseException:
            self.close()
            raise
        horizon = known_horizon(first)
        if self._max_steps is not None:
            horizon = min(self._max_steps, horizon or self._max_steps)
        self.spec = EnvironmentSpec(
            name=self._team.name,
            agents=self._team.names,
            n_actions=tuple(a.count for a in self._team.actions),
            observation_size=self._team.width,
            state_size=len(probe.state),
            horizon=horizon,
            team_reward=team_reward,
            observation_sizes=tuple(f.size for f in self._team.features),
        )
        self._slots = [probe]

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """See the contract."""
        if slots is None:
            slots = np.arange(len(seeds))
            self._provide(len(seeds))
        for slot, seed in zip(slots, seeds, strict=True):
            self._slots[slot].begin(int(seed))
        return self._frame()

    def _provide(self, slots: int) -> None:
        """So many slots, each with an instance that is used again if there was one."""
        while len(self._instances) < slots:
            self._instances.append(made(self._maker, self._team.name)[0])
        self._slots = [Slot(each, self._team, self._max_steps, ENDLESS) for each in self._instances[:slots]]

    def step(self, actions: NDArray[np.int64]) -> Step:
        """See the contract."""
        expected = (len(self._slots), len(self._team.names))
        if np.shape(actions) != expected:
            raise InvalidArgumentError("actions", got=f"shape {np.shape(actions)}", expected=f"shape {expected}")
        rewards = np.zeros(len(self._slots))
        reported: dict[int, dict[str, float]] = {}
        for b, slot in enumerate(self._slots):
            if not slot.ended:
                rewards[b] = slot.advance(actions[b])
                if slot.ended and slot.metrics:
                    reported[b] = slot.metrics
        names = dict.fromkeys(name for found in reported.values() for name in found)
        metrics = {name: np.full(len(self._slots), np.nan) for name in names}
        for b, found in reported.items():
            for name, value in found.items():
                metrics[name][b] = value
        terminated, truncated = (np.array([getattr(s, kind) for s in self._slots]) for kind in ("terminated", "truncated"))
        return Step(self._frame(), rewards, terminated, truncated, metrics)

    def _frame(self) -> Frame:
        parts = ("observations", "masks", "state", "alive")
        return Frame(*(np.stack([getattr(slot, part) for slot in self._slots]) for part in parts))

    def close(self) -> None:
        """Close every instance, all of them even if one fails; the first failure is told."""
        instances, self._instances, self._slots = self._instances, [], []
        failed: InvalidArgumentError | None = None
        for each in instances:
            try:
                asked(each, "close", f"environment {type(each).__name__!r}, close")
            except InvalidArgumentError as error:
                failed = failed or error
        if failed is not None:
            raise failed
