"""Returns of policies: sampled episodes, and the exact expectation where the model is known.

    a game's MMDP       all episodes side by side, one array operation per step; and exactly, by propagating p_0
    a PettingZoo env    one episode after another through the Parallel API, masks from ``infos[agent]["action_mask"]``

A return is the plain sum of the team's rewards over an episode of at most the game's horizon; the statistics are over episodes.
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alberdice import games
from alberdice._checks import FloatArray
from alberdice.datasets import RECIPES
from alberdice.deep.learner import Policies
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return
from alberdice.games.game import Game
from alberdice.policy import FactorizedPolicy

__all__ = ["Evaluation", "evaluate", "find_environment", "policy_of_game", "sampled_returns"]

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
        return _GAMES[_OF_DATASET[dataset.split("-")[0]]]() if dataset in RECIPES else None
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


def evaluate(policies: Policies, environment: Environment, episodes: int, generator: torch.Generator) -> Evaluation:
    """Play so many episodes with actions drawn from the policies."""
    if isinstance(environment, Game):
        policy = policy_of_game(policies, environment)
        returns = sampled_returns(environment, policy, episodes, generator)
        exact = undiscounted_return(environment.mmdp, policy, environment.horizon)
    else:
        returns, exact = _played(policies, environment(), episodes, generator), math.nan
    error = float(returns.std(ddof=1) / math.sqrt(episodes)) if episodes > 1 else math.nan
    return Evaluation(float(returns.mean()), error, episodes, exact)


def policy_of_game(policies: Policies, game: Game) -> FactorizedPolicy:
    """The networks' policies as tables over the game's states.

    Raises:
        InvalidArgumentError: a game with other agents, actions or observations.
    """
    states = range(game.mmdp.n_states)
    seen = torch.from_numpy(np.stack([game.observation(s) for s in states]))
    expected = (policies.n_actions, policies.features.mean.shape[-1])
    got = (game.mmdp.n_actions, seen.shape[-1])
    if got != expected:
        got_text = f"{game.name} with actions {got[0]} and {got[1]} features"
        raise InvalidArgumentError("environment", got=got_text, expected=f"actions {expected[0]} and {expected[1]} features")
    observations = seen[:, None].expand(-1, len(policies.n_actions), -1).to(policies.parameters.device)
    tables = policies.log_probabilities(observations).double().exp().cpu().numpy()
    parts = [tables[:, i, :k] for i, k in enumerate(policies.n_actions)]
    return FactorizedPolicy([part / part.sum(axis=1, keepdims=True) for part in parts])


def sampled_returns(game: Game, policy: FactorizedPolicy, episodes: int, generator: torch.Generator) -> FloatArray:
    """Sums of rewards of sampled episodes of ``game.horizon`` steps, ``(episodes,)``, all played side by side."""
    model = game.mmdp
    upto = [np.cumsum(table, axis=1) for table in policy]
    chain = np.cumsum(model.transition.data)
    rewards = model.reward.reshape(-1)

    def draw(count: int) -> FloatArray:
        return np.asarray(torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy())

    starts = np.cumsum(model.initial)
    state = np.searchsorted(starts, draw(episodes) * starts[-1], side="right")
    totals = np.zeros(episodes)
    for _ in range(game.horizon):
        actions = [(draw(episodes)[:, None] * t[state, -1:] >= t[state]).sum(axis=1) for t in upto]
        row = state * model.n_joint_actions + np.ravel_multi_index(tuple(actions), model.n_actions)
        totals += rewards[row]
        first, last = model.transition.indptr[row], model.transition.indptr[row + 1]
        before = np.where(first > 0, chain[first - 1], 0.0)
        place = np.searchsorted(chain, before + draw(episodes) * (chain[last - 1] - before), side="right")
        state = model.transition.indices[np.clip(place, first, last - 1)]
    return totals


def _played(policies: Policies, environment: Any, episodes: int, generator: torch.Generator) -> FloatArray:
    """Returns of episodes of a PettingZoo parallel environment."""
    returns = np.zeros(episodes)
    for episode in range(episodes):
        seed = int(torch.randint(1 << 31, (), generator=generator, device=generator.device))
        seen, infos = environment.reset(seed=seed)
        while environment.agents:
            agents = environment.possible_agents
            actions = _drawn(policies, [seen[agent] for agent in agents], [infos.get(agent) for agent in agents], generator)
            seen, reward, _, _, infos = environment.step(dict(zip(agents, actions, strict=True)))
            returns[episode] += float(np.mean([reward[agent] for agent in agents]))
    return returns


def _drawn(policies: Policies, seen: list[Any], infos: list[Any], generator: torch.Generator) -> list[int]:
    """One action per agent, drawn from the policies under the masks."""
    device = policies.parameters.device
    observations = torch.from_numpy(np.stack(seen).astype(np.float64))[None].to(device)
    available = torch.zeros(1, len(seen), policies.network.outputs, dtype=torch.bool, device=device)
    for i, info in enumerate(infos):
        mask = (info or {}).get("action_mask", np.ones(policies.n_actions[i]))
        available[0, i, : policies.n_actions[i]] = torch.from_numpy(np.asarray(mask) > 0).to(device)
    table = policies.log_probabilities(observations, available)[0].exp().to(generator.device)
    return [int(a) for a in torch.multinomial(table, 1, generator=generator)[:, 0]]
