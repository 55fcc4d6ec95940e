"""Where a game has no table of states: how far policies' joint actions at the data's own states are from the data's (Figure 5).

U(s, a)    of the random prior (``deep.play.out_of_data``), fitted to the data's pairs
states     those of some of the data's episodes; what came before, for policies with a memory, is what the data show
actions    one joint action per state, drawn from the policies
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.datasets import OfflineDataset
from alberdice.deep.play.out_of_data import RandomPrior
from alberdice.deep.play.venue import data_of
from alberdice.deep.policies import Policies
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.experiments.planned import PlannedRun

__all__ = ["Sampled", "sampled_of", "uncertainty_at_the_data"]

#: episodes of the data whose states are taken
_EPISODES = 100


@dataclass(frozen=True)
class Sampled:
    """What the estimator of a dataset says.

    Attributes:
        data: U of the data's own pairs.
        threshold: above it lies what is estimated to be outside the data.
        played: per run's folder, U of the pairs that its policies make of the data's states.
    """

    data: FloatArray
    threshold: float
    played: dict[Path, FloatArray]

    def share(self, folder: Path) -> float | None:
        """Share of a run's pairs outside the data; None if it left no policies."""
        found = self.played.get(folder)
        return None if found is None else float((found > self.threshold).mean())


def sampled_of(runs: Sequence[PlannedRun], note: Callable[[str], None]) -> dict[str, Sampled]:
    """Fit one estimator per dataset of these finished runs, with seed 0, and judge all its runs by it."""
    found = {}
    for dataset in dict.fromkeys(run.dataset for run in runs):
        own = [run for run in runs if run.dataset == dataset]
        data = data_of(asdict(own[0].config))
        note(f"uncertainty of {dataset}")
        prior = RandomPrior.fit(data)
        source = data if data.state_size else data.with_joint_observation_as_state()
        played = {
            run.folder: uncertainty_at_the_data(policies_of_run(run.folder), source, prior, run.seed)
            for run in own
            if RunDirectory(run.folder).has_checkpoint
        }
        found[dataset] = Sampled(prior.uncertainties(source.states, source.actions), prior.threshold, played)
    return found


def uncertainty_at_the_data(policies: Policies, data: OfflineDataset, prior: RandomPrior, seed: int) -> FloatArray:
    """U(s, a) of joint actions that the policies draw at the states of up to 100 episodes of the data, evenly chosen.

    Args:
        policies: with or without a memory.
        data: with states.
        prior: the estimator.
        seed: of the draws.
    """
    chosen = np.unique(np.linspace(0, data.n_episodes - 1, min(_EPISODES, data.n_episodes)).astype(np.int64))
    starts, lengths = data.starts[chosen], data.lengths[chosen]
    actor, draw = policies.actor(len(chosen)), np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 5])))
    masks = data.frame_masks
    found: list[FloatArray] = []
    for time in range(int(lengths.max())):
        rows: NDArray[np.int64] = starts + np.minimum(time, lengths - 1)
        available = None if masks is None else np.asarray(masks[rows])
        actions = actor.act(np.asarray(data.observations[rows]), available, draw)
        going = time < lengths
        found.append(prior.uncertainties(np.asarray(data.states[rows[going]]), actions[going]))
        taken, paid = np.array(data.actions[rows]), np.array(data.rewards[rows])
        actor.observe(torch.from_numpy(taken), torch.from_numpy(paid).float())
    return np.concatenate(found)
