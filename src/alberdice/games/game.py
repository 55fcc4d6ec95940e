"""What every game is: an exact MMDP, names for states and actions, named data, and an environment derived from the MMDP.

rules of a game ──► Game.mmdp (exact model) ──► Game.parallel_env() (PettingZoo, samples the same model)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DEFAULT_FLOOR, DataDistribution
from alberdice.errors import InvalidArgumentError, InvalidModelError
from alberdice.mmdp import MMDP

if TYPE_CHECKING:
    from alberdice.games.environment import MMDPEnvironment

__all__ = ["Game"]


@dataclass(frozen=True)
class Game:
    """An MMDP with names.

    Attributes:
        name: short name, as on the command line.
        mmdp: the exact model.
        action_names: per agent, the names of its actions.
        state_names: one name per state.
        data_builders: per data name, a function of the floor that gives the DataDistribution.
        horizon: steps that one episode lasts at most when returns are reported without discount; 1 for one-shot games.
    """

    name: str
    mmdp: MMDP
    action_names: tuple[tuple[str, ...], ...]
    state_names: tuple[str, ...]
    data_builders: Mapping[str, Callable[[float], DataDistribution]] = field(default_factory=dict)
    horizon: int = 1

    def __post_init__(self) -> None:
        sizes = tuple(len(names) for names in self.action_names)
        if sizes != self.mmdp.n_actions:
            raise InvalidModelError("action_names", got=f"{sizes} names", expected=f"{self.mmdp.n_actions}, one per action")
        if len(self.state_names) != self.mmdp.n_states:
            raise InvalidModelError("state_names", got=len(self.state_names), expected=f"{self.mmdp.n_states} names")

    def data(self, name: str, floor: float = DEFAULT_FLOOR) -> DataDistribution:
        """The named data of this game, floored by ``floor``.

        Raises:
            InvalidArgumentError: no data of that name.
        """
        if name not in self.data_builders:
            known = f"one of {', '.join(self.data_builders)}" if self.data_builders else "counts: no named data here"
            raise InvalidArgumentError("data", got=repr(name), expected=known)
        return self.data_builders[name](floor)

    def state_index(self, name: str, /) -> int:
        """The index of the state called ``name``."""
        if name not in self.state_names:
            raise InvalidArgumentError("state", got=repr(name), expected="the name of a state of this game")
        return self.state_names.index(name)

    def describe_state(self, index: int) -> str:
        """The name of state ``index``."""
        return self.state_names[_checks.whole_number(index, "state", high=self.mmdp.n_states - 1)]

    def observation(self, index: int) -> FloatArray:
        """Return what every agent sees at state ``index``, as long a vector at every state: here its one-hot code."""
        seen = np.zeros(self.mmdp.n_states)
        seen[_checks.whole_number(index, "state", high=self.mmdp.n_states - 1)] = 1.0
        return seen

    @property
    def available(self) -> NDArray[np.bool_] | None:
        """Which actions are open where, ``(S, N, A)``; None: all of them everywhere, as here."""
        return None

    def describe_joint_action(self, actions: tuple[int, ...]) -> str:
        """The actions' names: joined as they are when all are one letter ('AB'), as '(Left, Right)' otherwise."""
        names = [self.action_names[i][a] for i, a in enumerate(actions)]
        return "".join(names) if all(len(n) == 1 for n in names) else f"({', '.join(names)})"

    def parallel_env(self, **options: Any) -> MMDPEnvironment:
        """A PettingZoo ParallelEnv that samples this very model; options as in ``MMDPEnvironment``."""
        from alberdice.games.environment import MMDPEnvironment  # PettingZoo is an extra

        own: dict[str, Any] = {
            "max_steps": self.horizon,
            "observation": self.observation,
            "describe": self.describe_state,
            "name": self.name,
            "available": self.available,
        }
        return MMDPEnvironment(self.mmdp, **{**own, **options})
