"""A second opinion on a run's policies from the same data: stationary distribution corrections beside the scores.

Corrections (``datasets.corrections``) make other mistakes than scores do: they weigh recorded rewards and make no model and no
value function.  Both speak of the same return under the same weights of the episodes.  They disagree where

    the lower end of one 90 % interval > the upper end of the other + .01 rms of the data's returns

and then at least one of them is wrong, which the result says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alberdice.datasets.corrections import Corrected, Corrections
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.along_data import chances_at_frames
from alberdice.deep.policies import Policies, told_a_return
from alberdice.deep.training.selection import OfflineScores

__all__ = ["corrected", "second_opinion"]

_METHOD = "stationary distribution corrections, linear in features of a kernel"
#: above these, weights say of themselves that they are no ratios, or rest on next to nothing
_NEGATIVE, _FEWEST = 0.25, 10.0


def corrected(scores: OfflineScores, policies: Policies, seed: int) -> Corrected:
    """The policies' return by corrections, in the scores' resamples.

    Args:
        scores: whose data, resamples, discount and horizon.
        policies: not told a return; with a memory they are asked along the recorded histories.
        seed: of the features' landmarks.
    """
    states = TrainingData.build(scores.dataset, share=False).states[:-1].double().numpy()
    generator = np.random.default_rng(seed)
    made = Corrections(
        scores.dataset, states, scores.episode_weights, generator, discount=scores.discount, horizon=scores.horizon
    )
    return made.estimate(chances_at_frames(policies, scores.dataset).double().numpy())


def second_opinion(scores: OfflineScores, interval: tuple[float, float], policies: Policies, seed: int) -> dict[str, Any]:
    """Corrections beside the scores' interval for the same policies, for results.

    Returns:
        'method', and where there is an estimate 'return', 'low', 'high', 'effective_steps', 'negative' (see ``Corrected``) and
        'disagreement': in words, empty if there is none.
    """
    if told_a_return(policies):
        return {"method": "none, since the policies are told a return to reach", "disagreement": ""}
    other = corrected(scores, policies, seed)
    low, high = other.interval()
    return {
        "method": _METHOD,
        "return": other.mean,
        "low": low,
        "high": high,
        "effective_steps": other.effective,
        "negative": other.negative,
        "disagreement": _disagreement(interval, other, scores.slack),
    }


def _disagreement(interval: tuple[float, float], other: Corrected, slack: float) -> str:
    """What is wrong with the corrections themselves, or between them and the score; empty if nothing."""
    if not np.isfinite(other.returns).all():
        return "corrections give no estimate: the data hold next to nothing of what the policies do"
    if other.negative > _NEGATIVE or other.effective < _FEWEST:
        return (
            f"corrections are no second opinion here: they rest on {other.effective:.0f} steps, "
            f"{other.negative:.0%} of their weight is negative"
        )
    (low, high), (other_low, other_high) = interval, other.interval()
    if low <= other_high + slack and other_low <= high + slack:
        return ""
    own = f"the score puts the return in {low:.4g} to {high:.4g}"
    return f"{own}, corrections in {other_low:.4g} to {other_high:.4g}: at least one is wrong, so trust neither before play"
