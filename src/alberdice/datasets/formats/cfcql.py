"""CFCQL's datasets: padded episodes, flat keys of one HDF5 file.

    state, obs, actions, avail_actions, probs, reward, terminated, filled

The layout is that of :mod:`alberdice.datasets.formats.padded`.  ``probs`` (E, R, N, A), the behaviour policy's probabilities,
has no place in the in-memory form: its shape is checked, and the notes say that it was left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.padded import Padded, read_padded
from alberdice.datasets.hdf5 import HDF5, check_links, open_hdf5
from alberdice.datasets.header import DatasetHeader
from alberdice.errors import fail
from alberdice.readers import library_errors

__all__ = ["read_cfcql"]

_FIELDS = ("actions", "avail_actions", "filled", "obs", "reward", "state", "terminated")


def read_cfcql(
    path: str | Path,
    *,
    name: str | None = None,
    episode_limit: int | None = None,
    n_actions: Sequence[int] | None = None,
    team_reward: str = "equal",
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """Read a CFCQL file.

    Args:
        path: the .h5 file.
        name: the dataset's name; None is the file's.
        episode_limit: steps at which the writer's time limit cut episodes; those are then truncated rather than terminated.
        n_actions: actions per agent; None is the width of avail_actions for every agent.
        team_reward: where rewards are per agent, how they become the team's: 'mean' or 'sum'; by default they must be equal.
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: a file truncated or inconsistent, a key missing, naming field and index.
    """
    where = Path(path)
    with library_errors(f"{where}: file", HDF5), open_hdf5(where) as file:
        arrays = {key: check_links(where, file, key) for key in _FIELDS}
        notes = ["Read from a CFCQL file."]
        if "probs" in file:
            shape, wanted = check_links(where, file, "probs").shape, arrays["avail_actions"].shape
            if shape != wanted:
                raise fail(str(where), "probs.shape", got=shape, expected=f"{wanted}, as avail_actions")
            notes.append("The behaviour policy's probabilities (`probs`) are in the file and were not kept.")
        left = sorted(set(file) - {*_FIELDS, "probs"})
        if left:
            notes.append(f"Keys that were not read: {', '.join(left)}.")
        if n_actions is None:
            notes.append("Every agent is taken to have as many actions as avail_actions is wide.")
        for key, array in arrays.items():
            if not array.ndim:
                raise fail(str(where), f"{key}.shape", got=array.shape, expected="(episodes, rows, ...)")
        loaded = {key: array if key in ("obs", "state") else array[()] for key, array in arrays.items()}
        return read_padded(
            Padded(str(where), loaded),
            where.stem if name is None else name,
            episodes=len(arrays["actions"]),
            n_actions=n_actions,
            episode_limit=episode_limit,
            team_reward=team_reward,
            notes=notes,
            header=DatasetHeader(),
            memory_share=memory_share,
            scratch=scratch,
        )
