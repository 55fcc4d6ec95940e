"""SMAC's ``StarCraft2Env`` behind the contract: B slots, a process and a game for each.

smac asks for versions of other packages that do not go with ours, so that it may live in a Python of its own: the one that
ALBERDICE_SMAC_PYTHON names, or ``smac-3s5z(python='/opt/smac/bin/python')``; by default this one.  What smac leaves open is
decided here:

seed        only the constructor takes one, so that every episode is played in a game made for it (``fresh=False``: in one game
            per slot, which is faster, and seeds decide nothing)
ends        smac marks a time limit like any other end: an episode that ends at its limit with both sides alive is truncated
protocol    after an error of the game's protocol smac ends an episode with nothing in its info.  That episode is discarded and
            played again from its seed with the same actions, in a new game, and a line says so; if it comes out otherwise, or
            fails again, that is an error
no-op       action 0, open to the dead alone; an action that is not available is refused before the game asserts it
close       ends the game's process, too
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.console import warn
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.smac.game import Arrays, GameProcess, same
from alberdice.errors import InvalidArgumentError, ResourceError

__all__ = ["SMAC_MAPS", "SMACBattles", "smac"]

#: the paper's maps
SMAC_MAPS = ("3s5z", "5m_vs_6m", "corridor", "6h_vs_8z", "8m_vs_9m", "3s5z_vs_3s6z")
METRICS = ("battle_won", "dead_allies", "dead_enemies")


@dataclass
class _Slot:
    """A game and its episode."""

    game: GameProcess
    seed: int = 0
    seen: Arrays = field(default_factory=dict)
    played: list[NDArray[np.int64]] = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False
    begun: bool = False

    @property
    def going(self) -> bool:
        return self.begun and not (self.terminated or self.truncated)


class SMACBattles(BatchedEnvironment):
    """See the module.

    Args:
        map_name: a map that smac knows.
        python: the interpreter that has smac; '': ALBERDICE_SMAC_PYTHON's, or this one.
        fresh: a new game for every episode, so that its seed decides it.
        options: further arguments of ``StarCraft2Env``, JSON values, e.g. ``{"difficulty": "7"}``.

    Metrics: smac's 'battle_won', 'dead_allies' and 'dead_enemies', at the end of an episode.

    Raises:
        ResourceError: SC2PATH leads nowhere, smac is missing (or is PyPI's SMAC3), a game that died, an episode that could not
            be played again after an error of the protocol.
        InvalidArgumentError: smac's own errors; an action that is not available.
    """

    def __init__(self, map_name: str, *, python: str = "", fresh: bool = True, options: dict[str, Any] | None = None) -> None:
        self._python = python or os.environ.get("ALBERDICE_SMAC_PYTHON", "") or sys.executable
        self._map, self._fresh, self._options = map_name, bool(fresh), dict(options or {})
        self._slots: list[_Slot] = []
        _check_path()
        first = self._game(0)
        try:
            info = first.ask("open", map=map_name, options=self._options)[0]["info"]
        except BaseException:
            first.close()
            raise
        n = info["n_agents"]
        self._enemies = info["n_enemies"]
        self.spec = EnvironmentSpec(
            name=f"smac-{map_name}",
            agents=tuple(f"agent_{i}" for i in range(n)),
            n_actions=(info["n_actions"],) * n,
            observation_size=info["obs_shape"],
            state_size=info["state_shape"],
            horizon=info["episode_limit"],
            team_reward="mean",
            metrics=METRICS,
        )
        self._slots = [_Slot(first)]

    def _game(self, slot: int) -> GameProcess:
        return GameProcess(self._python, f"SMAC {self._map}, slot {slot}")

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """Begin episodes; see the contract."""
        if slots is None:
            self._provide(len(seeds))
            slots = np.arange(len(seeds))
        for at, seed in zip(np.asarray(slots).tolist(), np.asarray(seeds).tolist(), strict=True):
            slot = self._slots[at]
            _, slot.seen = slot.game.ask("reset", seed=seed, fresh=self._fresh)
            slot.seed, slot.played, slot.begun, slot.terminated, slot.truncated = seed, [], True, False, False
        return self._frame()

    def _provide(self, count: int) -> None:
        """So many slots, each with a game."""
        for slot in self._slots[count:]:
            slot.game.close()
        del self._slots[count:]
        while len(self._slots) < count:
            game = self._game(len(self._slots))
            self._slots.append(_Slot(game))
            game.ask("open", map=self._map, options=self._options)

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Play; see the contract."""
        chosen = self._checked(actions)
        rewards = np.zeros(len(self._slots))
        metrics = {name: np.full(len(self._slots), np.nan) for name in METRICS}
        for at, slot in enumerate(self._slots):
            if not slot.going:
                continue
            answer = self._played(slot, chosen[at])
            rewards[at] = answer["reward"]
            if slot.terminated or slot.truncated:
                for name in METRICS:
                    metrics[name][at] = answer["info"].get(name, np.nan)
        terminated, truncated = (np.array([getattr(s, end) for s in self._slots]) for end in ("terminated", "truncated"))
        return Step(self._frame(), rewards, terminated, truncated, metrics)

    def _played(self, slot: _Slot, actions: NDArray[np.int64]) -> dict[str, Any]:
        """One step of a slot, again in a new game if the first one breaks."""
        answer, seen = slot.game.ask("step", {"actions": actions})
        if answer["terminated"] and not answer["info"]:
            answer, seen = self._again(slot, actions)
        slot.played.append(actions)
        slot.seen = seen
        if answer["terminated"]:
            slot.truncated = self._at_limit(answer["info"], len(slot.played))
            slot.terminated = not slot.truncated
        return answer

    def _again(self, slot: _Slot, actions: NDArray[np.int64]) -> tuple[dict[str, Any], Arrays]:
        """Discard a broken episode, and play it again up to this step."""
        label, step = slot.game.label, len(slot.played)
        expected = "an episode that is played to its end"
        if not self._fresh:
            got = f"an error of the game's protocol at step {step}, and a game whose seed decides nothing"
            raise ResourceError(label, got=got, expected=expected, remedy="play with fresh=True")
        warn(f"{label}: an error of the game's protocol at step {step}; the episode is discarded and played again")
        _, seen = slot.game.ask("reset", seed=slot.seed, fresh=True)
        with contextlib.suppress(InvalidArgumentError):  # another course, on which an action may not be available
            for before in slot.played:
                answer, seen = slot.game.ask("step", {"actions": before})
                if answer["terminated"]:
                    break
        if not same(seen, slot.seen):
            got = f"another course after {step} steps, played again with seed {slot.seed} and the same actions"
            raise ResourceError(
                label, got=got, expected="the same one", remedy="collect again: the game is not repeatable here"
            )
        answer, seen = slot.game.ask("step", {"actions": actions})
        if answer["terminated"] and not answer["info"]:
            raise ResourceError(label, got=f"an error of the game's protocol at step {step}, twice", expected=expected)
        return answer, seen

    def _at_limit(self, info: dict[str, Any], steps: int) -> bool:
        """Whether an end is the time limit's: smac says so only to those who asked it to go on."""
        if "episode_limit" in info:
            return bool(info["episode_limit"])
        assert self.spec.horizon is not None
        wiped = info.get("dead_allies", 0) >= self.spec.n_agents or info.get("dead_enemies", 0) >= self._enemies
        return steps >= self.spec.horizon and not wiped and not info.get("battle_won", False)

    def _checked(self, actions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B, N) actions, the no-op for the dead."""
        wanted = (len(self._slots), self.spec.n_agents)
        given = np.asarray(actions)
        if not self._slots or not all(slot.begun for slot in self._slots):
            raise InvalidArgumentError(f"environment {self.spec.name!r}", got="a step before a reset", expected="a reset")
        if given.shape != wanted or given.dtype.kind not in "iu":
            raise InvalidArgumentError("actions", got=f"{given.dtype} {given.shape}", expected=f"integers {wanted}")
        chosen = given.astype(np.int64)
        for at, slot in enumerate(self._slots):
            for agent, mask in enumerate(slot.seen["masks"] if slot.going else ()):
                if mask[0]:
                    chosen[at, agent] = 0
                elif not 0 <= chosen[at, agent] < len(mask) or not mask[chosen[at, agent]]:
                    expected = f"one of the available ones, {np.flatnonzero(mask).tolist()}"
                    raise InvalidArgumentError(f"actions[{at}, {agent}]", got=chosen[at, agent], expected=expected)
        return chosen

    def _frame(self) -> Frame:
        stacked = {name: np.stack([s.seen[name] for s in self._slots]) for name in ("observations", "state", "masks")}
        masks = stacked["masks"].astype(np.bool_)
        alive = ~masks[..., 0] & np.array([slot.going for slot in self._slots])[:, None]
        masks[masks[..., 0]] = np.arange(masks.shape[-1]) == 0
        return Frame(stacked["observations"], masks, stacked["state"], alive)

    def close(self) -> None:
        """End all games; may be called again."""
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.game.close()

    def __del__(self) -> None:
        """Leave no game behind, even if nobody closed."""
        for slot in getattr(self, "_slots", []):
            slot.game.close()


def _check_path() -> None:
    """Where StarCraft II is looked for must be there.

    Raises:
        ResourceError: SC2PATH leads nowhere, or is not set and the usual place is empty.
    """
    place = os.environ.get("SC2PATH", "")
    if not Path(place or Path.home() / "StarCraftII").is_dir():
        got = f"SC2PATH={place}, no folder" if place else "no SC2PATH, and no ~/StarCraftII"
        raise ResourceError("SMAC", got=got, expected="StarCraft II", remedy="install it with SMAC's maps, and set SC2PATH")


def smac(map_name: str, *, python: str = "", fresh: bool = True, options: dict[str, Any] | None = None) -> SMACBattles:
    """``smac-{map_name}``, see :class:`SMACBattles`."""
    return SMACBattles(map_name, python=python, fresh=fresh, options=options)
