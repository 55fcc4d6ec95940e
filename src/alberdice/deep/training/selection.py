"""Which policies of a run are kept, chosen from data alone: every checkpoint is scored, and the best score wins.

    states repeat       return in eight reweighted empirical models, mean - std (``datasets.resampled``)
    they do not         fitted Q evaluation by an ensemble on bootstrapped episodes, mean - std (``fitted_q``)

Policies with a memory play episodes in those models where states repeat; where they do not, fitted Q asks them along the
recorded histories.  Policies that are told a return to reach would be told another one there: they have no score where states
do not repeat, and the last are kept.

The share of the steps whose frame occurs in another episode decides whether states repeat.  The policies before the first
round, which are the cloned behaviour, are a candidate like any other; what stays below them, or below the data, is said so:

    below_behaviour     mean over the models of (R_selected - R_data), or of (R_selected - R_cloned),
                        < -(std of that difference + .01 rms of the data's returns)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from alberdice._checks import FloatArray
from alberdice.datasets import OfflineDataset
from alberdice.datasets.resampled import Estimate, repeated_share
from alberdice.deep.play.fitted_q import FittedQ
from alberdice.deep.play.model_scores import ModelScores, PlayedScores
from alberdice.deep.policies import Policies, told_a_return

__all__ = ["Candidate", "OfflineScores", "Selector", "scores_for"]

#: models, or networks of the ensemble, of a score
MODELS = 8
#: below this share of repeated states an empirical model says nothing
_REPEATED = 0.5
#: why some policies have no score
UNSCORED = "since the data's states do not repeat and the policies are told a return to reach: only the last are kept"
#: networks of an ensemble
_MOST_NETWORKS = 16
#: what names begin with in a checkpoint: the selected policies, and the state of the scores
SELECTED, SCORES = "selected.", "scores."


class OfflineScores(Protocol):
    """How policies are scored from data alone.

    Attributes:
        dataset: what they are scored by.
        discount: of the returns.
    """

    dataset: OfflineDataset
    discount: float

    @property
    def method(self) -> str:
        """In words, for results."""

    @property
    def comparable(self) -> bool:
        """Whether returns compare with the data's own."""

    @property
    def caveat(self) -> str:
        """What such scores cannot see, in words; empty if nothing that is known."""

    @property
    def episode_weights(self) -> FloatArray:
        """Of the data's episodes in every resample, ``(B, E)``."""

    @property
    def horizon(self) -> int | None:
        """Steps of the returns; None: for ever."""

    @property
    def data_return(self) -> Estimate:
        """The data's own return over the same resamples."""

    @property
    def slack(self) -> float:
        """What counts as nothing, in the units of the returns."""

    def estimate(self, policies: Policies) -> Estimate:
        """Returns of these policies, one per resample."""

    def state(self) -> dict[str, Tensor]:
        """What the next estimate depends on."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """What ``state`` gave."""


def scores_for(
    dataset: OfflineDataset, seed: int, discount: float, policies: Policies, *, models: int = MODELS, memory: bool = False
) -> OfflineScores | None:
    """How to score such policies by these data; None: no way is known that ranks them rightly.

    Args:
        dataset: what they are scored by.
        seed: of the resamples.
        discount: of returns where states do not repeat.
        policies: some of those that will be scored.
        models: resamples at most.
        memory: whether any that come later have one.
    """
    memory = memory or policies.has_memory
    if repeated_share(dataset) >= _REPEATED:
        return (PlayedScores if memory else ModelScores)(dataset, seed, models)
    if told_a_return(policies):
        return None
    return FittedQ(dataset, seed, discount, min(models, _MOST_NETWORKS), memory=memory)


@dataclass(frozen=True)
class Candidate:
    """Policies of one update, and what the data say of them.

    Attributes:
        update: after so many.
        returns: one per resample.
        interval: of the estimate, at 90 %.
    """

    update: int
    returns: tuple[float, ...]
    interval: tuple[float, float]

    @property
    def estimate(self) -> Estimate:
        """With its score and interval."""
        return Estimate(np.array(self.returns))

    def as_json(self) -> dict[str, Any]:
        """For results."""
        low, high = self.interval
        return {"update": self.update, "score": self.estimate.score, "return": self.estimate.mean, "low": low, "high": high}

    @classmethod
    def of(cls, update: int, estimate: Estimate) -> Candidate:
        """From what scores say."""
        return cls(update, tuple(float(x) for x in estimate.returns), estimate.interval())

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> Candidate:
        """From a checkpoint's header; an earlier release's has the returns alone."""
        returns = tuple(saved["returns"])
        low, high = saved.get("interval") or Estimate(np.array(returns)).interval()
        return cls(saved["update"], returns, (low, high))


class Selector:
    """Keeps the best policies of a run; its state travels in the checkpoint.

    Args:
        scores: how they are scored; None: the last are kept.
        why: why they are not scored, in words.
    """

    def __init__(self, scores: OfflineScores | None, why: str = "") -> None:
        self.scores, self.why = scores, why
        self.best: Candidate | None = None
        self.behaviour: Candidate | None = None
        self.last: Candidate | None = None
        self.kept: tuple[dict[str, Tensor], dict[str, Any]] | None = None

    def consider(self, policies: Policies, update: int, *, cloned: bool = False) -> None:
        """Score these policies, and keep them if none was better; ``cloned``: they are the cloned behaviour."""
        if self.scores is None:
            return
        found = Candidate.of(update, self.scores.estimate(policies))
        self.last = found
        if cloned:
            self.behaviour = found
        if self.best is None or found.estimate.score >= self.best.estimate.score:
            tensors, shape = policies.save()
            self.best, self.kept = found, ({name: t.detach().clone() for name, t in tensors.items()}, shape)

    def words(self) -> str:
        """How the last policies scored, and which are kept."""
        if self.scores is None or self.best is None or self.last is None:
            return f"policies are not scored: {self.why}; the last are kept"
        last, best = self.last, self.best
        kept = "kept" if last is best else f"those of update {best.update} are kept ({best.estimate.score:.4g})"
        return f"update {last.update} scored {last.estimate.score:.4g} by {self.scores.method}: {kept}"

    def shortfall(self) -> str:
        """What the selected policies stay below, in words; empty if nothing."""
        if self.scores is None or self.best is None:
            return ""
        slack, floors = self.scores.slack, {}
        if self.scores.comparable:
            floors["the data"] = self.scores.data_return.returns
        if self.behaviour is not None:
            floors["the cloned behaviour"] = np.array(self.behaviour.returns)
        words = []
        for name, floor in floors.items():
            gain = np.array(self.best.returns) - floor
            if gain.mean() < -(gain.std() + slack):
                words.append(f"{name} ({floor.mean():.4g})")
        own = f"the selected policies' estimated return, {self.best.estimate.mean:.4g}, is below"
        return f"{own} {' and '.join(words)}" if words else ""

    def fall(self) -> str:
        """How far the last policies are below the selected ones, in words; empty if not by more than what counts as nothing."""
        if self.scores is None or self.best is None or self.last is None:
            return ""
        loss = np.array(self.best.returns) - np.array(self.last.returns)
        if loss.mean() <= loss.std() + self.scores.slack:
            return ""
        last, best = self.last.estimate.mean, self.best.estimate.mean
        after = f"after update {self.best.update} the run fell"
        return f"{after}: its last policies' estimated return is {last:.4g}, that of the selected ones {best:.4g}"

    def report(self) -> dict[str, Any]:
        """For ``result.json``."""
        if self.scores is None:
            return {"method": f"none, {self.why}"}
        found: dict[str, Any] = {"method": self.scores.method, "caveat": self.scores.caveat, "fall": self.fall()}
        for name in ("best", "last", "behaviour"):
            candidate: Candidate | None = getattr(self, name)
            found["selected" if name == "best" else name] = None if candidate is None else candidate.as_json()
        return {**found, "data": {"return": self.scores.data_return.mean, "score": self.scores.data_return.score}}

    # ---- state -------------------------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and a header for the checkpoint."""
        tensors, shape = ({}, None) if self.kept is None else self.kept
        scores = {} if self.scores is None else self.scores.state()
        header = {name: _plain(getattr(self, name)) for name in ("best", "behaviour", "last")}
        named = {f"{SELECTED}{k}": t for k, t in tensors.items()} | {f"{SCORES}{k}": t for k, t in scores.items()}
        return named, {**header, "policies": shape}

    def restore(self, tensors: dict[str, Tensor], scores: dict[str, Tensor], header: dict[str, Any]) -> None:
        """What ``state`` gave, with ``split_selection`` between."""
        if self.scores is not None:
            self.scores.restore(scores)
        for name in ("best", "behaviour", "last"):
            value = header[name]
            setattr(self, name, None if value is None else Candidate.read(value))
        self.kept = None if header["policies"] is None else (tensors, header["policies"])


def _plain(candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {"update": candidate.update, "returns": list(candidate.returns), "interval": list(candidate.interval)}


def split_selection(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The selected policies' tensors and the scores', without their prefixes."""
    parts = [{k.removeprefix(p): t for k, t in tensors.items() if k.startswith(p)} for p in (SELECTED, SCORES)]
    return parts[0], parts[1]
