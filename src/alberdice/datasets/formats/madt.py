"""MADT's SMAC episodes: a folder of files that ``torch.save`` wrote, an episode each, by agent and step.

    episode[agent][step] = [state, obs, [action], [reward], done, avail]      and at times a value, which is not kept

``state`` (S_i,) is each agent's own version of the global state; columns in which all agents always agree are kept once, the
others once per agent, so that nothing is lost: S = common + N x own.  ``avail`` (A,) 0/1.  Agents that died are done before the
episode ends, which is where its file does: it is terminated if then all agents are done, and truncated if it has exactly
``episode_limit`` steps or some agent is not done.  Rows only: where the last step led is not kept, so every final frame is
unknown.

Files are read with ``weights_only``: numbers, lists and arrays, and nothing that could run.
"""

from __future__ import annotations

import importlib
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.packages import require
from alberdice.datasets.validation import whole_actions
from alberdice.errors import fail
from alberdice.files import is_directory, is_file
from alberdice.readers import library_errors

__all__ = ["read_madt"]

_FIELDS = ("state", "obs", "action", "reward", "done", "avail")
Array = NDArray[Any]


@dataclass(frozen=True)
class _File:
    """An episode of L steps: states (L, N, S_i), obs (L, N, O), action, reward, done (L, N), avail (L, N, A)."""

    source: str
    state: Array
    obs: Array
    action: Array
    reward: Array
    done: Array
    avail: Array
    values: bool


def read_madt(
    path: str | Path,
    *,
    name: str | None = None,
    episode_limit: int | None = None,
    n_actions: Sequence[int] | None = None,
    team_reward: str = "equal",
) -> OfflineDataset:
    """Read a folder of MADT's episodes, or one file.

    Args:
        path: the folder, e.g. ``3s5z/good``; its files are taken in the order of the numbers in their names.
        name: the dataset's name; None: of the two folders, as in ``3s5z-good``.
        episode_limit: steps at which the writer's time limit cut episodes.
        n_actions: actions per agent; None: the width of ``avail`` for every agent.
        team_reward: where agents' rewards differ, how they become the team's: 'mean' or 'sum'.

    Raises:
        InvalidDataError: no file, one that holds something else, or files that do not go together, naming file, agent and step.
    """
    where = Path(path)
    check_rule(str(where), team_reward, ())
    files = [_read(each) for each in _places(where)]
    for file in files:
        _check_like(file, files[0])
    own = tuple(int(n) for n in (n_actions or [files[0].avail.shape[2]] * files[0].avail.shape[1]))
    common = np.logical_and.reduce([(file.state == file.state[:, :1]).all(axis=(0, 1)) for file in files])
    episodes = [_episode(file, common, episode_limit, team_reward) for file in files]
    header = DatasetHeader(team_reward=header_rule(team_reward), episode_limit=episode_limit)
    title = name or (f"{where.parent.name}-{where.name}" if where.is_dir() else where.stem)
    notes = _notes(files, common, episodes, episode_limit, team_reward)
    return from_episodes(title, own, episodes, notes=notes, source=str(where), header=header)


def _places(where: Path) -> list[Path]:
    """The files, 2 before 10."""
    if is_file(where):
        return [where]
    if not is_directory(where):
        raise fail(str(where), "path", got="nothing", expected="a folder of MADT's episodes, or one of its files")
    found = [each for each in where.iterdir() if is_file(each) and not each.name.startswith(".")]
    if not found:
        expected = "files of torch.save, one per episode"
        raise fail(str(where), "files", got="none", expected=expected, remedy="name the folder of one quality, e.g. 3s5z/good")
    return sorted(found, key=lambda each: [(int(w) if w.isdigit() else -1, w) for w in re.split(r"(\d+)", each.name)])


