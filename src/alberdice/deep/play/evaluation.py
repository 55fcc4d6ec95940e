"""Returns of policies: sampled episodes, and the exact expectation where the model is known.

    a game's MMDP       all episodes side by side, a few array operations per step; of policies without a memory also exactly,
                        by propagating p_0
    a PettingZoo env    one episode after another through the Parallel API, masks from ``infos[agent]["action_mask"]``

A return is the plain sum of the team's rewards over an episode of at most the game's horizon; the statistics are over episodes.
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from alberdice import games
from alberdice._checks import FloatArray
from alberdice.datasets import RECIPES
from alberdice.datasets.builtin import is_builtin
from alberdice.datasets.zoo import ZOO_PREFIX
from alberdice.deep.policies import Policies, mask_of_agents
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return
from alberdice.games.game import Game
from alberdice.games.zoo import zoo_game
from alberdice.policy import FactorizedPolicy

__all__ = [
    "Evaluation",
    "Player",
    "Rollouts",
    "evaluate",
    "find_environment",
    "play_game",
    "player_of",
    "policy_of_game",
    "rollouts",
]

_GAMES: dict[str, Callable[[], Game]] = {
    "bridge": games.bridge,
    "bridge-original": lambda: games.bridge(hard=False),
    "penalty-xor": games.penalty_xor,
    "xor": games.xor,
    "climbing": games.climbing_game,
    "stag-hunt": games.stag_hunt,
}
_OF_DATASET = {"bridge": "bridge", "matrix": "penalty-xor"}

Environment = Game | Callable[[], Any]


@dataclass(frozen=True)
class Evaluation:
    """Returns of one set of episodes.

    Attributes:
        return_mean, return_stderr: over the sampled episodes.
        episodes: how many.
        return_exact: the expectation itself, NaN where there is no model.
    """

    return_mean: float
    return_stderr: float
    episodes: int
    return_exact: float


def find_environment(name: str, dataset: str) -> Environment | None:
    """A game, a maker of PettingZoo environments ('module:function'), or None.

    Raises:
        InvalidArgumentError: no such game, module or function.
    """
    if name == "none":
        return None
    if name == "auto":
        if not is_builtin(dataset):
            return None
        return (
            _GAMES[_OF_DATASET[dataset.split("-")[0]]]() if dataset in RECIPES else zoo_game(dataset.removeprefix(ZOO_PREFIX))
        )
    if ":" in name:
        module, _, function = name.partition(":")
        try:
            maker: Callable[[], Any] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            expected = "an importable module and its function"
            raise InvalidArgumentError(f"environment {name!r}", got=str(error), expected=expected) from None
        return maker
    if name not in _GAMES:
        known = ["auto", "none", *_GAMES]
        near = difflib.get_close_matches(name, known, 1, cutoff=0.0)[0]
        expected = f"one of {', '.join(known)}, or module:function"
        raise InvalidArgumentError("environment", got=repr(name), expected=expected, remedy=f"nearest match: {near}")
    return _GAMES[name]()


def evaluate(
    policies: Policies, environment: Environment, episodes: int, generator: torch.Generator, play: str = "sample"
) -> Evaluation:
    """Play so many episodes, with actions drawn from the policies or, if ``play`` is 'greedy', the most probable ones."""
    exact = math.nan
    if not isinstance(environment, Game):
        returns = _played(policies, environment(), episodes, generator, play)
    else:
        returns = play_game(policies, environment, episodes, generator, play).returns
        if not policies.has_memory:
            exact = undiscounted_return(environment.mmdp, policy_of_game(policies, environment, play), environment.horizon)
    error = float(returns.std(ddof=1) / math.sqrt(episodes)) if episodes > 1 else math.nan
    return Evaluation(float(returns.mean()), error, episodes, exact)


def play_game(policies: Policies, game: Game, episodes: int, generator: torch.Generator, play: str = "sample") -> Rollouts:
    """Sampled episodes of a game, played with a memory by policies that have one."""
    if policies.has_memory:
        return rollouts(game, _Remembering(policies, game, episodes, play), episodes, generator)
    return rollouts(game, _Tables(policy_of_game(policies, game, play)), episodes, generator)


def policy_of_game(policies: Policies, game: Game, play: str = "sample") -> FactorizedPolicy:
    """The policies as tables over the game's states; of policies with a memory, as they are when an episode begins there.

    Raises:
        InvalidArgumentError: a game with other agents, actions or observations.
    """
    seen, n_actions = _observations(policies, game), policies.n_actions
    tables = _distributions(policies.actor(len(seen)).log_probabilities(seen, _open(game, seen)), play).cpu().numpy()
    parts = [tables[:, i, :k] for i, k in enumerate(n_actions)]
    return FactorizedPolicy([part / part.sum(axis=1, keepdims=True) for part in parts])


def _open(game: Game, seen: Tensor) -> Tensor | None:
    """Which actions are open at every state, ``(S, N, A)``, where the game says."""
    return None if game.available is None else torch.from_numpy(game.available.copy()).to(seen.device)


def _observations(policies: Policies, game: Game) -> Tensor:
    """What the agents see at every state of a game, ``(S, N, O)``; refuses a game that does not fit."""
    seen = torch.from_numpy(np.stack([game.observation(s) for s in range(game.mmdp.n_states)]))
    expected = (policies.n_actions, policies.features.mean.shape[-1])
    got = (game.mmdp.n_actions, seen.shape[-1])
    if got != expected:
        got_text = f"{game.name} with actions {got[0]} and {got[1]} features"
        raise InvalidArgumentError("environment", got=got_text, expected=f"actions {expected[0]} and {expected[1]} features")
    return seen[:, None].expand(-1, len(policies.n_actions), -1).to(policies.features.mean.device)


def _distributions(log_probabilities: Tensor, play: str) -> Tensor:
    """Probabilities of actions, ``(B, N, A)``, all on the most probable one if ``play`` is 'greedy'."""
    if play == "greedy":
        return one_hot(log_probabilities.argmax(-1), log_probabilities.shape[-1]).double()
    return log_probabilities.double().exp()


class Player(Protocol):
    """What ``rollouts`` asks for: distributions at states, taking note of what happens."""

    def distributions(self, states: NDArray[np.int64]) -> list[FloatArray]:
        """Per agent, ``(B, A_i)``, rows summing to about 1."""

    def observe(self, actions: NDArray[np.int64], rewards: FloatArray) -> None:
        """Joint actions ``(B, N)`` and rewards ``(B,)`` of this step."""


@dataclass(frozen=True)
class _Tables:
    """Plays a tabular policy."""

    policy: FactorizedPolicy

    def distributions(self, states: NDArray[np.int64]) -> list[FloatArray]:
        return [table[states] for table in self.policy]

    def observe(self, actions: NDArray[np.int64], rewards: FloatArray) -> None:
        pass


class _Remembering:
    """Plays policies with a memory."""

    def __init__(self, policies: Policies, game: Game, episodes: int, play: str) -> None:
        self.seen, self.n_actions, self.play = _observations(policies, game), policies.n_actions, play
        self.actor, self.open = policies.actor(episodes), _open(game, self.seen)

    def distributions(self, states: NDArray[np.int64]) -> list[FloatArray]:
        index = torch.from_numpy(states).to(self.seen.device)
        mask = None if self.open is None else self.open[index]
        tables = _distributions(self.actor.log_probabilities(self.seen[index], mask), self.play).cpu().numpy()
        return [tables[:, i, :k] for i, k in enumerate(self.n_actions)]

    def observe(self, actions: NDArray[np.int64], rewards: FloatArray) -> None:
        device = self.seen.device
        self.actor.observe(torch.from_numpy(actions).to(device), torch.from_numpy(rewards).float().to(device))


def player_of(policies: Policies, game: Game, episodes: int, play: str = "sample") -> Player:
    """What plays so many episodes of the game side by side, with its memory where it has one."""
    if policies.has_memory:
        return _Remembering(policies, game, episodes, play)
    return _Tables(policy_of_game(policies, game, play))


@dataclass(frozen=True)
class Rollouts:
    """Sampled episodes of a game, side by side.

    Attributes:
        states: ``(H, B)``.
        actions: ``(H, B, N)``.
        rewards: ``(H, B)``.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: FloatArray

    @property
    def returns(self) -> FloatArray:
        """Sums of rewards, ``(B,)``."""
        return np.asarray(self.rewards.sum(axis=0))


