"""Flashbax Vaults, as OG-MARL publishes them, through tensorstore alone.

    <rel_dir>/<vault_name>/<vault_uid>/metadata.json      version, structure_shape and structure_dtype (older: structure)
                                       manifest.ocdbt, d/  one key-value store holding a zarr array per leaf, and vault_index

    observations [B, T, N, O]   actions [B, T, N] or [B, T, N, 1]   rewards, terminals, truncations [B, T, N]
    infos.legals [B, T, N, A]   infos.state [B, T, S]               vault_index [1] = T

The time axis of the arrays is 10^13 long; the first T rows are data.  Rows only: where an episode's last step led is not
kept, so every final frame is unknown, and the last step of a truncated episode is a step but no transition.  Each b is one
stream of episodes, cut after rows whose ``terminals`` or ``truncations`` are 1.

Rewards are per agent in the file and must agree, unless ``team_reward`` says how to combine them; so must terminals and
truncations, unless ``ends="all"`` takes an episode to end when every agent has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.datasets.formats.vault_metadata import vault_structure
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.memory import check_rows
from alberdice.datasets.packages import require
from alberdice.datasets.validation import whole_actions
from alberdice.errors import fail
from alberdice.files import inside, is_directory, is_file
from alberdice.readers import library_errors, parse_json, read_json

__all__ = ["kvstore", "read_vault"]

TIME_AXIS = 10**13
#: bytes that a stored one can stand for when compressed, and bytes of zeros that need not be stored
_DEFLATE, _SLACK = 1032, 1 << 26
_NDIM = {"observations": 4, "actions": 3, "rewards": 3, "terminals": 3, "truncations": 3, "infos.legals": 4, "infos.state": 3}
_OPTIONAL = ("infos.legals", "infos.state")


@dataclass(frozen=True)
class _Leaf:
    """An open array of a vault, its first T rows, with its name and the rows per stored chunk."""

    name: str
    source: str
    store: Any
    rows: int
    chunk: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.store.shape[0], self.rows, *self.store.shape[2:])

    @property
    def dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self.store.dtype.numpy_dtype)
        return kind

    def read(self, stream: int, start: int, stop: int) -> NDArray[Any]:
        with library_errors(f"{self.source}: {self.name}[{stream}, {start}:{stop}]", "readable chunks"):
            return np.asarray(self.store[stream, start:stop].read().result())

    def whole(self, stream: int) -> NDArray[Any]:
        return self.read(stream, 0, self.rows)

    def pieces(self, stream: int) -> Iterator[tuple[int, NDArray[Any]]]:
        step = max(self.chunk, (1 << 22) // max(1, int(np.prod(self.shape[2:]))) // self.chunk * self.chunk)
        for start in range(0, self.rows, step):
            yield start, self.read(stream, start, min(start + step, self.rows))


def kvstore(base: Path, name: str) -> dict[str, Any]:
    """Where tensorstore finds an array of a vault."""
    # The folder as a path: in a URL, percent signs, hashes and question marks of its name would be read as something else.
    files = {"driver": "file", "path": f"{base.resolve()}/"}
    return {"driver": "zarr", "kvstore": {"driver": "ocdbt", "base": files, "path": name}}


def _open(base: Path, name: str) -> Any:
    """Open an array by its key: parts ended by dots, or in the oldest vaults as a Python expression."""
    ts = require("tensorstore")

    parts = name.split(".")
    keys = (
        ["".join(f"{part}." for part in parts), "".join(f"['{part}']" for part in parts)] if name != "vault_index" else [name]
    )
    problem: Exception | None = None
    for key in keys:
        try:
            return ts.open(kvstore(base, key), read=True).result()
        except (ValueError, OSError) as failure:
            problem = problem or failure
    raise fail(str(base), name, got=str(problem).splitlines()[0][:300], expected="an array that tensorstore can open") from None


def _length(base: Path) -> int:
    """The number of valid rows."""
    store = _open(base, "vault_index")
    if tuple(store.shape) != (1,):
        raise fail(str(base), "vault_index", got=tuple(store.shape), expected="one integer")
    with library_errors(f"{base}: vault_index", "a number"):
        values = np.asarray(store.read().result())
    if values.shape != (1,) or values.dtype.kind not in "iu":
        raise fail(str(base), "vault_index", got=f"{values.dtype} {values.shape}", expected="one integer")
    if not 1 <= values[0] <= TIME_AXIS:
        raise fail(str(base), "vault_index", got=int(values[0]), expected="at least one row")
    return int(values[0])


def _locate(directory: Path) -> Path:
    """The vault's own directory, given it or its parent with one vault in it."""
    if is_file(directory / "metadata.json") or not is_directory(directory):
        return directory
    below = sorted(path.parent for path in directory.glob("*/metadata.json"))
    if len(below) == 1:
        return below[0]
    expected = "a vault: metadata.json and manifest.ocdbt"
    remedy = f"choose one of {', '.join(path.name for path in below)}" if below else ""
    raise fail(str(directory), "directory", got=f"{len(below)} vaults in it", expected=expected, remedy=remedy)


