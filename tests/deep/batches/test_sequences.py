"""Windows against a slow loop over episodes, cut episodes, minibatches, and policies with a memory as they are played."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, make_builtin
from alberdice.deep.batches.sequences import Batch, Sequences, cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config.windows import Cut
from alberdice.deep.policies import load_policies
from alberdice.deep.policies.transformer import (
    Returns,
    TransformerPolicies,
    policy_network,
    policy_tables,
    policy_tokens,
    returns_network,
)


def unknown_end(dataset: OfflineDataset, episode: int) -> OfflineDataset:
    """The same dataset without the final frame of one episode."""
    row, known = dataset.n_steps + episode, dataset.final_known.copy()
    known[episode] = False
    frames = {name: getattr(dataset, name).copy() for name in ("frame_states", "frame_observations", "frame_masks")}
    for array in frames.values():
        array[row] = 0
    return replace(dataset, final_known=known, **frames)


DATASET = unknown_end(chain_dataset(masks=True), 3)  # lengths 4, 1, 6, 3; the last step of the last episode is not usable


LONG = chain_dataset(lengths=(25, 1, 13, 8), masks=True)


def everything(sequences: Sequences) -> Batch:
    return sequences.batch(torch.arange(len(sequences)), sequences.share)


def slow_windows(lengths: list[int], context: int) -> list[tuple[int, list[int], int]]:
    """Episode, times, and how many of them come again from the window before, window by window."""
    steps, found = min(context, max(lengths)), []
    for e, length in enumerate(lengths):
        begin = known = 0
        while length:
            found.append((e, list(range(begin, min(begin + steps, length))), known))
            if begin + steps >= length:
                break
            begin, known = begin + steps - steps // 2, steps // 2
    return found


@pytest.mark.parametrize("context", [1, 2, 3, 4, 5, 100])
def test_windows_against_a_slow_loop(context: int) -> None:
    data = TrainingData.build(DATASET, standardise=False)
    sequences = Sequences.build(data, Cut(context), 64)
    expected = slow_windows([4, 1, 6, 2], context)
    batch, steps = everything(sequences), sequences.steps
    assert (len(sequences), steps) == (len(expected), min(context, 6))
    assert batch.observations.shape == (3, len(expected), steps, 5)
    assert batch.available.shape == (3, len(expected), steps, 4)
    total = sum(len(times) - known for _, times, known in expected)
    assert total == data.n_steps == 13
    for w, (e, times, known) in enumerate(expected):
        episode = DATASET.get_episode(e)
        assert batch.valid[w].tolist() == [True] * len(times) + [False] * (steps - len(times))
        scored = [0.0] * known + [1 / total] * (len(times) - known) + [0.0] * (steps - len(times))
        np.testing.assert_allclose(batch.weight[w], scored, rtol=1e-6)
        for k, t in enumerate(times):
            np.testing.assert_allclose(batch.observations[:, w, k], episode.observations[t], rtol=1e-6)
            np.testing.assert_array_equal(batch.actions[:, w, k], episode.actions[t])
            np.testing.assert_array_equal(batch.last_actions[:, w, k], episode.actions[t - 1] if k else -1)
            np.testing.assert_array_equal(batch.available[:, w, k], episode.action_masks[t])
            np.testing.assert_allclose(batch.returns_to_go[w, k], episode.rewards[t:].sum(), rtol=1e-5, atol=1e-6)


def test_every_step_is_scored_once_with_at_least_half_a_window_before_it() -> None:
    data = TrainingData.build(make_builtin("bridge-mix"), share=False)
    sequences = Sequences.build(data, Cut(7), 64)
    times = np.concatenate([np.arange(n) for n in data.lengths.tolist()])
    batch = everything(sequences)
    scored = batch.weight > 0
    assert sorted(batch.steps[scored].tolist()) == list(range(data.n_steps))
    before = torch.arange(7).expand(len(sequences), 7)[scored].numpy()
    assert (before >= np.minimum(3, times[batch.steps[scored]])).all()


@pytest.mark.parametrize("cut", [Cut(2, 4, 1), Cut(2, 4, 2), Cut(2, 6, 3), Cut(4, 8, 2), Cut(4, 100, 2)], ids=str)
def test_chunks_score_every_step_once_behind_the_steps_on_which_it_rests(cut: Cut) -> None:
    data = TrainingData.build(LONG)
    sequences = Sequences.build(data, cut, 64)
    batch, times = everything(sequences), np.concatenate([np.arange(n) for n in data.lengths.tolist()])
    scored = batch.weight > 0
    assert sorted(batch.steps[scored].tolist()) == list(range(data.n_steps))
    place = torch.arange(sequences.steps).expand(len(sequences), -1)[scored].numpy()
    time = times[batch.steps[scored]]
    assert (time % cut.context == place % cut.context).all()  # positions come again
    half = cut.context // 2
    assert ((place == time) | (place // half >= cut.blocks)).all()
    assert cut.known == cut.context * math.ceil(cut.blocks / 2)


@pytest.mark.parametrize("cut", [Cut(2, 4, 1), Cut(2, 4, 2), Cut(2, 6, 3), Cut(4, 8, 2), Cut(4, 12, 2)], ids=str)
@pytest.mark.parametrize("joined", [True, False])
def test_chunks_give_what_the_whole_episode_gives(cut: Cut, joined: bool) -> None:
    data = TrainingData.build(LONG)
    policies, sequences = make_policies(data, cut, None, joined)
    whole = Sequences.build(data, replace(cut, chunk=100 * cut.context), 64)
    tables, everywhere = [], []
    for each, found in ((sequences, tables), (whole, everywhere)):
        batch = everything(each)
        table = policy_tables(policies.network, policies.parameters, batch)[0].flatten(1, 2)
        scored = batch.weight.flatten() > 0
        order = batch.steps.flatten()[scored].argsort()
        found.append(table[:, scored][:, order])
    assert len(whole) < len(sequences)
    torch.testing.assert_close(tables[0], everywhere[0], rtol=1e-4, atol=1e-5)


def test_a_context_beyond_all_episodes_is_one_block_of_the_longest() -> None:
    data = TrainingData.build(LONG)
    sequences = Sequences.build(data, Cut(10_000, 20_000, 2), 64)
    assert (sequences.steps, sequences.context, len(sequences)) == (25, 50, 4)
    assert Sequences.build(data, Cut(20, 40, 2), 64).context == 20


def test_equal_windows_are_merged_with_their_number() -> None:
    source = make_builtin("matrix-c")
    data = TrainingData.build(cut_episodes(source, 1))
    sequences = Sequences.build(data, Cut(20), 64)
    assert sequences.steps == 1
    found = {tuple(data.actions[int(k)].tolist()): float(s) for k, s in zip(sequences.first, sequences.share, strict=True)}
    assert found == pytest.approx({(0, 0): 1671 / 5000, (0, 1): 1651 / 5000, (1, 0): 1678 / 5000})
    source = make_builtin("bridge-optimal")
    merged, plain = (Sequences.build(TrainingData.build(source, share=share), Cut(6), 64) for share in (True, False))
    assert len(merged) < 60 < len(plain)
    means = [(everything(s).weight * everything(s).returns_to_go).sum() for s in (merged, plain)]
    torch.testing.assert_close(*means)


def plays(counts: list[int]) -> TrainingData:
    """A one-shot game of one agent."""
    ones = np.ones((2, 1))
    actions = np.repeat(np.arange(len(counts)), counts)
    episodes = [EpisodeArrays(ones, ones[:, None], np.array([[a]]), np.array([float(a)]), False) for a in actions]
    return TrainingData.build(from_episodes("plays", (len(counts),), episodes))


def test_minibatches_have_the_mean_of_the_data() -> None:
    """Two windows are always in, two of the other three kinds are drawn; weights are those of the data on average."""
    sequences = Sequences.build(plays([50, 30, 12, 6, 2]), Cut(20), 4)
    assert sequences.first[sequences.always].tolist() == [0, 50]
    generator, weights = torch.Generator().manual_seed(0), torch.zeros(5)
    for _ in range(3000):
        batch = sequences.minibatch(generator)
        assert batch.steps.shape == (4, 1)
        weights.index_add_(0, batch.actions[0, :, 0], batch.weight[:, 0] / 3000)
    np.testing.assert_allclose(weights, [0.5, 0.3, 0.12, 0.06, 0.02], atol=0.006)
    whole = Sequences.build(plays([50, 30, 12, 6, 2]), Cut(20), 5).minibatch(generator)
    np.testing.assert_allclose(whole.weight[:, 0], [0.5, 0.3, 0.12, 0.06, 0.02], rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_cut_episodes(steps: int) -> None:
    cut = cut_episodes(DATASET, steps)
    assert cut.notes[-1] == f"Episodes are cut into pieces of at most {steps} steps."
    pieces = [(e, t) for e, length in enumerate(DATASET.lengths) for t in range(0, length, steps)]
    assert cut.n_episodes == len(pieces)
    for piece, (e, t) in zip(cut.episodes, pieces, strict=True):
        whole, part = DATASET.get_episode(e), slice(t, t + steps)
        for name in ("states", "observations", "actions", "rewards", "terminated", "action_masks"):
            np.testing.assert_array_equal(getattr(piece, name), getattr(whole, name)[part])
        assert not piece.truncated[:-1].any()
        assert piece.truncated[-1] == (not piece.terminated[-1])
        inside = t + steps < len(whole.actions)
        for final, frames in (("final_state", "states"), ("final_observation", "observations")):
            expected = getattr(whole, frames)[t + steps] if inside else getattr(whole, final)
            np.testing.assert_array_equal(getattr(piece, final), expected)


def test_episodes_that_are_short_enough_stay() -> None:
    assert cut_episodes(DATASET, 0) is DATASET
    assert cut_episodes(DATASET, 6) is DATASET


def make_policies(
    data: TrainingData, cut: Cut, target: float | None, joined: bool = False
) -> tuple[TransformerPolicies, Sequences]:
    sequences = Sequences.build(data, cut, 64)
    seen, choices = data.observations.shape[-1], data.available.shape[-1]
    shape = {"width": 8, "blocks": cut.blocks or 2, "heads": 2, "banded": cut.chunk > 0}
    sizes = (seen, choices, sequences.context)
    net = policy_network(*sizes, joined, **shape) if target is None else returns_network(*sizes, **shape)
    generator = torch.Generator().manual_seed(0)
    own = net.initial(data.n_agents, generator)
    own = own + 0.3 * torch.randn(own.shape, generator=generator)
    returns = None if target is None else Returns(target, 0.3, 1.7)
    return TransformerPolicies(net, own, data.features, data.n_actions, returns), sequences


@pytest.mark.parametrize(("told", "joined"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize("cut", [*map(Cut, (1, 2, 3, 4, 20)), Cut(2, 4, 1), Cut(2, 4, 2), Cut(2, 6, 3), Cut(4, 8, 2)], ids=str)
def test_play_gives_the_tables_of_training(cut: Cut, told: bool, joined: bool) -> None:
    """Step by step through every episode, also past a full window: the table of the one window in which the step is scored."""
    data = TrainingData.build(LONG if cut.chunk else DATASET)
    policies, sequences = make_policies(data, cut, 0.0 if told else None, joined)
    batch = everything(sequences)
    tables = policy_tables(policies.network, policies.parameters, batch, policies.returns)[0]
    for e in range(4):
        episode = (LONG if cut.chunk else DATASET).get_episode(e)
        asked = replace(policies, returns=replace(policies.returns, target=episode.rewards.sum()) if told else None)
        actor = asked.actor(2)
        for t in range(int(data.lengths[e])):
            seen, masks = (torch.from_numpy(np.stack([x[t]] * 2)) for x in (episode.observations, episode.action_masks))
            played = actor.log_probabilities(seen, masks)
            place = (batch.steps == episode.start + t) & (batch.weight > 0)
            for row in played:
                torch.testing.assert_close(row, tables[:, place][:, 0], rtol=1e-4, atol=1e-5)
            assert torch.equal(actor.log_probabilities(seen, masks), played)
            assert played.exp()[~masks].max() == 0
            taken = torch.from_numpy(np.stack([episode.actions[t]] * 2))
            actor.observe(taken, torch.full((2,), float(episode.rewards[t])))


def test_a_joined_token_has_the_action_before_it() -> None:
    net = policy_network(5, 3, 4, True, width=8, blocks=1, heads=1)
    generator = torch.Generator().manual_seed(0)
    seen, actions = torch.rand(2, 6, 4, 5, generator=generator), torch.randint(3, (2, 6, 4), generator=generator)
    actions[:, :, 0] = -1
    (token,) = policy_tokens(net, seen, actions)
    assert torch.equal(token[..., :5], seen)
    assert (token[:, :, 0, 5:] == 0).all()
    assert torch.equal(token[:, :, 1:, 5:], torch.eye(3)[actions[:, :, 1:]])
    apart = policy_tokens(policy_network(5, 3, 4, width=8, blocks=1, heads=1), seen, actions)
    assert torch.equal(apart[1][:, :, :-1], token[:, :, 1:, 5:])


def test_what_came_before_matters_until_it_is_forgotten() -> None:
    """With three steps at most, a table sees one or two steps back; rewards count for ever in the return that is asked for."""
    data = TrainingData.build(DATASET)
    policies, _ = make_policies(data, Cut(3), 0.0)
    seen = torch.zeros(2, 3, 5)
    actor = policies.actor(2)
    differs = []
    for t in range(6):
        table = actor.log_probabilities(seen)
        differs.append(not torch.allclose(table[0], table[1]))
        actor.observe(torch.tensor([[1, 2, 3], [0, 0, 0]]) if t == 0 else torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2))
    assert differs == [False, True, True, False, False, False]
    actor.observe(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0.0, 1.0]))
    for _ in range(6):
        table = actor.log_probabilities(seen)
        assert not torch.allclose(table[0], table[1])
        actor.observe(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2))


@pytest.mark.parametrize("target", [None, 1.5])
@pytest.mark.parametrize("cut", [Cut(4), Cut(2, 6, 2)], ids=str)
def test_saved_policies_are_equal(target: float | None, cut: Cut) -> None:
    data = TrainingData.build(DATASET)
    policies, _ = make_policies(data, cut, target)
    again = load_policies(*policies.save())
    assert again.n_actions == (2, 3, 4)
    assert again.has_memory
    seen, actions = torch.randn(5, 3, 5, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 3, dtype=torch.int64)
    first, second = policies.actor(5), again.actor(5)
    for _ in range(6):
        assert torch.equal(first.log_probabilities(seen), second.log_probabilities(seen))
        for actor in (first, second):
            actor.observe(actions, torch.arange(5.0))


def test_agents_without_an_action_never_play_it() -> None:
    policies, _ = make_policies(TrainingData.build(chain_dataset()), Cut(4), None)
    table = policies.actor(2).log_probabilities(torch.zeros(2, 3, 5)).exp()
    assert table[:, 0, 2:].max() == table[:, 1, 3].max() == 0
    np.testing.assert_allclose(table.sum(-1), 1, atol=1e-5)
