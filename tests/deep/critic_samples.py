"""What the tests of learners with critics share: small populations as datasets, and runs that are stopped and resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep_samples import equal, tiny

import alberdice as ad
from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory


class Killed(BaseException):
    """As if the process had ended: nothing catches it."""


def one_step_dataset(
    seed: int, states: int = 3, *, terminated: bool = False, reward: float | None = None, steps: int = 6
) -> tuple[OfflineDataset, ad.MMDP, ad.DataDistribution]:
    """Episodes round a ring of one-hot states whatever is done; their MMDP (discount 1/2) and the counts of (s, a).

    Three agents with 2, 3 and 2 actions; rewards of (s, a) at random, or all alike.
    """
    generator, n_actions = np.random.default_rng(seed), (2, 3, 2)
    table = generator.normal(size=(states, *n_actions)) if reward is None else np.full((states, *n_actions), reward)
    counts, episodes, eye = np.zeros(table.shape), [], np.eye(states)
    for episode in range(60):
        actions = np.stack([generator.integers(k, size=steps) for k in n_actions], axis=1)
        at = (episode + np.arange(steps + 1)) % states
        np.add.at(counts, (at[:-1], *actions.T), 1.0)
        rewards = table[(at[:-1], *actions.T)]
        cuts = range(steps) if terminated else (0,)
        for cut in cuts:
            part = slice(cut, cut + 1) if terminated else slice(0, steps)
            shown = eye[at[cut : cut + 2]] if terminated else eye[at]
            episodes.append(
                EpisodeArrays(
                    states=shown,
                    observations=np.repeat(shown[:, None], 3, axis=1),
                    actions=actions[part],
                    rewards=rewards[part],
                    terminated=terminated,
                )
            )
    transition = np.zeros((*table.shape, states))
    for s in range(states):
        transition[s, ..., (s + 1) % states] = 1.0
    model = ad.MMDP(transition, table, np.full(states, 1 / states), 0.5)
    return from_episodes("ring", n_actions, episodes), model, ad.DataDistribution.from_counts(counts)


def resumes_bit_for_bit(algorithm: str, folder: Path) -> None:
    """Stopped as if killed at several updates, between checkpoints and on them; resumed, the run ends with the same bits."""
    train(tiny(algorithm), folder / "whole")
    for at in (1, 5, 7, 11):
        updates = iter(range(1, 100))

        def progress(note: str, at: int = at, updates: object = updates) -> None:
            if next(updates) == at:  # type: ignore[call-overload]
                raise Killed

        with pytest.raises(Killed):
            train(tiny(algorithm), folder / str(at), progress=progress)
        train(tiny(algorithm), folder / str(at), resume=True)
        assert equal(*(RunDirectory(folder / name).load()[0] for name in ("whole", str(at))))
