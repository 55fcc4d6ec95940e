"""The last step before a time limit, where its reward is not the rules': how to see that, and to leave such steps out.

Some environments pay 0 on the step at their limit.  Such rows differ from all others for a reason outside the model, and
weights exp(e / alpha) find them.
"""

from __future__ import annotations

import numpy as np

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidDataError

__all__ = ["limit_step_warning", "without_limit_steps"]

#: truncated episodes below which nothing is said
_FEW = 10
#: probability below which it is no chance
_CHANCE = 1e-6


def limit_step_warning(dataset: OfflineDataset) -> str:
    """That all truncated last steps have one reward, which other steps of these episodes have too rarely for that to be chance.

    If a share p of the others has it, n last steps all have it with probability p^n.
    """
    cut = dataset.truncated & ~dataset.terminated
    if cut.sum() < _FEW:
        return ""
    last, inner = dataset.rewards[cut], dataset.rewards[cut[_ends(dataset)][dataset.episode] & ~cut]
    if len(inner) == 0 or np.ptp(last) > 0:
        return ""
    share_inside = float((inner == last[0]).mean())
    if share_inside > 0 and len(last) * np.log(share_inside) > np.log(_CHANCE):
        return ""
    others = f"only {100 * share_inside:.2g}% of the other steps" if share_inside else "no other step"
    share = f"all {len(last)} truncated last steps have reward {last[0]:g}, {others} of these episodes does"
    return f"The end of episodes looks like the recorder's: {share}; leave them out (--drop-limit-steps on import)."


def without_limit_steps(dataset: OfflineDataset) -> OfflineDataset:
    """The same episodes without the last step of those that were truncated; episodes of that one step are left out.

    Raises:
        InvalidDataError: nothing is left.
    """
    kept = []
    for episode in dataset.episodes:
        cut = bool(episode.truncated[-1]) and not bool(episode.terminated[-1])
        length = len(episode.actions) - int(cut)
        if length == 0:
            continue
        known = cut or episode.final_state is not None
        frames = np.arange(episode.start, episode.start + length)
        rows = np.append(frames, dataset.next_row[frames[-1]]) if known else frames
        kept.append(
            EpisodeArrays(
                states=dataset.frame_states[rows],
                observations=dataset.frame_observations[rows],
                actions=episode.actions[:length],
                rewards=episode.rewards[:length],
                terminated=bool(episode.terminated[length - 1]),
                truncated=cut or bool(episode.truncated[length - 1]),
                action_masks=None if dataset.frame_masks is None else dataset.frame_masks[rows],
            )
        )
    if not kept:
        raise InvalidDataError(dataset.name, got="one truncated step in every episode", expected="a step before it")
    dropped = int((dataset.truncated & ~dataset.terminated).sum())
    notes = (*dataset.notes, f"The last step of {dropped} truncated episodes was left out.")
    return from_episodes(dataset.name, dataset.n_actions, kept, notes=notes, source=dataset.source, header=dataset.header)


def _ends(dataset: OfflineDataset) -> np.ndarray:
    """The last step of every episode, ``(E,)``."""
    return np.asarray(dataset.starts + dataset.lengths - 1)
