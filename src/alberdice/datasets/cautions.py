"""What tends to ruin runs and shows in the data before any: a sentence each, which ``inspect`` prints as a warning."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.limit_steps import limit_step_warning

__all__ = ["cautions", "never_repeat"]

#: steps below which nothing is said of how often states repeat
_FEW = 20
#: share of distinct states, or of steps at lone pairs, from which one speaks of most of them
_MOST = 0.9
#: largest rewards within this factor of 1 are of its scale
_SCALE = 100.0
#: constant features that are named
_NAMED = 8


def never_repeat(distinct_states: int, steps: int) -> bool:
    """Whether hardly a state occurs twice, so that nothing can be counted state by state."""
    return steps >= _FEW and distinct_states > _MOST * steps


def cautions(dataset: OfflineDataset, distinct_states: int, lone_pairs: int) -> list[str]:
    """Sentences about these data.

    Args:
        dataset: the data.
        distinct_states: how many different states its steps have.
        lone_pairs: pairs of state and joint action that occur in one step alone.
    """
    steps = dataset.n_steps
    found = [limit_step_warning(dataset), _one_length(dataset), *_constant(dataset), _scale(dataset)]
    if never_repeat(distinct_states, steps):
        found.append(
            f"States hardly repeat, {distinct_states:,} different ones in {steps:,} steps: nothing can be counted by state. "
            "The empirical model, its certificates and the total correlation mean nothing; use coarser states, or networks."
        )
    elif steps >= _FEW and lone_pairs > steps * (1 - _MOST):
        share = f"{100 * lone_pairs / steps:.0f}%"
        found.append(
            f"{lone_pairs:,} pairs of state and joint action occur once, {share} of the steps: what follows them is known from "
            "a single step, and the empirical model takes it for certain."
        )
    return [each for each in found if each]


def _one_length(dataset: OfflineDataset) -> str:
    length = int(dataset.lengths[0])
    ends = dataset.starts + dataset.lengths - 1
    if dataset.n_episodes < 2 or length < 2 or (dataset.lengths != length).any() or dataset.header.episode_limit is not None:
        return ""
    if dataset.terminated[ends].all():
        return (
            f"All {dataset.n_episodes} episodes are terminated after exactly {length} steps: a time limit may have been "
            "recorded as termination; say so on import (--episode-limit)."
        )
    return f"All {dataset.n_episodes} episodes have exactly {length} steps, and no limit is given (--episode-limit on import)."


def _constant(dataset: OfflineDataset) -> list[str]:
    """Features that never change, by number."""
    known = np.concatenate([np.ones(dataset.n_steps, np.bool_), dataset.final_known])
    found = []
    if dataset.state_size and _changing(dataset.frame_states, known).any():
        found.append(_listed("state", np.flatnonzero(~_changing(dataset.frame_states, known)), ""))
    for agent in range(dataset.n_agents if dataset.observation_size else 0):
        changing = _changing(dataset.frame_observations[:, agent], known)
        if changing.any():  # one-shot games have a constant for a feature, and say so in their notes
            name = dataset.header.agents[agent] if dataset.header.agents else f"agent {agent + 1}"
            found.append(_listed("observation", np.flatnonzero(~changing), f" of {name}"))
    return found


def _changing(frames: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    first = frames[0]
    return np.asarray((frames != first)[known].any(axis=0))


def _listed(what: str, features: NDArray[np.int64], whose: str) -> str:
    if not len(features):
        return ""
    numbers = ", ".join(map(str, features[:_NAMED])) + (", ..." if len(features) > _NAMED else "")
    return f"{len(features)} {what} features{whose} never change: {numbers} (from 0)."


def _scale(dataset: OfflineDataset) -> str:
    largest = float(np.abs(dataset.rewards).max())
    if largest == 0 or 1 / _SCALE <= largest <= _SCALE:
        return ""
    power = 10 ** round(math.log10(largest))
    return (
        f"Rewards reach {largest:g}, far from 1: alpha of `solve` counts in their unit, so multiply it by about {power:g}, or "
        "divide the rewards."
    )
