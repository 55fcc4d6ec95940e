"""Minari datasets that others made, with or without several agents.

    observation space                          becomes                      action space                becomes
    Box (N, O)                                 N agents, O features         MultiDiscrete (N,)          N agents
    Tuple or Dict of equal Boxes (O,)          one agent per part           Tuple or Dict of Discrete   one agent per part
    Box (O,)                                   the one agent's              Discrete                    the one agent's

Rewards are (L,), or (L, N) that must agree unless ``team_reward`` says how to combine them.  ``infos`` may hold ``state`` and
``avail_actions`` with L + 1 or L rows; other entries are named in the notes.  An episode whose last step is marked neither
terminated nor truncated was cut by its recorder, and is truncated.  Spaces are read from the metadata; a dataset that leaves
them to an environment is refused, as making that environment would run its code.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.packages import require
from alberdice.errors import fail
from alberdice.files import inside, is_directory
from alberdice.readers import read_json

__all__ = ["read_minari"]


def _parts(space: Any) -> list[tuple[Any, Any]] | None:
    """(key, space) of each agent of a Tuple or Dict space, or None."""
    from gymnasium import spaces

    if isinstance(space, spaces.Tuple):
        return list(enumerate(space.spaces))
    if isinstance(space, spaces.Dict):
        return list(space.spaces.items())
    return None


def _action_counts(source: str, space: Any) -> list[int]:
    from gymnasium import spaces

    def one(part: Any, where: str) -> int:
        if not isinstance(part, spaces.Discrete):
            raise fail(source, where, got=part, expected="discrete actions", remedy="this package learns discrete actions")
        if part.start != 0:
            raise fail(source, where, got=f"actions from {part.start}", expected="actions from 0", remedy="renumber them first")
        return int(part.n)

    parts = _parts(space)
    if parts is not None:
        return [one(part, f"action_space[{key!r}]") for key, part in parts]
    if isinstance(space, spaces.MultiDiscrete):
        if space.nvec.ndim != 1 or np.any(space.start != 0):
            raise fail(source, "action_space", got=space, expected="one row of actions from 0")
        return [int(n) for n in space.nvec]
    return [one(space, "action_space")]


def _stack(source: str, where: str, value: Any, space: Any, agents: int, *, actions: bool) -> NDArray[Any]:
    """(rows, N, ...) of one episode's observations or actions."""
    parts = _parts(space)
    if parts is None:
        array = np.asarray(value)
        if array.dtype == object:
            raise fail(source, where, got="objects", expected="numbers")
        if actions:
            return array[:, None] if array.ndim == 1 else array
        if array.ndim == 1:
            array = array[:, None]
        return array[:, None, :] if agents == 1 and array.ndim == 2 else array
    columns = [np.asarray(value[key]) for key, _ in parts]
    shapes = {column.shape for column in columns}
    if len(shapes) != 1:
        got = f"shapes {sorted(shapes)}"
        raise fail(
            source, where, got=got, expected="the same shape for all agents", remedy="pad them explicitly before importing"
        )
    stacked = np.stack(columns, axis=1)
    return stacked[:, :, None] if not actions and stacked.ndim == 2 else stacked


def _agents(space: Any) -> tuple[str, ...]:
    """The agents' names by a Dict space; a Tuple or an array names none."""
    from gymnasium import spaces

    return tuple(map(str, space.spaces)) if isinstance(space, spaces.Dict) else ()


def _reward(source: str, where: str, value: NDArray[Any], how: str, names: tuple[str, ...], notes: set[str]) -> NDArray[Any]:
    rewards = np.asarray(value)
    if rewards.dtype.kind in "iub":
        rewards = rewards.astype(np.float64)
    if rewards.ndim == 1:
        return rewards
    if rewards.ndim != 2:
        raise fail(source, where, got=rewards.shape, expected="(L,) or (L, N)")
    if how != "equal":
        notes.add(reward_note(how))
    return combined(source, f"{where}[{{}}]", rewards, how, names)


