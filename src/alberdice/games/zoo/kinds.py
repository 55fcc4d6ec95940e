"""The kinds of games in the zoo: rules with sizes and seeds.  Every random table comes from the seed that is given.

relay      at each place the agents must agree on one of two joint actions; with masks and unequal action sets
corridor   two agents must pass each other in a corridor with one bay: Bridge, longer
lock       a code of joint actions, one of two; the reward comes at its end, an error ends the episode
meeting    two agents on a grid meet at one of two corners
stags      a chain of stag hunts
ladder     a chain of climbing games
harvest    gathering together, then banking together; the more is carried, the more is at risk
wilds      an unstructured random model (garnet), which never ends
grid       two agents with goals on one grid and a cost of meeting, with slips; never ends
plays      one matrix game, again and again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.games.game import Game
from alberdice.games.random_models import garnet, gridworld
from alberdice.games.zoo.zoo_game import Outcome, ZooGame, best_joint_policy, from_rules, numbered_actions
from alberdice.mmdp import MMDP

__all__ = ["corridor", "grid", "harvest", "ladder", "lock", "meeting", "plays", "relay", "stags", "wilds"]

_CLIMBING = ((11, -30, 0), (-30, 7, 6), (0, 0, 5))


def _zoo_game(name: str, kind: str, model: MMDP, conventions: Any, **more: Any) -> ZooGame:
    """With one-hot features and numbered states unless told otherwise."""
    more.setdefault("features", np.eye(model.n_states))
    more.setdefault("finished", np.zeros(model.n_states, np.bool_))
    more.setdefault("horizon", more.get("limit", 20))
    return ZooGame(
        name=name,
        kind=kind,
        mmdp=model,
        action_names=numbered_actions(model.n_actions),
        state_names=tuple(f"state {s}" for s in range(model.n_states)),
        conventions=np.asarray(conventions, np.int64),
        **more,
    )


def _first(n_states: int, *states: int) -> FloatArray:
    """Begin in one of these states, each as likely as any."""
    initial = np.zeros(n_states)
    initial[list(states)] = 1.0 / len(states)
    return initial


def _last(n_states: int) -> NDArray[np.bool_]:
    """The last state is finished."""
    return np.asarray(np.arange(n_states) == n_states - 1)


def relay(name: str, places: int, n_actions: Sequence[int], seed: int, *, masked: Sequence[int] = (), **more: Any) -> ZooGame:
    """One of two joint actions at each place moves on by 1 or 2 (-.1), others may fall back (-.5); 3 at the last one.

    At the places ``masked`` the last agent has its two agreed actions only.
    """
    draw = np.random.default_rng(seed)
    sizes = np.asarray(n_actions)
    first = np.stack([draw.integers(0, k, places) for k in n_actions], axis=1)
    agreed = np.stack([first, (first + 1) % sizes])

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        if (agreed[:, state] == actions).all(axis=1).any():
            near, far = min(state + 1, places - 1), min(state + 2, places - 1)
            return [(0.8, near, -0.1 + 3 * (near == places - 1)), (0.2, far, -0.1 + 3 * (far == places - 1))]
        return [(0.7, state, -0.5), (0.3, max(state - 1, 0), -0.5)]

    open_actions = np.broadcast_to(np.arange(sizes.max()) < sizes[:, None], (places, len(sizes), sizes.max())).copy()
    for place in masked:
        open_actions[place, -1] = np.isin(np.arange(sizes.max()), agreed[:, place, -1])
    model = from_rules(places, n_actions, rules, _first(places, 0, 1), _last(places))
    more = {"open_actions": open_actions if len(masked) else None, "noises": (0.0, 0.15, 0.6), "limit": 15, **more}
    return _zoo_game(name, "relay", model, agreed, finished=_last(places), **more)


def corridor(name: str, length: int, **more: Any) -> ZooGame:
    """Agents 1 and 2 begin at the two ends and want to the other one; beside the middle cell there is a bay for one.

    Actions: stay, left, right, into or out of the bay. Two who want one cell, or each other's, stay; who has arrived is in
    nobody's way. Every step costs .1 for each agent that has not. Convention i: agent i gives way.
    """
    cells, middle = length + 1, length // 2  # the last cell is the bay
    goals = (length - 1, 0)

    def aim(cell: int, action: int) -> int:
        if cell == length:
            return middle if action == 3 else cell
        if action == 3:
            return length if cell == middle else cell
        return min(max(cell + (0, -1, 1)[action], 0), length - 1)

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        here = divmod(state, cells)
        there = [c if c == g else aim(c, a) for c, a, g in zip(here, actions, goals, strict=True)]
        done = [c == g for c, g in zip(here, goals, strict=True)]
        arriving = [c == g for c, g in zip(there, goals, strict=True)]
        clash = there[0] == there[1] or (there[0] == here[1] and there[1] == here[0])
        if clash and not (any(done) or any(arriving)):
            there = list(here)
        return [(1.0, there[0] * cells + there[1], -0.1 * (2 - sum(done)))]

    size = cells * cells
    finished = np.arange(size) == goals[0] * cells + goals[1]
    model = from_rules(size, (4, 4), rules, _first(size, length - 1), finished)
    bay_of = [(np.arange(4) == 3)[:, None], np.arange(4) == 3]
    conventions = [best_joint_policy(model, reward=model.reward - 0.05 * bay_of[1 - i]) for i in (0, 1)]
    places = np.stack(np.divmod(np.arange(size), cells), axis=1)
    line, bay = np.minimum(places, length - 1), places == length
    line = np.where(bay, middle, line)
    features = np.concatenate([line, bay], axis=1).astype(np.float64)
    more = {"limit": 3 * length + 6, "features": features, **more}
    return _zoo_game(name, "corridor", model, conventions, finished=finished, **more)


def lock(name: str, depth: int, actions: int, seed: int, *, slip: float = 0.0, **more: Any) -> ZooGame:
    """The first joint action opens one of two chains; then one joint action leads on at each depth, all others end the episode.

    With probability ``slip`` nothing happens. The end of the chains pays 1 and .8, everything else 0.
    """
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, actions, (2, depth, 2))
    codes[1, 0] = (codes[0, 0] + 1) % actions
    failed = 2 * (depth - 1) + 1

    def place(chain: int, step: int) -> int:
        return 0 if step == 0 else 1 + chain * (depth - 1) + step - 1

    def rules(state: int, taken: tuple[int, ...]) -> list[Outcome]:
        chain, step = (0, 0) if state == 0 else divmod(state - 1, depth - 1)
        options = [0, 1] if state == 0 else [chain]
        step = 0 if state == 0 else step + 1
        after, pay = failed, 0.0
        for k in options:
            if tuple(codes[k, step]) == taken:
                after, pay = (failed, (1.0, 0.8)[k]) if step == depth - 1 else (place(k, step + 1), 0.0)
        return [(1 - slip, after, pay / (1 - slip)), (slip, state, 0.0)] if slip and not pay else [(1.0, after, pay)]

    size = failed + 1
    conventions = np.zeros((2, size, 2), np.int64)
    for k in (0, 1):
        for step in range(depth):
            conventions[:, place(k, step)] = codes[k, step]
    conventions[0, 0], conventions[1, 0] = codes[0, 0], codes[1, 0]
    model = from_rules(size, (actions, actions), rules, _first(size, 0), _last(size))
    more = {"limit": 3 * depth, "noises": (0.0, 0.1, 0.4), **more}
    return _zoo_game(name, "lock", model, conventions, finished=_last(size), **more)


def meeting(name: str, height: int, width: int, *, slip: float = 0.0, **more: Any) -> ZooGame:
    """Two agents on a grid: 1 when both stand in one of two corners, -.02 a step, -.2 when they stand in different ones."""
    cells = height * width
    corners = (0, cells - 1)
    moves = ((0, 0), (-1, 0), (1, 0), (0, 1), (0, -1))

    def aim(cell: int, action: int) -> int:
        row, column = divmod(cell, width)
        row, column = row + moves[action][0], column + moves[action][1]
        return row * width + column if 0 <= row < height and 0 <= column < width else cell

    def pay(places: tuple[int, ...], corner: int | None = None) -> tuple[float, bool]:
        if places[0] == places[1] and places[0] in (corners if corner is None else (corners[corner],)):
            return 1.0, True
        return (-0.2 if set(places) == set(corners) else -0.02), False

    finished = cells * cells

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        here = divmod(state, cells)
        found = []
        for moved in np.ndindex(2, 2):
            chance = float(np.prod([1 - slip if m else slip for m in moved]))
            there = tuple(aim(c, a) if m else c for c, a, m in zip(here, actions, moved, strict=True))
            gained, ended = pay(there)
            if chance > 0:
                found.append((chance, finished if ended else there[0] * cells + there[1], gained))
        return found

    size = cells * cells + 1
    corner_starts = [width - 1, cells - width]
    model = from_rules(size, (5, 5), rules, _first(size, corner_starts[0] * cells + corner_starts[1]), _last(size))
    conventions = [_both_to(size, cells, width, corner) for corner in corners]
    places = np.stack(np.divmod(np.minimum(np.arange(size), cells * cells - 1), cells), axis=1)
    seen = np.concatenate([np.stack(np.divmod(p, width), axis=1) for p in places.T], axis=1).astype(np.float64)
    more = {"limit": 4 * (height + width), "features": seen, **more}
    return _zoo_game(name, "meeting", model, conventions, finished=_last(size), **more)


def _both_to(size: int, cells: int, width: int, corner: int) -> NDArray[np.int64]:
    """Each agent goes the straight way to the corner, rows first; ``(S, 2)``."""
    row, column = divmod(corner, width)
    actions = np.zeros((size, 2), np.int64)
    for state in range(cells * cells):
        for agent, cell in enumerate(divmod(state, cells)):
            r, c = divmod(cell, width)
            actions[state, agent] = (1 if r > row else 2) if r != row else (4 if c > column else 3) if c != column else 0
    return actions


def stags(name: str, hunts: int, seed: int, *, n_agents: int = 2, **more: Any) -> ZooGame:
    """At each hunt all on the stag give 1, all on the hare .4, and both move on; else -.5, and the hunt begins again."""
    draw = np.random.default_rng(seed)
    names = draw.permuted(np.tile(np.arange(3), (hunts * n_agents, 1)), axis=1).reshape(hunts, n_agents, 3)

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        for prey, gain in enumerate((1.0, 0.4)):
            if tuple(names[state, :, prey]) == actions:
                return [(1.0, state + 1, gain)]
        return [(1.0, state, -0.5)]

    model = from_rules(hunts + 1, (3,) * n_agents, rules, _first(hunts + 1, 0), _last(hunts + 1))
    padded = np.concatenate([names, names[:1]])
    more = {"limit": 3 * hunts, **more}
    return _zoo_game(name, "stags", model, padded.transpose(2, 0, 1)[:2], finished=_last(hunts + 1), **more)


def ladder(name: str, rungs: int, seed: int, **more: Any) -> ZooGame:
    """A climbing game (payoff over 10) at each rung, with its actions renamed; whatever is played, the next rung follows."""
    draw = np.random.default_rng(seed)
    names = draw.permuted(np.tile(np.arange(3), (rungs * 2, 1)), axis=1).reshape(rungs, 2, 3)
    payoff = np.asarray(_CLIMBING) / 10

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        played = [int(np.flatnonzero(names[state, i] == a)[0]) for i, a in enumerate(actions)]
        return [(1.0, state + 1, float(payoff[tuple(played)]))]

    model = from_rules(rungs + 1, (3, 3), rules, _first(rungs + 1, 0), _last(rungs + 1))
    padded = np.concatenate([names, names[:1]]).transpose(2, 0, 1)
    more = {"limit": rungs, "noises": (0.0, 0.2, 1.0), **more}
    return _zoo_game(name, "ladder", model, padded[[0, 2]], finished=_last(rungs + 1), **more)


def harvest(name: str, most: int, seed: int, *, n_agents: int = 2, **more: Any) -> ZooGame:
    """All gather: one more is carried (at most ``most``); all bank: it ends and pays what is carried, to the power 1.5.

    Otherwise everything carried is lost with probability .5. A step costs .05.
    """
    draw = np.random.default_rng(seed)
    names = draw.permuted(np.tile(np.arange(3), (n_agents * (most + 1), 1)), axis=1).reshape(most + 1, n_agents, 3)
    end = most + 1

    def rules(state: int, actions: tuple[int, ...]) -> list[Outcome]:
        if tuple(names[state, :, 0]) == actions:
            return [(1.0, min(state + 1, most), -0.05)]
        if tuple(names[state, :, 1]) == actions:
            return [(1.0, end, state**1.5 - 0.05)]
        return [(0.5, state, -0.05), (0.5, 0, -0.05)]

    model = from_rules(most + 2, (3,) * n_agents, rules, _first(most + 2, 0), _last(most + 2))
    patient, hasty = np.zeros((2, most + 2, n_agents), np.int64)
    for load in range(most + 1):
        patient[load] = names[load, :, int(load == most)]
        hasty[load] = names[load, :, int(load >= most // 2)]
    more = {"limit": 4 * most, **more}
    return _zoo_game(name, "harvest", model, [patient, hasty], finished=_last(most + 2), **more)


def wilds(name: str, n_states: int, n_actions: Sequence[int], successors: int, seed: int, **more: Any) -> ZooGame:
    """A garnet model; the second convention is best for rewards that were partly drawn anew."""
    draw = np.random.default_rng(seed)
    model = garnet(n_states, n_actions, successors, generator=draw, n_initial=2)
    other = 0.6 * model.reward + 0.4 * draw.random(model.reward.shape)
    return _zoo_game(name, "wilds", model, [best_joint_policy(model), best_joint_policy(model, reward=other)], **more)


def grid(name: str, height: int, width: int, seed: int, *, slip: float = 0.2, **more: Any) -> ZooGame:
    """``gridworld`` for two; the second convention is best where meeting costs nothing."""
    model = gridworld(height, width, 2, generator=np.random.default_rng(seed), slip=slip)
    free = gridworld(height, width, 2, generator=np.random.default_rng(seed), slip=slip, collision=0.0)
    places = np.stack(np.divmod(np.arange(model.n_states), height * width), axis=1)
    seen = np.concatenate([np.stack(np.divmod(p, width), axis=1) for p in places.T], axis=1).astype(np.float64)
    conventions = [best_joint_policy(model), best_joint_policy(free)]
    return _zoo_game(name, "grid", model, conventions, **{"features": seen, **more})


def plays(name: str, game: Game, joint: Sequence[Sequence[int]], **more: Any) -> ZooGame:
    """One-shot games, played again and again; conventions are joint actions ``(K, N)``."""
    conventions = np.asarray(joint)[:, None]
    shares = (1 / len(conventions),) * len(conventions)
    more = {"limit": 20, "shares": shares, "horizon": 1, "features": np.ones((1, 1)), **more}
    return _zoo_game(name, "plays", game.mmdp, conventions, **more)
