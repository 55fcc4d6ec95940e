"""The one in-memory form of an offline multi-agent dataset.

E episodes with L_0, ..., L_{E-1} steps each, T = sum of L_e, N agents, agent i with A_i actions, A = max A_i, states of S
features and observations of O features per agent.  A *step* is (s_t, o_t, a_t, r_t, terminated_t, truncated_t, avail_t); a
*frame* is what the environment showed, (s_t, o_t, avail_t).  An episode has L_e steps and L_e + 1 frames: the last frame is
where its last step led.  All frames lie in one array of F = T + E rows,

    rows 0 .. T-1     the frames of the steps, episode after episode,
    row  T + e        the final frame of episode e,

so that ``states`` is a view of the first T rows, and the state after step k is row ``next_row[k]``, which is k + 1 inside an
episode and T + e at its end.  Nothing is stored twice.

``terminated`` means that the process ended (no value beyond); ``truncated`` means that a time limit cut the record, and the
process went on.  Both are true at most at the last step of an episode, where at least one of them is.

Some formats do not keep the final frame.  Then ``final_known[e]`` is False and row T + e is zero, which stands for nothing.  If
the episode terminated, its last step is still a full transition, as nothing after it matters.  If it was truncated, its last
step is a step but not a transition: ``usable`` leaves it out, and the loader says so in ``notes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alberdice import markup
from alberdice.datasets.digests import ARRAYS, array_digest, content_digest
from alberdice.datasets.episode import Episode
from alberdice.datasets.gathered import batch_of, episode_of, windows_of
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.memory import mapping_of
from alberdice.datasets.validation import check_index, validate
from alberdice.errors import InvalidArgumentError

if TYPE_CHECKING:
    from alberdice.datasets.torch_view import TorchDataset

__all__ = ["Episode", "OfflineDataset"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class OfflineDataset:
    """An offline dataset: flat, typed, named, checked and read-only arrays.  See the module for the layout.

    Args:
        name: what people call it.
        n_actions: (A_1, ..., A_N).
        frame_states: (T + E, S), any float or integer type.
        frame_observations: (T + E, N, O), likewise.
        actions: (T, N) int64, in 0 .. A_i - 1.
        rewards: (T,) float; the team's reward, one number per step.
        terminated: (T,) bool.
        truncated: (T,) bool.
        lengths: (E,) int64, steps per episode.
        frame_masks: (T + E, N, A) bool, which actions were available; None: the source does not say, and all are.
        final_known: (E,) bool, whether row T + e holds the final frame; None: all do.
        notes: what the loader assumed or could not keep, one sentence each.
        source: file or recipe, for messages.
        header: environment, agents' names, the team's reward, episode limit, recipe.

    Raises:
        InvalidDataError: anything that does not fit, naming field, index, what was got and what was expected.
    """

    name: str
    n_actions: tuple[int, ...]
    frame_states: Array
    frame_observations: Array
    actions: NDArray[np.int64]
    rewards: Array
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    lengths: NDArray[np.int64]
    frame_masks: NDArray[np.bool_] | None = None
    final_known: NDArray[np.bool_] = None  # type: ignore[assignment]
    notes: tuple[str, ...] = ()
    source: str = ""
    header: DatasetHeader = field(default_factory=DatasetHeader)
    episode: NDArray[np.int64] = field(init=False)
    time: NDArray[np.int64] = field(init=False)
    starts: NDArray[np.int64] = field(init=False)
    next_row: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.final_known is None:
            put(self, "final_known", np.ones(np.shape(self.lengths), np.bool_))
        put(self, "n_actions", tuple(self.n_actions))
        put(self, "notes", tuple(self.notes))
        validate(self)
        put(self, "n_actions", tuple(int(n) for n in self.n_actions))
        steps, episodes = len(self.actions), len(self.lengths)
        ends = np.cumsum(self.lengths)
        put(self, "starts", ends - self.lengths)
        put(self, "episode", np.repeat(np.arange(episodes), self.lengths))
        put(self, "time", np.arange(steps) - np.repeat(self.starts, self.lengths))
        next_row = np.arange(1, steps + 1)
        next_row[ends - 1] = steps + np.arange(episodes)
        put(self, "next_row", next_row)
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray):
                locked = value.view()
                locked.flags.writeable = False
                put(self, each.name, locked)

    def __repr__(self) -> str:
        return (
            f"OfflineDataset({self.name!r}: {self.n_episodes:,} episodes, {self.n_steps:,} steps, {self.n_agents} agents, "
            f"actions {self.n_actions}, S={self.state_size}, O={self.observation_size})"
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        rows = [
            ("episodes, steps", f"{self.n_episodes:,}, {self.n_steps:,}"),
            ("agents, actions", f"{self.n_agents}: {', '.join(map(str, self.n_actions))}"),
            ("features of states, observations", f"{self.state_size}, {self.observation_size}"),
            ("mean return", float(self.returns.mean()) if self.n_episodes else None),
        ]
        return markup.table(("", ""), rows, caption=self.name)

    # ---- sizes -------------------------------------------------------------------------------------------------------

    @property
    def n_agents(self) -> int:
        """N."""
        return len(self.n_actions)

    @property
    def n_steps(self) -> int:
        """T, over all episodes."""
        return len(self.actions)

    @property
    def n_episodes(self) -> int:
        """E."""
        return len(self.lengths)

    @property
    def state_size(self) -> int:
        """S; 0 where the source holds no state."""
        return int(self.frame_states.shape[1])

    @property
    def observation_size(self) -> int:
        """O, per agent."""
        return int(self.frame_observations.shape[2])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays together."""
        return sum(getattr(self, f.name).nbytes for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray))

    @property
    def memory_mapped(self) -> bool:
        """Whether the observations live in a scratch file rather than in memory."""
        return mapping_of(self.frame_observations) is not None

    # ---- arrays by step ----------------------------------------------------------------------------------------------

    @property
    def states(self) -> Array:
        """(T, S), a view."""
        return self.frame_states[: self.n_steps]

    @property
    def observations(self) -> Array:
        """(T, N, O), a view."""
        return self.frame_observations[: self.n_steps]

    @property
    def action_masks(self) -> NDArray[np.bool_]:
        """(T, N, A), True where available; a view, or one broadcast row where the source has no masks."""
        return self.masks_of(slice(0, self.n_steps))

    @property
    def next_states(self) -> Array:
        """(T, S), a copy; zero where :attr:`next_known` is False."""
        return self.frame_states[self.next_row]

    @property
    def next_observations(self) -> Array:
        """(T, N, O), a copy; zero where :attr:`next_known` is False."""
        return self.frame_observations[self.next_row]

    @property
    def next_action_masks(self) -> NDArray[np.bool_]:
        """(T, N, A), a copy; False where :attr:`next_known` is False."""
        return self.masks_of(self.next_row)

    @property
    def next_known(self) -> NDArray[np.bool_]:
        """(T,), whether the frame after the step is in the data."""
        known = np.ones(self.n_steps, np.bool_)
        known[self.starts + self.lengths - 1] = self.final_known
        return known

    @cached_property
    def usable(self) -> NDArray[np.int64]:
        """(K,) indices of the steps that are transitions: the next frame is known, or the process ended there."""
        indices = np.flatnonzero(self.next_known | self.terminated)
        indices.flags.writeable = False
        return indices

    @property
    def returns(self) -> NDArray[np.float64]:
        """(E,), undiscounted sum of team rewards of each episode."""
        return np.add.reduceat(self.rewards.astype(np.float64), self.starts)

    def masks_of(self, rows: Any) -> NDArray[np.bool_]:
        """Masks of these frame rows, (..., N, A); unknown final frames have no available action."""
        if self.frame_masks is not None:
            chosen: NDArray[np.bool_] = self.frame_masks[rows]
            return chosen
        own = np.arange(max(self.n_actions))[None, :] < np.asarray(self.n_actions)[:, None]
        shape = np.empty(self.n_steps + self.n_episodes, np.bool_)[rows].shape
        if isinstance(rows, slice):
            return np.broadcast_to(own, (*shape, *own.shape))
        known = np.concatenate([np.ones(self.n_steps, np.bool_), self.final_known])[rows]
        available: NDArray[np.bool_] = own & known[..., None, None]
        return available

    # ---- views -------------------------------------------------------------------------------------------------------

    def batch(self, index: Any) -> dict[str, Array]:
        """Transitions of these steps, gathered.

        Args:
            index: (B,) integers in 0 .. T - 1.

        Returns:
            states, next_states (B, S); observations, next_observations (B, N, O); actions (B, N); action_masks,
            next_action_masks (B, N, A); rewards, terminated, truncated, next_known, episode, time (B,).

        Raises:
            InvalidArgumentError: an index out of range or not an integer.
        """
        return batch_of(self, check_index(index, self.n_steps))

    @property
    def transitions(self) -> dict[str, Array]:
        """All transitions (:meth:`batch` of :attr:`usable`): a copy, about twice the memory of the dataset."""
        return self.batch(self.usable)

    def sample(self, size: int, generator: np.random.Generator) -> dict[str, Array]:
        """``size`` transitions drawn uniformly with replacement (:meth:`batch`)."""
        if size < 1:
            raise InvalidArgumentError("size", got=size, expected="at least 1")
        usable = self.usable
        if not len(usable):
            raise InvalidArgumentError(self.name, got="no transition", expected="at least one step with a known next frame")
        return self.batch(usable[generator.integers(len(usable), size=size)])

    def windows(self, index: Any, length: int) -> dict[str, Array]:
        """Histories of ``length`` steps ending with these steps, padded on the left with zeros.

        Args:
            index: (B,) integers in 0 .. T - 1, the last step of each window.
            length: k >= 1.

        Returns:
            states (B, k, S), observations (B, k, N, O), actions (B, k, N), rewards, terminated, truncated (B, k), action_masks
            (B, k, N, A), and ``valid`` (B, k), False where the episode had not begun.

        Raises:
            InvalidArgumentError: an index out of range, or a length below 1.
        """
        last = check_index(index, self.n_steps)
        if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
            raise InvalidArgumentError("length", got=length, expected="an integer, at least 1")
        return windows_of(self, last, int(length))

    def get_episode(self, index: int) -> Episode:
        """Episode ``index``, as views."""
        rows = check_index([index], self.n_episodes)
        return episode_of(self, int(rows[0]))

    @property
    def episodes(self) -> Iterator[Episode]:
        """Every episode in turn, as views."""
        return (self.get_episode(index) for index in range(self.n_episodes))

    def to_torch(self, device: str = "cpu") -> TorchDataset:
        """The same dataset as tensors; on the CPU they share this dataset's memory.  Needs torch."""
        from alberdice.datasets.torch_view import TorchDataset

        return TorchDataset(self, device)

    # ---- digests -----------------------------------------------------------------------------------------------------

    @cached_property
    def array_digests(self) -> dict[str, str]:
        """SHA-256 of each flat array, by name; about half a second per gigabyte, once."""
        present = {name: getattr(self, name) for name in ARRAYS}
        return {name: array_digest(array) for name, array in present.items() if array is not None}

    @property
    def digest(self) -> str:
        """SHA-256 of all that training reads: the arrays and the numbers of actions, whatever name and notes are."""
        return content_digest(self.n_actions, self.array_digests)

    # ---- changed copies ----------------------------------------------------------------------------------------------

    def with_notes(self, *notes: str, name: str | None = None) -> OfflineDataset:
        """The same arrays under more notes and, if given, another name."""
        return replace(self, name=self.name if name is None else name, notes=(*self.notes, *notes))

    def with_header(self, **fields: Any) -> OfflineDataset:
        """The same arrays with these fields of the header changed, e.g. ``environment="bridge"``."""
        unknown = sorted(set(fields) - set(DatasetHeader.__dataclass_fields__))
        if unknown:
            expected = f"one of {', '.join(DatasetHeader.__dataclass_fields__)}"
            raise InvalidArgumentError("header", got=repr(unknown[0]), expected=expected)
        return replace(self, header=replace(self.header, **fields))

    def with_joint_observation_as_state(self) -> OfflineDataset:
        """The same dataset whose state is all agents' observations side by side, S = N O, for sources without a state."""
        joint = self.frame_observations.reshape(len(self.frame_observations), -1)
        note = "The state is the agents' observations side by side; the source's own state, if any, was set aside."
        return replace(self, frame_states=joint, notes=(*self.notes, note))
