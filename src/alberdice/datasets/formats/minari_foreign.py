"""Minari datasets that others made, with or without several agents.

    observation space                          becomes                      action space                becomes
    Box (N, O)                                 N agents, O features         MultiDiscrete (N,)          N agents
    Tuple or Dict of equal Boxes (O,)          one agent per part           Tuple or Dict of Discrete   one agent per part
    such parts with an action_mask each        and its mask
    Box (O,)                                   the one agent's              Discrete                    the one agent's

A Dict goes with a Dict of the same keys, which are the agents' names, and a Tuple with a Tuple; see
:mod:`alberdice.datasets.formats.minari_spaces`.

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
from alberdice.datasets.formats.minari_spaces import Layout, numbers, truth
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.datasets.hdf5 import HDF5, check_links, open_hdf5
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.packages import require
from alberdice.errors import fail
from alberdice.files import inside, is_directory
from alberdice.readers import library_errors, read_json

__all__ = ["read_minari"]


def _reward(source: str, where: str, value: Any, how: str, names: tuple[str, ...], notes: set[str]) -> NDArray[Any]:
    rewards = numbers(source, where, value)
    if rewards.dtype.kind in "iub":
        rewards = rewards.astype(np.float64)
    if rewards.ndim == 1:
        return rewards
    if rewards.ndim != 2:
        raise fail(source, where, got=rewards.shape, expected="(L,) or (L, N)")
    if how != "equal":
        notes.add(reward_note(how))
    return combined(source, f"{where}[{{}}]", rewards, how, names)


def _ends(source: str, at: int, raw: Any, steps: int, notes: set[str]) -> tuple[bool, bool]:
    """Whether the episode terminated, and whether it was truncated, after checking that it did neither before its end."""
    marks = []
    for name in ("terminations", "truncations"):
        where = f"episode_{at}/{name}"
        flags = truth(source, where, getattr(raw, name))
        if flags.shape != (steps,):
            raise fail(source, f"{where}.shape", got=flags.shape, expected=(steps,))
        early = np.flatnonzero(flags[:-1])
        if len(early):
            raise fail(source, f"{where}[{early[0]}]", got=True, expected="False before the end of an episode")
        marks.append(bool(steps) and bool(flags[-1]))
    if not any(marks):
        notes.add("Some episodes are marked neither terminated nor truncated at their end: taken as truncated.")
        marks[1] = True
    return marks[0], marks[1]


def _episode(layout: Layout, at: int, raw: Any, how: str, notes: set[str]) -> EpisodeArrays:
    source, agents = layout.source, len(layout.n_actions)
    observations, nested = layout.observations(f"episode_{at}/observations", raw.observations)
    actions = layout.actions(f"episode_{at}/actions", raw.actions)
    if observations.ndim != 3 or observations.shape[1] != agents:
        expected = f"(rows, {agents} agents, features)"
        raise fail(source, f"episode_{at}/observations", got=observations.shape, expected=expected, remedy="flatten them first")
    infos = dict(raw.infos or {})
    rows = len(observations)
    state = numbers(source, f"episode_{at}/infos/state", infos.pop("state", np.zeros((rows, 0), np.float32)))
    masks = nested
    if "avail_actions" in infos:
        where = f"episode_{at}/infos/avail_actions"
        if nested is not None:
            raise fail(source, where, got="masks", expected="nothing: the observations bring action_mask")
        masks = truth(source, where, infos.pop("avail_actions"))
    if len(state) < rows or (masks is not None and len(masks) < rows):
        rows = len(actions)
        notes.add("`infos` hold no row for the final frame of some episodes: those final frames are unknown.")
    if infos:
        notes.add(f"Entries of `infos` that were not read: {', '.join(sorted(map(str, infos)))}.")
    terminated, truncated = _ends(source, at, raw, len(actions), notes)
    return EpisodeArrays(
        states=state[:rows],
        observations=observations[:rows],
        actions=actions,
        rewards=_reward(source, f"episode_{at}/rewards", raw.rewards, how, layout.agents, notes),
        terminated=terminated,
        truncated=truncated,
        action_masks=None if masks is None else masks[:rows],
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
    notes: set[str] = set()
    if metadata["data_format"] == "hdf5":
        _check_file(base / "main_data.hdf5")
    with library_errors(f"{source}: dataset", "a dataset that Minari can read"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = minari.MinariDataset(base)
        layout = Layout.of(source, opened.observation_space, opened.action_space)
        check_rule(source, team_reward, layout.agents)
        episodes = [_episode(layout, at, raw, team_reward, notes) for at, raw in enumerate(opened.iterate_episodes())]
    if len(episodes) != metadata["total_episodes"]:
        expected = f"{metadata['total_episodes']} episodes by metadata.json"
        raise fail(source, "dataset", got=f"{len(episodes)} episodes", expected=expected)
    own = list(layout.n_actions)
    if n_actions is not None and list(n_actions) != own:
        raise fail(source, "n_actions", got=list(n_actions), expected=f"{own} by the action space")
    said = ["Read from a Minari dataset.", *sorted(notes)]
    if layout.agents:
        said.append(f"Agents in the order of the space: {', '.join(layout.agents)}.")
    label = str(metadata["dataset_id"]) if name is None else name
    rule = header_rule(team_reward) if reward_note(team_reward) in notes else "common"
    header = DatasetHeader(agents=layout.agents, team_reward=rule)
    return from_episodes(
        label, own, episodes, notes=said, source=source, header=header, memory_share=memory_share, scratch=scratch
    )


def _check_file(path: Path) -> None:
    """Refuse links out of the file, and arrays that declare more than they hold, before Minari reads any of it."""

    def visit(group: Any) -> None:
        for name in group:
            kind = group.get(name, getclass=True, getlink=True)
            if kind is not h5py.HardLink:
                raise fail(str(path), f"{group.name}/{name}", got="a link", expected="data stored in this file")
            if group.get(name, getclass=True) is h5py.Group:
                visit(group[name])
            else:
                check_links(path, group, name)

    h5py = require("h5py")
    with library_errors(f"{path}: file", HDF5), open_hdf5(path) as file:
        visit(file)
