"""What one round of AlberDICE looks at: minibatches, and the rows of one that match the others' policies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.forms import Drawn
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.batches.training_data import Rows, TrainingData

__all__ = ["Matched", "Minibatch", "Minibatches", "Seen", "gather_minibatch", "look_at", "match"]

#: one initial state is drawn for so many steps
_STEPS_PER_START = 4


@dataclass(frozen=True)
class Seen:
    """Steps, and all that policies need to be run there.

    Attributes:
        rows: where the steps' frames are.
        inputs: the policies', see ``forms.Form``; feed-forward: ``(N, R, O)``.
        available, log_own: available actions and log pi_i^D, ``(N, R, A)``.
    """

    rows: Rows
    inputs: Any
    available: Tensor
    log_own: Tensor


@dataclass(frozen=True)
class Minibatch(Seen):
    """Sampled steps, and all that networks need to be run on their frames.

    Attributes:
        steps: ``(B,)``.
        actions, rewards: ``(B, N)``, ``(B,)``.
        states: ``(R', S + 1)``, of all frames; the other tables cover the first R, from which steps start.
        weight: share of the steps that start from each frame, ``(R,)``.
        log_relative: log weights of the steps over their mean, ``(B,)``, or 0.
        population: all distinct steps, if these are they; of several devices, this one's.
        divided: how steps are divided among several devices.
    """

    steps: Tensor
    actions: Tensor
    rewards: Tensor
    states: Tensor
    weight: Tensor
    log_relative: Tensor | float
    population: Population | None
    divided: sums.Division

    def after(self, values: Tensor) -> Tensor:
        """E of ``values`` ``(N, R')`` at what follows each step, ``(N, B)``: at the next frame, or over all that followed."""
        if self.population is not None:
            return self.population.mean_after(values)
        return values.index_select(1, self.rows.after)


@dataclass(frozen=True)
class Matched:
    """Rows that match the others' policies, agent by agent, ``(N, B)`` each.

    Attributes:
        picked: their places in the minibatch.
        here: their frames' positions.
        own: a_i.
        reward: r.
        log_weight: their log weights in (46).
        share: their weights in (47), summing to 1.
        log_count: logarithms of how many alike each stands for, or 0.
    """

    picked: Tensor
    here: Tensor
    own: Tensor
    reward: Tensor
    log_weight: Tensor
    share: Tensor
    log_count: Tensor | float = 0.0


def look_at(data: TrainingData, behaviour: Behaviour, drawn: Drawn, starts: Tensor) -> Seen:
    """What policies see at these steps; ``starts`` are further frames."""
    form = behaviour.form
    rows = form.rows(drawn, starts)
    return Seen(
        rows=rows,
        inputs=form.inputs(drawn, rows),
        available=data.available.index_select(0, rows.frames[: rows.n_here]).transpose(0, 1),
        log_own=behaviour.log_own.index_select(1, form.own_places(drawn, rows)),
    )


def gather_minibatch(data: TrainingData, behaviour: Behaviour, drawn: Drawn, starts: Tensor) -> Minibatch:
    """The minibatch of these steps; ``starts`` are frames over which (1-gamma) E nu is taken."""
    steps, seen = drawn.steps, look_at(data, behaviour, drawn, starts)
    rows = seen.rows
    return Minibatch(
        **vars(seen),
        steps=steps,
        actions=data.actions.index_select(0, steps),
        rewards=data.rewards.index_select(0, steps) if drawn.population is None else drawn.population.reward,
        states=data.states.index_select(0, rows.frames),
        weight=torch.zeros(rows.n_here, device=steps.device).index_add_(0, rows.here, drawn.shares),
        log_relative=drawn.log_relative,
        population=drawn.population,
        divided=drawn.divided,
    )


class Minibatches:
    """One minibatch after another, or all distinct steps, which are the same every time.

    Args:
        data: the episodes.
        behaviour: the data's policies, with caches that are filled before the first minibatch.
        population: all distinct steps, if updates are about them.
        size: steps of a minibatch, about.
        initial: whether (1-gamma) E nu is taken where episodes begin; otherwise over all states.
    """

    def __init__(
        self, data: TrainingData, behaviour: Behaviour, population: Population | None, size: int, *, initial: bool
    ) -> None:
        self.data, self.behaviour, self.form = data, behaviour, behaviour.form
        self.population, self.size = population, size
        self._pool = data.starts if initial else data.here
        #: whether every update is about the same steps and all beginnings, and nothing is drawn
        self.every_start = population is not None and initial
        self._whole: tuple[Drawn, Minibatch] | None = None

    def forget(self) -> None:
        """The caches have changed."""
        self._whole = None

    def next(self, generator: torch.Generator) -> tuple[Drawn, Minibatch]:
        """The steps of an update, and all that networks need there."""
        if self._whole is not None:
            return self._whole
        drawn = self.form.draw(self.size, generator)
        batch = gather_minibatch(self.data, self.behaviour, drawn, self._starts(generator))
        if self.every_start:
            self._whole = drawn, batch
        return drawn, batch

    def ahead(self, generator: torch.Generator) -> None:
        """Once an update draws no more, read what the next one looks at, where data are read from a file."""
        self.form.ahead(generator, lambda copy: (self.form.draw(self.size, copy), self._starts(copy)))

    def _starts(self, generator: torch.Generator) -> Tensor:
        """Frames over which (1-gamma) E nu is taken."""
        if self.every_start:
            return sums.span(len(self.data.starts)).own(self.data.starts)
        pool, size = self._pool, max(1, self.size // _STEPS_PER_START)
        return sums.own(pool[torch.randint(len(pool), (size,), generator=generator, device=pool.device)])


def match(batch: Minibatch, log_ratio: Tensor, resample: bool, fallback: float, generator: torch.Generator) -> Matched:
    """Rows drawn in proportion to rho_i ``(N, B)`` and their weights, or all rows with both as weights.

    Where rows are weighted, the shares in (47) are those of max(rho_i, ``fallback``).  Of several devices each keeps its own
    rows, weighed by how often they were drawn from all.
    """
    n, size = log_ratio.shape
    whole = batch.divided.rows(size)
    log_count: Tensor | float = 0.0
    least = log_ratio.clamp(min=math.log(fallback)) if fallback > 0 else log_ratio
    log_ratio, least = log_ratio + batch.log_relative, least + batch.log_relative
    picked = torch.arange(size, device=log_ratio.device).expand(n, size)
    if resample and sums.parts() > 1:
        drawn = losses.resample(batch.divided.everyone(log_ratio, 1), whole, generator)
        once = torch.ones_like(drawn, dtype=log_ratio.dtype)
        count = batch.divided.own(torch.zeros_like(once).scatter_add_(1, drawn, once), 1)
        log_count = count.log().clamp(min=losses.MASKED)
        log_weight = losses.resampled_log_weight(log_ratio, whole)[:, None] + log_count
        share = count / whole
    elif resample:
        picked = losses.resample(log_ratio, size, generator)
        log_weight = losses.resampled_log_weight(log_ratio)[:, None].expand(n, size)
        share = torch.full_like(log_ratio, 1.0 / whole)
    else:
        log_weight, share = log_ratio - math.log(whole), sums.normalised(least)
    return Matched(
        picked=picked,
        here=_pick(batch.rows.here, picked),
        own=batch.actions.T.gather(1, picked),
        reward=_pick(batch.rewards, picked),
        log_weight=log_weight,
        share=share,
        log_count=log_count,
    )


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """``values[index]`` for a vector of values, of the index's shape."""
    return values.index_select(0, index.reshape(-1)).view(index.shape)
