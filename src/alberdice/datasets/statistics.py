"""What a dataset holds: returns, lengths, actions, coverage, duplicates.

With c(a) the count of joint action a over all T steps, p = c / T and p_i its marginals,

    joint-action entropy       H = - sum_a p(a) log p(a)                                    (nats)
    total correlation          C = sum_i H(p_i) - H >= 0, zero iff agents act independently
    joint-action coverage      |{a: c(a) > 0}| / prod_i A_i
    product outside support    1 - sum over {a: c(a) > 0} of prod_i p_i(a_i)

The last is the chance that agents who each copy their own marginal pick a joint action that the data do not hold: the reason
why offline multi-agent learning is not N times offline learning.  States, transitions and episodes are counted as distinct by a
128-bit hash of their bytes (equal rows always count as equal; two different rows are confused with probability near 2^-100).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.cautions import cautions, never_repeat
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.validation import blocks

__all__ = ["DatasetSummary", "Spread", "joint_action_counts", "summarise"]


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and quantiles of a sample."""

    mean: float
    std: float
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float

    @classmethod
    def of(cls, sample: NDArray[Any]) -> Spread:
        """The spread of a non-empty sample."""
        low, first, mid, third, high = (float(q) for q in np.quantile(sample, [0, 0.25, 0.5, 0.75, 1]))
        return cls(float(np.mean(sample)), float(np.std(sample)), low, first, mid, third, high)


@dataclass(frozen=True)
class DatasetSummary:
    """The module's quantities for one dataset; ``as_json`` gives plain types.

    ``action_frequencies[i][a]`` is p_i(a); ``most_frequent`` lists up to ten joint actions with their counts;
    ``total_correlation`` is None where states hardly repeat, as it then says nothing; ``lone_state_actions`` counts pairs of
    state and joint action that occur in one step alone; ``warnings`` are sentences about what a learner should know; ``notes``
    are the loader's; ``header`` says environment, agents and the team's reward; ``digest`` is the data's SHA-256.
    """

    name: str
    source: str
    episodes: int
    steps: int
    transitions: int
    agents: int
    n_actions: tuple[int, ...]
    state_size: int
    observation_size: int
    types: dict[str, str]
    megabytes: float
    memory_mapped: bool
    has_masks: bool
    returns: Spread
    lengths: Spread
    rewards: Spread
    terminated_episodes: int
    truncated_episodes: int
    unknown_final_frames: int
    action_frequencies: tuple[tuple[float, ...], ...]
    joint_actions: int
    joint_action_space: int
    joint_action_coverage: float
    joint_action_entropy: float
    total_correlation: float | None
    product_outside_support: float
    most_frequent: tuple[tuple[tuple[int, ...], int], ...]
    distinct_states: int
    distinct_state_actions: int
    lone_state_actions: int
    duplicate_transitions: int
    duplicate_episodes: int
    header: dict[str, Any]
    digest: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The summary in the types that JSON knows."""
        return asdict(self)


def row_keys(array: NDArray[Any]) -> NDArray[np.uint64]:
    """(rows, 2) hashes of the rows of an array; equal rows (with -0 equal to 0) have equal keys."""
    flat = array.reshape(len(array), -1)
    words = math.ceil(flat.shape[1] * flat.dtype.itemsize / 4)
    draw = np.random.Generator(np.random.Philox(20231205))  # fixed multipliers: a hash function, not a random draw
    factors = draw.integers(0, 1 << 63, size=(words + 1, 2), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    keys = np.empty((len(flat), 2), np.uint64)
    for first, piece in blocks(flat):
        whole = np.ascontiguousarray(piece + piece.dtype.type(0) if piece.dtype.kind == "f" else piece)
        raw = np.zeros((len(whole), words * 4), np.uint8)
        raw[:, : whole.shape[1] * whole.itemsize] = whole.view(np.uint8).reshape(len(whole), -1)
        numbers = raw.view("<u4").astype(np.uint64)
        mixed = numbers @ factors[:words] + factors[words]
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        keys[first : first + len(piece)] = mixed
    return keys


def _combine(keys: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return row_keys(np.concatenate(list(keys), axis=1))


def _distinct(keys: NDArray[np.uint64]) -> int:
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ranked = keys[order]
    return int(1 + np.count_nonzero((ranked[1:] != ranked[:-1]).any(axis=1)))


def _lone(keys: NDArray[np.uint64]) -> int:
    """Keys that occur once."""
    ranked = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
    new = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1), [True]])
    return int(np.count_nonzero(new[1:] & new[:-1]))


def joint_action_counts(dataset: OfflineDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct joint actions (K, N), in lexicographic order, and how often each was taken (K,)."""
    sizes = dataset.n_actions
    if math.prod(sizes) < 1 << 62:
        code = np.ravel_multi_index(tuple(dataset.actions.T), sizes)
        values, counts = np.unique(code, return_counts=True)
        return np.stack(np.unravel_index(values, sizes), axis=1), counts
    actions, counts = np.unique(dataset.actions, axis=0, return_counts=True)
    return actions, counts


def _entropy(p: NDArray[Any]) -> float:
    positive = p[p > 0]
    return float(-np.sum(positive * np.log(positive))) + 0.0


