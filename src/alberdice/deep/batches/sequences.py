"""Episodes as windows of steps, for networks with a memory: what they see in training is what they see in play.

An episode's windows, of at most K steps, overlap, and every step is scored in exactly one of them.  With h = floor(K / 2),

    window 0   steps 0 .. K-1               all of them scored
    window 1   steps K-h .. 2K-h-1          the first h known only, the other K - h scored; and so on

so that a step has at least h steps before it, or all there are.  An actor does the same: when K steps are full, it drops the
oldest and keeps h (``config.windows.kept``).

Banded networks (``networks.transformer``) run on chunks of many times K steps, where a step means the same in every chunk.  So
little is run twice: the first steps of a later chunk, on which the rest rests, are known only.  With b blocks of attention

    known   K ceil(b / 2) steps                a multiple of K, as positions come again after K steps
    chunk 0   steps 0 .. C-1                   all of them scored
    chunk 1   steps C-known .. 2C-known-1      C - known of them scored; and so on

and an actor holds known + K steps, of which it keeps the known ones.

Shorter windows are padded at their end.  Averages are over scored steps, each as heavy as any.

Equal windows (same frames and actions, and same returns to go, or rewards and next frames) are merged and weighed by their
number: Bridge's 500 optimal episodes are 13 windows, and 5,000 plays of a matrix game at most four.  If all windows fit into a
minibatch, it holds them all, and the loss is the mean over the data itself.  Otherwise those that would be drawn at least once
on average are always in, and the rest of the minibatch is drawn from the others: the same mean, less noise.

Where evaluation plays one step of what the data repeat (a matrix game, 50 plays to an episode), ``cut_episodes`` makes every
play an episode of its own, whose return to go is its own reward; see ``config.SequenceConfig.episode_steps``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice.datasets import OfflineDataset
from alberdice.deep import sums
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config.windows import Cut

__all__ = ["Batch", "Sequences", "cut_episodes"]


def cut_episodes(dataset: OfflineDataset, steps: int) -> OfflineDataset:
    """The same steps as episodes of at most so many, cut by a time limit, and a note that says so; 0 leaves all as it is."""
    if not steps or dataset.lengths.max() <= steps:
        return dataset
    pieces = -(-dataset.lengths // steps)
    lengths = np.full(pieces.sum(), steps)
    ends = np.cumsum(pieces) - 1
    lengths[ends] = dataset.lengths - (pieces - 1) * steps
    last = np.cumsum(lengths) - 1  # every piece's last step
    finals = dataset.next_row[last]
    known = np.ones(len(lengths), np.bool_)
    known[ends] = dataset.final_known
    truncated = dataset.truncated.copy()
    truncated[last] |= ~dataset.terminated[last]
    rows = np.concatenate([np.arange(dataset.n_steps), finals])
    note = f"Episodes are cut into pieces of at most {steps} steps."
    return replace(
        dataset,
        frame_states=dataset.frame_states[rows],
        frame_observations=dataset.frame_observations[rows],
        frame_masks=None if dataset.frame_masks is None else dataset.frame_masks[rows],
        truncated=truncated,
        lengths=lengths,
        final_known=known,
        notes=(*dataset.notes, note),
    )


@dataclass(frozen=True)
class Batch:
    """Windows side by side.

    Attributes:
        steps: ``(B, K)`` steps of the data; padding repeats the window's last.
        valid: ``(B, K)``, False on padding.
        weight: ``(B, K)``, of every step in an average; 0 where it is not scored; sums to 1.
        observations: ``(N, B, K, O)``.
        actions: ``(N, B, K)``.
        last_actions: the actions before these, ``(N, B, K)``; -1 where there was none, and where a window of K steps begins.
        available: ``(N, B, K, A)``.
        returns_to_go: ``(B, K)``, sums of rewards from each step to the episode's end.
    """

    steps: Tensor
    valid: Tensor
    weight: Tensor
    observations: Tensor
    actions: Tensor
    last_actions: Tensor
    available: Tensor
    returns_to_go: Tensor


@dataclass(frozen=True)
class Sequences:
    """All distinct windows of the data, on its device.

    Attributes:
        data: where the steps are.
        steps: of the longest window.
        context: K, of the networks.
        chunks: whether these are chunks, for banded networks.
        size: windows in a minibatch, unless there are fewer.
        first, length, known: ``(W,)``, where each window begins, its steps, and how many of them are known only, not scored.
        share: ``(W,)``, how many windows of the data each stands for, divided by their number.
        always, drawn: numbers of the windows that are in every minibatch, and of those from which the rest is drawn.
    """

    data: TrainingData
    steps: int
    context: int
    chunks: bool
    size: int
    first: Tensor
    length: Tensor
    known: Tensor
    share: Tensor
    always: Tensor
    drawn: Tensor

    @classmethod
    def build(cls, data: TrainingData, cut: Cut, batch_size: int, transitions: bool = False) -> Sequences:
        """Windows that are no longer than the longest episode; merged where the data's frames are.

        Args:
            data: where the steps are.
            cut: how long windows are.
            batch_size: steps in a minibatch, known ones and padding included.
            transitions: whether merged windows must agree in rewards and next frames; otherwise, in returns to go.
        """
        lengths = data.lengths.cpu().numpy()
        steps = min(cut.steps, int(lengths.max()))
        first, length, known = _windows(lengths, steps, min(cut.known, steps - 1))  # the longest episode may be one window
        share = np.full(len(first), 1.0 / len(first))
        if data.shared:
            chosen, number = _distinct(data, steps, first, length, known, transitions)
            share = np.bincount(number) / len(first)
            first, length, known = first[chosen], length[chosen], known[chosen]
        size = max(1, batch_size // steps)
        always = (share * size >= 1) | (len(first) <= size)
        arrays = (first, length, known, share, np.flatnonzero(always), np.flatnonzero(~always))
        # one block that holds the longest episode is as good as any longer one
        context = min(cut.context, 2 * steps) if cut.blocks else steps
        return cls(data, steps, context, cut.blocks > 0, size, *(torch.from_numpy(x).to(data.here.device) for x in arrays))

    def __len__(self) -> int:
        return len(self.first)

    @cached_property
    def upto(self) -> Tensor:
        """Sums of the shares of the windows that are drawn, up to each of them."""
        return self.share[self.drawn].cumsum(0)

    def minibatch(self, generator: torch.Generator) -> Batch:
        """At most ``size`` windows, see the module; the same shapes every time; of several devices, their part."""
        share = self.share[self.always]
        if not len(self.drawn):
            return self.batch(*_part(self.always, share))
        rest, upto = self.size - len(self.always), self.upto
        points = torch.rand(rest, generator=generator, dtype=upto.dtype, device=upto.device) * upto[-1]
        places = torch.searchsorted(upto, points, right=True).clamp(max=len(upto) - 1)
        windows = torch.cat([self.always, self.drawn[places]])
        return self.batch(*_part(windows, torch.cat([share, (upto[-1] / rest).expand(rest)])))

    def batch(self, windows: Tensor, share: Tensor) -> Batch:
        """These windows ``(B,)``, weighed by ``share`` ``(B,)``."""
        data, place = self.data, torch.arange(self.steps, device=windows.device)
        length, known = self.length[windows, None], self.known[windows, None]
        steps = self.first[windows, None] + torch.minimum(place, length - 1)
        valid = place < length
        weight = share[:, None] * (valid & (place >= known))
        frames, after_chunk = data.here[steps], (known > 0) & self.chunks
        before = torch.where(((place > 0) | after_chunk)[..., None], data.actions[(steps - 1).clamp(min=0)], -1)
        return Batch(
            steps=steps,
            valid=valid,
            weight=(weight / sums.total(weight.flatten())).float(),
            observations=data.observations[frames].movedim(2, 0),
            actions=data.actions[steps].movedim(2, 0),
            last_actions=before.movedim(2, 0),
            available=data.available[frames].movedim(2, 0),
            returns_to_go=data.returns_to_go[steps],
        )


def _part(windows: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """What one of several devices takes of windows ``(B,)`` and their shares, filled up by windows of no weight."""
    missing = -len(windows) % sums.parts()
    if missing:
        windows = torch.cat([windows, windows[:1].expand(missing)])
        share = torch.cat([share, share.new_zeros(missing)])
    return sums.own(windows), sums.own(share)


def _windows(
    lengths: NDArray[np.int64], steps: int, overlap: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First step, length and known steps of every window of episodes of these lengths."""
    count = np.where(lengths > 0, 1 + np.maximum(0, -(-(lengths - steps) // (steps - overlap))), 0)
    episode = np.repeat(np.arange(len(lengths)), count)
    number = np.arange(len(episode)) - np.repeat(np.cumsum(count) - count, count)
    begin = number * (steps - overlap)
    first = (np.cumsum(lengths) - lengths)[episode] + begin
    return first, np.minimum(steps, lengths[episode] - begin), np.where(number > 0, overlap, 0)


def _distinct(
    data: TrainingData,
    steps: int,
    first: NDArray[np.int64],
    length: NDArray[np.int64],
    known: NDArray[np.int64],
    transitions: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One window of every kind, and the kind of every window."""
    place = np.arange(steps)
    rows = first[:, None] + np.minimum(place, length[:, None] - 1)
    outcomes = [data.after[rows], data.rewards[rows]] if transitions else [data.returns_to_go[rows]]
    columns = [data.here[rows], *outcomes, *data.actions.T[:, rows]]
    seen = [column.cpu().numpy().astype(np.float64) for column in columns]
    table = np.concatenate([*seen, length[:, None], known[:, None]], axis=1)
    _, chosen, number = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return chosen.astype(np.int64), number.reshape(-1)