def _safe() -> list[Any]:
    """What arrays in a pickle ask for: makers of plain arrays and numbers, under the names of both NumPy's versions."""
    core = importlib.import_module("numpy._core.multiarray")
    makers: list[Any] = [np.ndarray, np.dtype, *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        makers += [(getattr(core, name), f"{module}.{name}") for name in ("_reconstruct", "scalar")]
    return makers


def _read(path: Path) -> _File:
    torch = require("torch", "deep")
    source = str(path)
    expected = "a file of torch.save that holds numbers, lists and arrays alone"
    with library_errors(f"{path}: file", expected), torch.serialization.safe_globals(_safe()):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as problem:  # whose words tell how to run what the file holds
            asked = re.search(r"Unsupported global: GLOBAL (\S+)", str(problem))
            raise fail(
                f"{path}",
                "file",
                got=f"a pickle that asks for {asked[1]}" if asked else "another kind of file",
                expected=expected,
            ) from None
    if not isinstance(content, list | tuple) or not content or not all(isinstance(a, list | tuple) and a for a in content):
        raise fail(source, "episode", got=type(content).__name__, expected="a list of agents, each a list of steps")
    lengths = {len(steps) for steps in content}
    if len(lengths) > 1:
        raise fail(source, "episode", got=f"agents of {sorted(lengths)} steps", expected="as many steps for each agent")
    width = _width(source, content)
    arrays = {name: _field(source, content, k, name) for k, name in enumerate(_FIELDS)}
    for field in ("action", "reward", "done"):
        arrays[field] = _one(source, field, arrays[field])
    if arrays["action"].dtype.kind == "f" and (arrays["action"] == np.floor(arrays["action"])).all():
        arrays["action"] = whole_actions(source, _action_at, arrays["action"])  # written as numbers of a network's output
    for field in ("done", "avail"):
        wrong = (arrays[field] != 0) & (arrays[field] != 1)
        if wrong.any():
            at = np.argwhere(wrong)[0].tolist()
            raise fail(source, f"{field}[agent {at[1]}, step {at[0]}]", got=arrays[field][tuple(at)], expected="0 or 1")
        arrays[field] = arrays[field].astype(np.bool_)
    return _File(source, **arrays, values=width > len(_FIELDS))


def _action_at(step: int, agent: int) -> str:
    return f"action[agent {agent}, step {step}]"


def _width(source: str, content: Any) -> int:
    """Entries of a step, 6 or 7 everywhere."""
    widths = {}
    for agent, steps in enumerate(content):
        for at, step in enumerate(steps):
            if not isinstance(step, list | tuple) or len(step) not in (6, 7):
                got = f"{len(step)} entries" if isinstance(step, list | tuple) else type(step).__name__
                expected = f"[{', '.join(_FIELDS)}], and at times a value"
                raise fail(source, f"[agent {agent}, step {at}]", got=got, expected=expected)
            widths[len(step)] = (agent, at)
    if len(widths) > 1:
        agent, at = widths[7]
        raise fail(source, f"[agent {agent}, step {at}]", got="a value", expected="one in all steps or in none")
    return next(iter(widths))


def _field(source: str, content: Any, k: int, name: str) -> Array:
    """(L, N, ...) one entry of all steps."""
    rows: list[list[Array]] = []
    for agent, steps in enumerate(content):
        rows.append([np.asarray(step[k]) for step in steps])
        for at, entry in enumerate(rows[-1]):
            if entry.shape != rows[0][0].shape or entry.dtype.kind not in "fiub":
                got, expected = f"{entry.dtype} {entry.shape}", f"numbers of shape {rows[0][0].shape}"
                raise fail(source, f"{name}[agent {agent}, step {at}]", got=got, expected=expected)
    array = np.stack([np.stack(each) for each in rows], axis=1)
    if name in ("state", "obs", "avail") and array.ndim != 3:
        raise fail(source, f"{name}.shape", got=array.shape[2:], expected="a vector per agent and step")
    return array


def _one(source: str, name: str, array: Array) -> Array:
    """(L, N) of numbers that may each lie in lists of one."""
    if array[0, 0].size != 1:
        raise fail(source, f"{name}.shape", got=array.shape[2:], expected="one number per agent and step")
    return array.reshape(array.shape[:2])


def _check_like(file: _File, first: _File) -> None:
    """Sizes and types of the first file's."""
    for name in _FIELDS:
        mine, known = getattr(file, name), getattr(first, name)
        if mine.shape[1:] != known.shape[1:] or mine.dtype != known.dtype:
            got, expected = (
                f"{mine.dtype} {mine.shape[1:]}",
                f"{known.dtype} {known.shape[1:]}, as in {Path(first.source).name}",
            )
            raise fail(file.source, name, got=got, expected=expected)


def _episode(file: _File, common: Array, limit: int | None, rule: str) -> EpisodeArrays:
    length = len(file.action)
    if limit is not None and length > limit:
        raise fail(file.source, "episode", got=f"{length} steps", expected=f"at most the episode limit, {limit}")
    own = file.state[:, :, ~common].reshape(length, -1)
    terminated = bool(file.done[-1].all()) and length != limit
    return EpisodeArrays(
        states=np.concatenate([file.state[:, 0, common], own], axis=1),
        observations=file.obs,
        actions=file.action,
        rewards=combined(file.source, "reward[step {}]", file.reward, rule, ()),
        terminated=terminated,
        truncated=not terminated,
        action_masks=file.avail,
    )


def _notes(files: list[_File], common: Array, episodes: list[EpisodeArrays], limit: int | None, rule: str) -> tuple[str, ...]:
    agents, own = files[0].action.shape[1], int((~common).sum())
    ended = sum(episode.terminated for episode in episodes)
    said = [
        f"Read from {len(files)} files of MADT: {ended} episodes terminated, {len(files) - ended} truncated; no final frames.",
        f"State: {int(common.sum())} columns that all agents share, then {own} of each of the {agents} agents' own.",
    ]
    if limit is None:
        said.append(
            "No episode limit was given: episodes all of whose agents are done are taken to have ended, not to have been cut."
        )
    if any(file.values for file in files):
        said.append("The values that the files hold beside each step were not kept.")
    return tuple(said if rule == "equal" else [*said, reward_note(rule)])