def _open_leaves(base: Path) -> tuple[dict[str, _Leaf], list[str]]:
    """Every known leaf, checked against metadata.json, and notes on what was not read."""
    structure = vault_structure(base)
    inside(base, "manifest.ocdbt")
    for path in base.rglob("*"):
        if path.is_symlink():
            inside(base, *path.relative_to(base).parts)
    rows = _length(base)
    leaves: dict[str, _Leaf] = {}
    for name, ndim in _NDIM.items():
        if name not in structure:
            if name in _OPTIONAL:
                continue
            raise fail(str(base / "metadata.json"), name, got="no such leaf", expected=f"one of {', '.join(_NDIM)}")
        shape, kind = structure[name]
        store = _open(base, name)
        if store.rank not in (ndim, ndim + (name == "actions")):
            raise fail(str(base), f"{name}.shape", got=store.shape, expected=f"{ndim} dimensions")
        if (store.shape[0], *store.shape[2:]) != (shape[:1] + shape[2:]) or store.dtype.name != kind:
            got = f"{store.dtype.name} {tuple(store.shape)}"
            raise fail(str(base), name, got=got, expected=f"{kind} {shape} (any number of rows) by metadata.json")
        if rows > store.shape[1]:
            raise fail(str(base), f"{name}.shape", got=store.shape, expected=f"{rows} rows by vault_index")
        chunk = store.chunk_layout.read_chunk.shape
        leaves[name] = _Leaf(name, str(base), store, rows, max(1, int(chunk[1] or 1)))
    unread = sorted(set(structure) - set(_NDIM))
    notes = [f"Leaves that were not read: {', '.join(unread)}."] if unread else []
    _check_shapes(str(base), leaves)
    _check_sizes(base, leaves)
    return leaves, notes


def _check_sizes(base: Path, leaves: dict[str, _Leaf]) -> None:
    """Refuse rows that the stored chunks cannot hold, before any is read; chunks of zeros need not be stored."""
    streams, rows = leaves["observations"].shape[:2]
    check_rows(str(base), streams * rows, 0)
    declared = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves.values())
    held = sum(path.stat().st_size for path in (base / "d").glob("*") if path.is_file())
    if declared > _DEFLATE * held + _SLACK:
        got = f"{rows:,} rows by vault_index, {declared:,} bytes, of {held:,} stored ones"
        raise fail(str(base), "vault_index", got=got, expected="no more than they can hold", remedy="get the vault again")


def _check_shapes(source: str, leaves: dict[str, _Leaf]) -> None:
    streams, rows, agents = leaves["observations"].shape[:3]
    for name, leaf in leaves.items():
        wanted = (streams, rows) if name == "infos.state" else (streams, rows, agents)
        if leaf.shape[: len(wanted)] != wanted:
            raise fail(source, f"{name}.shape", got=leaf.shape, expected=f"{wanted} by `observations`, then its own size")
    actions = leaves["actions"]
    if len(actions.shape) == 4 and actions.shape[3] != 1:
        raise fail(source, "actions.shape", got=actions.shape, expected="(B, T, N) or (B, T, N, 1)")
    for name, kinds, words in (("actions", "iu", "an integer type"), ("rewards", "f", "a float type")):
        if leaves[name].dtype.kind not in kinds:
            raise fail(source, f"{name}.dtype", got=leaves[name].dtype, expected=words)