def rollouts(game: Game, player: Player, episodes: int, generator: torch.Generator) -> Rollouts:
    """Sampled episodes of ``game.horizon`` steps, all played side by side."""
    model = game.mmdp
    chain = np.cumsum(model.transition.data)
    rewards = model.reward.reshape(-1)

    def draw() -> FloatArray:
        return np.asarray(torch.rand(episodes, generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy())

    starts = np.cumsum(model.initial)
    state = np.searchsorted(starts, draw() * starts[-1], side="right")
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]] = []
    for _ in range(game.horizon):
        upto = [np.cumsum(table, axis=1) for table in player.distributions(state)]
        actions = np.stack([(draw()[:, None] * t[:, -1:] >= t).sum(axis=1) for t in upto], axis=1)
        row = state * model.n_joint_actions + np.ravel_multi_index(tuple(actions.T), model.n_actions)
        steps.append((state, actions, rewards[row]))
        player.observe(actions, rewards[row])
        first, last = model.transition.indptr[row], model.transition.indptr[row + 1]
        before = np.where(first > 0, chain[first - 1], 0.0)
        place = np.searchsorted(chain, before + draw() * (chain[last - 1] - before), side="right")
        state = model.transition.indices[np.clip(place, first, last - 1)].astype(np.int64)
    return Rollouts(*(np.stack(parts) for parts in zip(*steps, strict=True)))


def _played(policies: Policies, environment: Any, episodes: int, generator: torch.Generator, play: str) -> FloatArray:
    """Returns of episodes of a PettingZoo parallel environment."""
    returns = np.zeros(episodes)
    device = policies.features.mean.device
    for episode in range(episodes):
        seed = int(torch.randint(1 << 31, (), generator=generator, device=generator.device))
        seen, infos = environment.reset(seed=seed)
        actor = policies.actor(1)
        while environment.agents:
            agents = environment.possible_agents
            observations = torch.from_numpy(np.stack([seen[a] for a in agents]).astype(np.float64))[None].to(device)
            table = actor.log_probabilities(observations, _masks(policies, [infos.get(a) for a in agents]))
            probabilities = _distributions(table, play)[0].to(generator.device)
            actions = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            seen, reward, _, _, infos = environment.step(dict(zip(agents, actions.tolist(), strict=True)))
            gained = float(np.mean([reward[agent] for agent in agents]))
            actor.observe(actions[None].to(device), torch.tensor([gained], device=device))
            returns[episode] += gained
    return returns


def _masks(policies: Policies, infos: list[Any]) -> Tensor:
    """The available actions as the environment tells, ``(1, N, A)``."""
    device = policies.features.mean.device
    available = mask_of_agents(policies.n_actions, max(policies.n_actions), device)[None].clone()
    for i, info in enumerate(infos):
        mask = (info or {}).get("action_mask")
        if mask is not None:
            available[0, i, : policies.n_actions[i]] = torch.from_numpy(np.asarray(mask) > 0).to(device)
    return available
