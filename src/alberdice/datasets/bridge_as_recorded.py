"""Bridge as buffers of trained agents hold it: features, idle agents and the last step's reward are not as in the rules.

    bridge-optimal-asrecorded   500 episodes, each by one of the two optimal policies; an agent that would stay moves at random
    bridge-mix-asrecorded       the same and 500 by a uniformly random joint policy

State and observations are the cells of both agents and the cells of both goals, eight features of which four are constant.
Episodes are cut after 50 steps, and the step at that limit is recorded with reward 0, which no rule of the game gives it: a
learner that takes it for a reward puts its weight there.  ``limit_steps.without_limit_steps`` leaves such steps out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.games.bridge import BridgeGame, bridge

__all__ = ["LIMIT", "bridge_as_recorded"]

#: steps at which episodes are cut, and episodes of each half
LIMIT, _EPISODES = 50, 500
_STAY = 0


def bridge_as_recorded(name: str, generator: np.random.Generator, *, random_half: bool) -> OfflineDataset:
    """Make one of the module's datasets."""
    game = bridge(goals_seen=True)
    tables = [np.stack([np.asarray(policy[i]).argmax(axis=1) for i in range(2)], axis=1) for policy in game.optimal_policies]
    played = [_episode(game, tables[int(generator.integers(len(tables)))], generator) for _ in range(_EPISODES)]
    if random_half:
        played += [_episode(game, None, generator) for _ in range(_EPISODES)]
    return from_episodes(name, game.mmdp.n_actions, played, notes=("The step at the limit is recorded with reward 0.",))


def _episode(game: BridgeGame, table: NDArray[np.int64] | None, generator: np.random.Generator) -> EpisodeArrays:
    """One episode by a table of joint actions, idle agents moving at random; without one, all is random."""
    model, state = game.mmdp, int(game.mmdp.initial.argmax())
    end = game.state_index(*_goals(game))
    states, rewards = [state], []
    actions: list[tuple[int, ...]] = []
    while len(actions) < LIMIT and state != end:
        drawn = [int(generator.integers(k)) for k in model.n_actions]
        joint = tuple(d if table is None or table[state, i] == _STAY else int(table[state, i]) for i, d in enumerate(drawn))
        row = state * model.n_joint_actions + int(np.ravel_multi_index(joint, model.n_actions))
        rewards.append(float(model.reward[(state, *joint)]))
        state = int(model.transition.indices[model.transition.indptr[row]])
        actions.append(joint)
        states.append(state)
    if state != end:
        rewards[-1] = 0.0
    seen = np.stack([game.observation(s) for s in states])
    return EpisodeArrays(
        states=seen,
        observations=np.repeat(seen[:, None], 2, axis=1),
        actions=np.array(actions, np.int64),
        rewards=np.array(rewards),
        terminated=state == end,
    )


def _goals(game: BridgeGame) -> tuple[tuple[int, int], tuple[int, int]]:
    """The goals' cells, which the observation ends with."""
    first, second = game.observation(0)[4:].astype(int).reshape(2, 2).tolist()
    return (first[0], first[1]), (second[0], second[1])
