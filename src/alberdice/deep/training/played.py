"""Whether play shows that policies came out below the data, or below the clone that they began from.

Of a run whose policies no score has judged (``select = last``), play is what can tell.  On the episodes of the last evaluation,
the same ones for both, d_k = R_k(policies) - R_k(clone):

    below the clone     mean d < -2 standard errors of d
    below the data      R(policies) - R(data) < -2 standard errors of that difference

The clone is asked of learners that have one beside their policies (``learner.clone``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alberdice.datasets import OfflineDataset
from alberdice.datasets.horizon import returns_within
from alberdice.deep.learner import Learner
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.play.returns import mean_and_error
from alberdice.deep.training.evaluators import Returns, seed_of
from alberdice.environments import BatchedEnvironment

__all__ = ["played_beside", "words_of"]

#: standard errors
_FAR = 2.0
#: fewer episodes say nothing
_FEWEST = 20


def played_beside(
    learner: Learner, returns: Returns, where: BatchedEnvironment, dataset: OfflineDataset, update: int
) -> dict[str, Any]:
    """The policies' returns beside the data's and the clone's, for results; nothing where no evaluation tells.

    Args:
        learner: whose policies, and ``clone`` if it has one.
        returns: what judged them, after so many updates.
        where: they were played.
        dataset: the data.
        update: of the last evaluation.
    """
    last = returns.latest
    if last is None or last.episodes < _FEWEST:
        return {}
    horizon = where.spec.horizon
    theirs = dataset.rewards if horizon == 1 else returns_within(dataset, horizon)
    mean, error = mean_and_error(np.asarray(theirs, float))
    apart = {"difference": last.return_mean - mean, "stderr": float(np.hypot(last.return_stderr, error))}
    found: dict[str, Any] = {"data": apart}
    clone = getattr(learner, "clone", None)
    if clone is not None:
        own, before = (
            play_episodes(p, where, returns.episodes, seed_of(returns.seed, update), play=returns.play).returns
            for p in (learner.policies, clone)
        )
        mean, error = mean_and_error(own - before)
        found["clone"] = {"return": float(before.mean()), "difference": mean, "stderr": error}
    return found


def words_of(found: dict[str, Any]) -> str:
    """What the policies are below, in words; empty if nothing."""
    names = {"data": "the data", "clone": "their clone"}
    below = [
        f"{names[name]} by {-each['difference']:.4g} +- {each['stderr']:.2g}"
        for name, each in found.items()
        if each["difference"] < -_FAR * each["stderr"] - 1e-9
    ]
    return f"in play the policies' return is below {' and '.join(below)}" if below else ""