def _episode(source: str, at: int, raw: Any, spaces: tuple[Any, Any], agents: int, how: str, notes: set[str]) -> EpisodeArrays:
    observations = _stack(source, f"episode_{at}/observations", raw.observations, spaces[0], agents, actions=False)
    actions = _stack(source, f"episode_{at}/actions", raw.actions, spaces[1], agents, actions=True)
    if observations.ndim != 3 or observations.shape[1] != agents:
        expected = f"(rows, {agents} agents, features)"
        raise fail(source, f"episode_{at}/observations", got=observations.shape, expected=expected, remedy="flatten them first")
    ends = [np.asarray(raw.terminations), np.asarray(raw.truncations)]
    for name, flags in zip(("terminations", "truncations"), ends, strict=True):
        if flags.shape != (len(actions),):
            raise fail(source, f"episode_{at}/{name}.shape", got=flags.shape, expected=(len(actions),))
        early = np.flatnonzero(flags[:-1])
        if len(early):
            raise fail(source, f"episode_{at}/{name}[{early[0]}]", got=True, expected="False before the end of an episode")
    infos = dict(raw.infos or {})
    rows = len(observations)
    state = np.asarray(infos.pop("state", np.zeros((rows, 0), np.float32)))
    masks = infos.pop("avail_actions", None)
    if len(state) < rows or (masks is not None and len(masks) < rows):
        rows = len(actions)
        notes.add("`infos` hold no row for the final frame of some episodes: those final frames are unknown.")
    if infos:
        notes.add(f"Entries of `infos` that were not read: {', '.join(sorted(infos))}.")
    terminated = bool(len(actions)) and bool(ends[0][-1])
    truncated = bool(len(actions)) and bool(ends[1][-1])
    if not terminated and not truncated:
        notes.add("Some episodes are marked neither terminated nor truncated at their end: taken as truncated.")
        truncated = True
    return EpisodeArrays(
        states=state[:rows],
        observations=observations[:rows],
        actions=actions,
        rewards=_reward(source, f"episode_{at}/rewards", raw.rewards, how, _agents(spaces[1]), notes),
        terminated=terminated,
        truncated=truncated,
        action_masks=None if masks is None else np.asarray(masks)[:rows].astype(np.bool_),
    )


def _locate(directory: Path) -> tuple[Path, dict[str, Any]]:
    """The directory with the data, and its metadata, which must hold the spaces."""
    base = directory / "data" if is_directory(directory / "data") else directory
    metadata = read_json(inside(base, "metadata.json"))
    for key in ("observation_space", "action_space", "data_format", "total_episodes", "dataset_id"):
        if key not in metadata:
            remedy = (
                "the spaces must be in the metadata, as making the environment would run its code" if "space" in key else ""
            )
            raise fail(str(base / "metadata.json"), key, got="no such key", expected="a value", remedy=remedy)
    if metadata["data_format"] == "hdf5":
        inside(base, "main_data.hdf5")
    return base, metadata


def read_minari(
    directory: str | Path,
    *,
    name: str | None = None,
    n_actions: Sequence[int] | None = None,
    team_reward: str = "equal",
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """Read a Minari dataset made by others.

    Args:
        directory: the dataset's directory (``<root>/<id>``), or its ``data``.
        name: the dataset's name; None is its id.
        n_actions: actions per agent, checked against the action space; None is the space's.
        team_reward: how per-agent rewards become the team's: 'mean', 'sum' or an agent's name; by default they must be equal.
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: spaces that are no such ones as above, or episodes that do not fit them.
    """
    base, metadata = _locate(Path(directory))
    source = str(base)
    minari = require("minari")

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = minari.MinariDataset(base)
            spaces = (opened.observation_space, opened.action_space)
            own = _action_counts(source, spaces[1])
            check_rule(source, team_reward, _agents(spaces[1]))
            notes: set[str] = set()
            episodes = [
                _episode(source, at, raw, spaces, len(own), team_reward, notes)
                for at, raw in enumerate(opened.iterate_episodes())
            ]
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError, OSError, ImportError) as problem:
        from alberdice.errors import AlberDICEError

        if isinstance(problem, AlberDICEError):
            raise
        got = f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"
        raise fail(source, "dataset", got=got, expected="a dataset that Minari can read") from problem
    if n_actions is not None and list(n_actions) != own:
        raise fail(source, "n_actions", got=list(n_actions), expected=f"{own} by the action space")
    said = ["Read from a Minari dataset.", *sorted(notes)]
    parts = _parts(spaces[1])
    if parts is not None:
        said.append(f"Agents in the order of the space: {', '.join(str(key) for key, _ in parts)}.")
    label = str(metadata["dataset_id"]) if name is None else name
    header = DatasetHeader(
        agents=_agents(spaces[1]), team_reward=header_rule(team_reward) if reward_note(team_reward) in notes else "common"
    )
    return from_episodes(
        label, own, episodes, notes=said, source=source, header=header, memory_share=memory_share, scratch=scratch
    )
