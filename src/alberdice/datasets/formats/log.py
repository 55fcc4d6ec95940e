"""Logs of episodes of any length: comma-separated text or Parquet, a row per step, or per agent and step.

What the columns are is found by their names or told by a dictionary (:mod:`alberdice.datasets.formats.log_roles`); how rows
become frames is in :mod:`alberdice.datasets.formats.log_steps`.  What is assumed is in the dataset's notes:

    no observations   every agent sees the state
    no states         the observations side by side are the state
    ends              `terminated` or `truncated` marks the last step; with one of the two columns alone, an unmarked end is of
                      the other kind; without both, an episode limit must say which episodes were cut
    actions           names (of the dictionary, of the masks' columns, or all words that occur, sorted), or numbers from 0
    identifiers       one-hot: an indicator per word that occurs, sorted; or the word's place among them
    features          single precision where that holds every value exactly, double precision elsewhere
    fewer features    an agent with fewer features than another one has zeros after them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.log_actions import read_actions
from alberdice.datasets.formats.log_cells import Log, read_cells
from alberdice.datasets.formats.log_dictionary import check_dictionary, read_dictionary
from alberdice.datasets.formats.log_ends import read_ends, read_rewards
from alberdice.datasets.formats.log_roles import Roles, find_roles
from alberdice.datasets.formats.log_steps import Frames, find_frames
from alberdice.datasets.header import DatasetHeader

__all__ = ["UnderstoodLog", "read_log", "understand_log"]


@dataclass(frozen=True)
class UnderstoodLog:
    """A log as it was understood.

    Attributes:
        roles: column -> what it is and what it holds, in the file's order.
        dataset: what came of it.
    """

    roles: dict[str, tuple[str, str]]
    dataset: OfflineDataset


@dataclass(frozen=True)
class _Features:
    """Columns as features: values (R, K) of R rows, and what was assumed."""

    values: FloatArray
    notes: list[str] = field(default_factory=list)


def read_log(path: str | Path, **options: Any) -> OfflineDataset:
    """The dataset of :func:`understand_log`, which has the same arguments."""
    return understand_log(path, **options).dataset


def understand_log(
    path: str | Path,
    *,
    columns: Mapping[str, Any] | str | Path | None = None,
    kind: str = "",
    name: str | None = None,
    n_actions: Sequence[int] | None = None,
    episode_limit: int | None = None,
    team_reward: str = "equal",
) -> UnderstoodLog:
    """Read a log.

    Args:
        path: the file.
        columns: a dictionary of its columns, or a TOML file with one; None: by their usual names.
        kind: 'csv' or 'parquet'; '': by the file's ending.
        name: the dataset's name; None: the file's.
        n_actions: actions per agent; None: the dictionary's, as many as masks, or one more than the largest seen.
        episode_limit: steps at which a time limit cut episodes.
        team_reward: how agents' rewards become the team's: 'mean', 'sum' or an agent's name; by default they must be equal.

    Raises:
        InvalidDataError: anything that does not fit, naming file, line, column, what was got and expected.
        ResourceError: more than the memory.
        InvalidArgumentError: Parquet without pyarrow.
    """
    where = Path(path)
    log = read_cells(where, kind or ("parquet" if where.suffix.lower() == ".parquet" else "csv"))
    if isinstance(columns, str | Path):
        given = read_dictionary(Path(columns))
    else:
        given = dict(columns or {})
        check_dictionary(given, "columns")
    roles = find_roles(str(where), tuple(log.columns), given)
    frames = find_frames(log, roles)
    dataset = _dataset(log, roles, frames, where.stem if name is None else name, n_actions, episode_limit, team_reward)
    return UnderstoodLog({c: (role, _holds(log, c)) for c, role in _ordered(log, roles).items()}, dataset)


def _ordered(log: Log, roles: Roles) -> dict[str, str]:
    table = roles.table()
    return {column: table[column] for column in log.columns}


def _holds(log: Log, column: str) -> str:
    """What a column holds, in a few words."""
    words = sorted(set(log.texts(column)) - {""})
    empty = sum(text == "" for text in log.texts(column))
    few = ", ".join(words[:4]) + (", ..." if len(words) > 4 else "")
    told = [f"{len(words)} different: {few}"] if words else []
    return "; ".join([*told, *([f"{empty} empty"] if empty else [])])


def _dataset(
    log: Log,
    roles: Roles,
    frames: Frames,
    name: str,
    n_actions: Sequence[int] | None,
    limit: int | None,
    rule: str,
) -> OfflineDataset:
    notes = [f"Read from a log in the {roles.layout} layout: {log.n_rows} rows."]
    if roles.ignored:
        notes.append(f"Columns left out, as told: {', '.join(roles.ignored)}.")
    rewards = read_rewards(log, roles, frames, rule)
    terminated, truncated, said = read_ends(log, roles, frames, limit)
    acts = read_actions(log, roles, frames, terminated, n_actions)
    state, observation, assumed = _frames_of(log, roles, frames)
    arrays = Arrays(
        frames.lengths,
        acts.n_actions,
        state=(state.shape[-1], _narrowest(state)),
        observation=(observation.shape[-1], _narrowest(observation)),
        reward=np.float64,
        masks=acts.masks is not None,
    )
    target = frames.target
    arrays.frame_states[target] = state
    arrays.frame_observations[target] = observation
    if acts.masks is not None and arrays.frame_masks is not None:
        arrays.frame_masks[target] = acts.masks
    arrays.actions[:], arrays.rewards[:] = acts.actions, rewards.values
    arrays.terminated[:], arrays.truncated[:] = terminated, truncated
    arrays.final_known[frames.episode[frames.final]] = True
    unknown = int((arrays.truncated[np.cumsum(frames.lengths) - 1] & ~arrays.final_known).sum())
    if unknown:
        said.append(f"{unknown} truncated episodes have no final frame: their last step is no transition.")
    header = DatasetHeader(agents=frames.agents, team_reward=rewards.rule, episode_limit=limit, action_names=acts.names)
    all_notes = [*notes, *said, *acts.notes, *rewards.notes, *assumed]
    return arrays.finish(name, notes=all_notes, source=log.source, header=header)


def _narrowest(values: FloatArray) -> Any:
    """Single precision where it holds all values."""
    with np.errstate(over="ignore"):
        return np.float32 if (values.astype(np.float32) == values).all() else np.float64


def _frames_of(log: Log, roles: Roles, frames: Frames) -> tuple[FloatArray, FloatArray, list[str]]:
    """States (F, S), observations (F, N, O), and what was assumed."""
    rows, agents, notes = frames.rows, len(frames.agents), []
    state = _features(log, roles, roles.state, rows)
    if roles.layout == "long" and roles.state:
        _check_shared(log, roles.state, rows)
    own = [_features(log, roles, each.observation, rows) for each in roles.agents.values()]
    notes += [*state.notes, *(note for each in own for note in each.notes)]
    states = state.values[rows[:, 0]]
    if not any(each.observation for each in roles.agents.values()):
        notes.append("The log holds no observations: every agent sees the state.")
        return states, np.repeat(states[:, None], agents, axis=1), notes
    if roles.layout == "long":
        observations = own[0].values[rows]
    else:
        size = max(each.values.shape[1] for each in own)
        observations = np.zeros((len(rows), agents, size))
        for agent, each in enumerate(own):
            observations[:, agent, : each.values.shape[1]] = each.values[rows[:, agent]]
            if each.values.shape[1] < size:
                notes.append(f"{frames.agents[agent]} has {each.values.shape[1]} features, with zeros after them up to {size}.")
    if not roles.state:
        notes.append("The log holds no states: the agents' observations side by side are the state.")
        states = observations.reshape(len(rows), -1)
    return states, observations, notes


def _features(log: Log, roles: Roles, columns: Sequence[str], rows: NDArray[np.int64]) -> _Features:
    """Columns side by side for every row of the log; those of identifiers as indicators or numbers."""
    parts, notes = [np.zeros((log.n_rows, 0))], []
    for column in columns:
        if column not in roles.ids:
            parts.append(_plain(log, column)[:, None])
            continue
        words = log.texts(column)
        if "" in words:
            raise log.fault(words.index(""), column, got="nothing", expected="an identifier in every row")
        levels = sorted(set(words), key=_natural)
        place = {word: k for k, word in enumerate(levels)}
        number = np.array([place[word] for word in words])
        one_hot = roles.ids_as == "one-hot"
        parts.append(np.eye(len(levels))[number] if one_hot else number[:, None].astype(np.float64))
        shown = ", ".join(levels[:20]) + (", ..." if len(levels) > 20 else "")
        notes.append(f"{column} as {'an indicator for each of' if one_hot else 'the place in'}: {shown}.")
    return _Features(np.concatenate(parts, axis=1), notes)


def _natural(word: str) -> tuple[int, float, str]:
    """Whole numbers by size, before words by letters."""
    return (0, int(word), word) if word.isdecimal() else (1, 0, word)


def _plain(log: Log, column: str) -> FloatArray:
    """A column of numbers without gaps."""
    values = log.numbers(column, remedy="a column of words belongs under `ids`, or under `ignore`")
    empty = np.flatnonzero(np.isnan(values))
    if len(empty):
        raise log.fault(int(empty[0]), column, got="nothing", expected="a number in every row")
    return values


def _check_shared(log: Log, columns: Sequence[str], rows: NDArray[np.int64]) -> None:
    """In the long layout all agents' rows of a step hold the same state."""
    for column in columns:
        words = np.array(log.texts(column), dtype=object)[rows]
        wrong = np.argwhere(words != words[:, :1])
        if len(wrong):
            frame, agent = (int(i) for i in wrong[0])
            got, expected = (
                repr(words[frame, agent]),
                f"{words[frame, 0]!r}, as in {log.place(int(rows[frame, 0]))} of the same step",
            )
            remedy = "what each agent has of its own is an observation"
            raise log.fault(int(rows[frame, agent]), column, got=got, expected=expected, remedy=remedy)