def _flags(leaf: _Leaf, stream: int, ends: Literal["equal", "all"]) -> NDArray[np.bool_]:
    """Ends of one stream (T,), from per-agent 0/1 values that must agree, or of which all must be 1."""
    values = leaf.whole(stream)
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise fail(leaf.source, f"{leaf.name}[{stream}, {at[0]}, {at[1]}]", got=values[tuple(at)], expected="0 or 1")
    true = values.astype(np.bool_)
    apart = np.flatnonzero(true.any(axis=1) != true.all(axis=1))
    if len(apart) and ends == "equal":
        where = f"{leaf.name}[{stream}, {apart[0]}]"
        expected, remedy = "one value for all agents", 'read with ends="all" to end an episode when every agent has'
        raise fail(leaf.source, where, got=values[apart[0]].tolist(), expected=expected, remedy=remedy)
    return np.asarray(true.all(axis=1))


def read_vault(
    directory: str | Path,
    *,
    name: str | None = None,
    n_actions: Sequence[int] | None = None,
    team_reward: Literal["equal", "mean", "sum"] = "equal",
    ends: Literal["equal", "all"] = "equal",
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """Read a vault.

    Args:
        directory: the vault's directory, with metadata.json in it, or its parent if that holds one vault.
        name: the dataset's name; None is ``<vault_name>/<vault_uid>``.
        n_actions: actions per agent; None is the width of infos.legals for every agent, or one more than the largest action.
        team_reward: how per-agent rewards become the team's; by default they must be equal.
        ends: whether agents must end together, or an episode ends when all have.
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: a vault that is incomplete or inconsistent, naming leaf and index.
    """
    with library_errors(str(directory), "a vault that tensorstore can read"):
        base = _locate(Path(directory))
        return _read(base, name, n_actions, team_reward, ends, {"memory_share": memory_share, "scratch": scratch})


def _read(
    base: Path,
    name: str | None,
    n_actions: Sequence[int] | None,
    team_reward: str,
    ends: Literal["equal", "all"],
    plan: dict[str, Any],
) -> OfflineDataset:
    """The vault in ``base``; arguments as in :func:`read_vault`."""
    leaves, notes = _open_leaves(base)
    streams, rows, agents, size = leaves["observations"].shape
    notes.insert(0, "Read from a vault, which keeps rows only: no episode has its final frame.")
    check_rule(str(base), team_reward, ())
    terminated, truncated, lengths = _ends(leaves, ends, notes)
    if team_reward != "equal":
        notes.append(reward_note(team_reward))
    actions = [_actions(base, leaves["actions"].whole(b).reshape(rows, agents), b) for b in range(streams)]
    own = _action_counts(base, leaves, actions, n_actions, notes)
    masks, state = leaves.get("infos.legals"), leaves.get("infos.state")
    arrays = Arrays(
        lengths,
        own,
        state=(state.shape[2], state.dtype) if state else (0, np.float32),
        observation=(size, leaves["observations"].dtype),
        reward=leaves["rewards"].dtype,
        masks=masks is not None,
        **plan,
    )
    for b in range(streams):
        part = slice(b * rows, (b + 1) * rows)
        arrays.actions[part] = actions[b]
        arrays.rewards[part] = combined(str(base), f"rewards[{b}, {{}}]", leaves["rewards"].whole(b), team_reward, ())
        arrays.terminated[part], arrays.truncated[part] = terminated[b], truncated[b]
        _copy_frames(leaves, b, arrays, part)
    label = f"{base.parent.name}/{base.name}" if name is None else name
    return arrays.finish(label, notes=notes, source=str(base), header=_header(base, team_reward))


def _actions(base: Path, values: NDArray[Any], stream: int) -> NDArray[np.int64]:
    return whole_actions(str(base), lambda row, agent: f"actions[{stream}, {row}, {agent}]", values)


def _header(base: Path, team_reward: str) -> DatasetHeader:
    """The header that this package's own vaults carry, and the rule by which rewards were combined here."""
    stored = read_json(base / "metadata.json").get("alberdice_header")
    if not isinstance(stored, str):
        return DatasetHeader(team_reward=header_rule(team_reward))
    source = str(base / "metadata.json")
    own = DatasetHeader.from_json(parse_json(stored, f"{source}: alberdice_header"), source)
    return own if team_reward == "equal" else replace(own, team_reward=team_reward)


def _ends(
    leaves: dict[str, _Leaf], ends: Literal["equal", "all"], notes: list[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """``terminated`` and ``truncated`` (B, T), the last row of each stream made an end, and the lengths of all episodes."""
    streams = range(leaves["observations"].shape[0])
    terminated = np.stack([_flags(leaves["terminals"], b, ends) for b in streams])
    truncated = np.stack([_flags(leaves["truncations"], b, ends) for b in streams])
    last = terminated | truncated
    open_ends = int((~last[:, -1]).sum())
    if open_ends:
        notes.append(f"{open_ends} streams stop inside an episode: the recorded part is kept as a truncated episode.")
    truncated[:, -1] |= ~last[:, -1]
    last[:, -1] = True
    lengths = np.concatenate([np.diff(np.flatnonzero(each), prepend=-1) for each in last])
    cut = int((truncated & ~terminated).sum())
    if cut:
        notes.append(
            f"{cut} truncated episodes: their last step is kept as a step but is no transition, as where it led is unknown."
        )
    return terminated, truncated, lengths


def _copy_frames(leaves: dict[str, _Leaf], stream: int, arrays: Arrays, part: slice) -> None:
    """Copy observations, states and masks of one stream to these rows, piece by piece."""
    for name, target in (("observations", arrays.frame_observations), ("infos.state", arrays.frame_states)):
        for start, piece in leaves[name].pieces(stream) if name in leaves else ():
            target[part.start + start : part.start + start + len(piece)] = piece
    if arrays.frame_masks is not None:
        _copy_masks(leaves["infos.legals"], stream, arrays.frame_masks[part])


def _copy_masks(leaf: _Leaf, stream: int, target: NDArray[np.bool_]) -> None:
    for start, piece in leaf.pieces(stream):
        wrong = (piece != 0) & (piece != 1)
        if wrong.any():
            at = np.argwhere(wrong)[0]
            where = f"{leaf.name}[{stream}, {start + at[0]}, {at[1]}, {at[2]}]"
            raise fail(leaf.source, where, got=piece[tuple(at)], expected="0 or 1")
        target[start : start + len(piece)] = piece


def _action_counts(
    base: Path, leaves: dict[str, _Leaf], actions: list[NDArray[np.int64]], given: Sequence[int] | None, notes: list[str]
) -> tuple[int, ...]:
    """Actions per agent: as given, by this package's own entry in metadata.json, by the masks' width, or by the data."""
    agents = actions[0].shape[1]
    stored = read_json(base / "metadata.json").get("n_actions")
    if given is None and isinstance(stored, str) and stored.replace(",", "").isdigit():
        given = [int(n) for n in stored.split(",")]
    width: int | None = int(leaves["infos.legals"].shape[3]) if "infos.legals" in leaves else None
    if given is not None:
        own: tuple[int, ...] = tuple(int(n) for n in given)
        if len(own) != agents or (width is not None and max(own) != width):
            expected = f"{agents} agents" + (
                f", at most {width} actions, the width of infos.legals" if width is not None else ""
            )
            raise fail(str(base), "n_actions", got=own, expected=expected)
        return own
    if width is not None:
        notes.append("Every agent is taken to have as many actions as infos.legals is wide.")
        return tuple([width] * agents)
    largest = max(int(each.max()) for each in actions) + 1
    notes.append(f"No infos.legals: every agent is taken to have {largest} actions, one more than the largest one seen.")
    return tuple([max(largest, 1)] * agents)