def _episode_keys(dataset: OfflineDataset, steps: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One key per episode: a sum over its steps of their keys mixed with the time, and its length."""
    timed = row_keys(np.concatenate([steps, dataset.time[:, None].astype(np.uint64)], axis=1))
    total = np.add.reduceat(timed, dataset.starts, axis=0)
    return np.concatenate([total, dataset.lengths[:, None].astype(np.uint64)], axis=1)


def summarise(dataset: OfflineDataset) -> DatasetSummary:
    """Statistics and warnings of a dataset; a few seconds per gigabyte."""
    actions, counts = joint_action_counts(dataset)
    total = dataset.n_steps
    marginals = [np.bincount(dataset.actions[:, i], minlength=n) / total for i, n in enumerate(dataset.n_actions)]
    entropy = _entropy(counts / total)
    product = np.prod([marginals[i][actions[:, i]] for i in range(dataset.n_agents)], axis=0)
    frames = _combine([row_keys(dataset.frame_states), row_keys(dataset.frame_observations)])
    states = frames if dataset.state_size == 0 else row_keys(dataset.frame_states)
    taken = row_keys(dataset.actions)
    scalars = np.stack([dataset.terminated, dataset.truncated], axis=1)
    steps = _combine([frames[:total], taken, frames[dataset.next_row], row_keys(dataset.rewards[:, None]), row_keys(scalars)])
    top = np.argsort(-counts, kind="stable")[:10]
    distinct, pairs = _distinct(states[:total]), _combine([states[:total], taken])
    lone = _lone(pairs)
    ends = dataset.starts + dataset.lengths - 1
    summary = DatasetSummary(
        name=dataset.name,
        source=dataset.source,
        episodes=dataset.n_episodes,
        steps=total,
        transitions=len(dataset.usable),
        agents=dataset.n_agents,
        n_actions=dataset.n_actions,
        state_size=dataset.state_size,
        observation_size=dataset.observation_size,
        types={k: str(getattr(dataset, k).dtype) for k in ("states", "observations", "actions", "rewards")},
        megabytes=round(dataset.nbytes / 1e6, 3),
        memory_mapped=dataset.memory_mapped,
        has_masks=dataset.frame_masks is not None,
        returns=Spread.of(dataset.returns),
        lengths=Spread.of(dataset.lengths),
        rewards=Spread.of(dataset.rewards.astype(np.float64)),
        terminated_episodes=int(dataset.terminated[ends].sum()),
        truncated_episodes=int(dataset.truncated[ends].sum()),
        unknown_final_frames=int((~dataset.final_known).sum()),
        action_frequencies=tuple(tuple(float(x) for x in p) for p in marginals),
        joint_actions=len(counts),
        joint_action_space=math.prod(dataset.n_actions),
        joint_action_coverage=len(counts) / math.prod(dataset.n_actions),
        joint_action_entropy=entropy,
        total_correlation=None if never_repeat(distinct, total) else max(0.0, sum(map(_entropy, marginals)) - entropy),
        product_outside_support=max(0.0, 1.0 - float(product.sum())),
        most_frequent=tuple((tuple(int(a) for a in actions[k]), int(counts[k])) for k in top),
        distinct_states=distinct,
        distinct_state_actions=_distinct(pairs),
        lone_state_actions=lone,
        duplicate_transitions=total - _distinct(steps),
        duplicate_episodes=dataset.n_episodes - _distinct_wide(_episode_keys(dataset, steps)),
        header=dataset.header.as_json(),
        digest=dataset.digest,
        notes=dataset.notes,
        warnings=(),
    )
    return _with_warnings(summary, cautions(dataset, distinct, lone))


def _distinct_wide(keys: NDArray[np.uint64]) -> int:
    return _distinct(row_keys(keys))


def _with_warnings(summary: DatasetSummary, first: list[str]) -> DatasetSummary:
    found = list(first)
    for agent, frequencies in enumerate(summary.action_frequencies):
        never = [a for a, p in enumerate(frequencies) if p == 0]
        if never:
            found.append(f"Agent {agent + 1} never takes action{'s' if len(never) > 1 else ''} {', '.join(map(str, never))}.")
    if summary.product_outside_support > 0.01:
        share = f"{100 * summary.product_outside_support:.1f}%"
        found.append(f"Agents who copy their own marginals would pick joint actions absent from the data {share} of the time.")
    if summary.steps - summary.transitions:
        found.append(f"{summary.steps - summary.transitions} steps are no transitions: where they led is not in the data.")
    if summary.rewards.minimum == summary.rewards.maximum:
        found.append(f"Every reward is {summary.rewards.minimum:g}: there is nothing to learn from rewards.")
    if summary.duplicate_episodes:
        found.append(f"{summary.duplicate_episodes} of {summary.episodes} episodes repeat another one exactly.")
    if summary.state_size == 0:
        found.append("The source holds no global state; use with_joint_observation_as_state() where one is needed.")
    if summary.observation_size == 0:
        found.append("The source holds no observations.")
    if not summary.has_masks:
        found.append("The source says nothing about available actions: all are taken to be.")
    return DatasetSummary(**{**summary.__dict__, "warnings": tuple(found)})
