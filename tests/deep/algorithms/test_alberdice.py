"""The learner and its behaviour policies: what they compute, in whichever way they compute it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from torch import Tensor

from alberdice.datasets import make_builtin
from alberdice.deep import learner, losses
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.forms import Drawn
from alberdice.deep.algorithms.alberdice.minibatch import gather_minibatch
from alberdice.deep.algorithms.alberdice.price import ExactPrices, SampledPrices, draw_actions
from alberdice.deep.batches.training_data import TrainingData, at
from alberdice.deep.learner import learner_class, register
from alberdice.deep.networks.mlp import Layers


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    """Three agents with 2, 3 and 4 actions and masks; weights at random."""
    data = TrainingData.build(chain_dataset(masks=True))
    found = Behaviour(data, Layers((16,)), torch.Generator().manual_seed(0))
    found.fill_caches()
    return found


@pytest.mark.parametrize("agent", [0, 1, 2])
def test_the_conditional_is_a_distribution_over_the_others(behaviour: Behaviour, agent: int) -> None:
    """Sum over a_-i of pi^D(a_-i|s, a_i) is 1 for every frame and a_i, with nothing at unavailable actions."""
    table = behaviour.tables[agent].exp()
    axes = [k + 1 for k in range(3) if k != agent]
    np.testing.assert_allclose(table.sum(axes), 1, atol=1e-5)
    for u, a in itertools.product(range(len(table)), itertools.product(range(4), repeat=3)):
        if not all(behaviour.data.available[u, j, a[j]] for j in range(3) if j != agent):
            assert table[(u, *a)] == 0


def test_the_conditional_looks_at_earlier_agents_only(behaviour: Behaviour) -> None:
    """A factor for a_j sees a_i and a_<j: changing a later agent's action changes no earlier factor."""
    frames = given = torch.tensor([0, 0])
    actions = torch.tensor([[1, 0, 0], [1, 0, 3]])
    factors = behaviour._factors(behaviour.others, frames, given, actions)
    assert torch.equal(factors[0, 0], factors[1, 0])
    earlier = torch.tensor([[1, 0, 0], [1, 2, 0]])
    factors = behaviour._factors(behaviour.others, frames, given, earlier)
    assert torch.equal(factors[0, 0], factors[1, 0])
    assert not torch.equal(factors[0, 1], factors[1, 1])


def test_cached_log_probabilities_are_those_of_the_data(behaviour: Behaviour) -> None:
    data = behaviour.data
    for agent in range(3):
        expected = behaviour.tables[agent][(data.here, *data.actions.T)]
        torch.testing.assert_close(behaviour.log_data[agent], expected)


def sampled(found: Behaviour, frames: Tensor, log_policies: Tensor, generator: torch.Generator) -> SampledPrices:
    """The prices of one round that the behaviour would give if it had no tables."""
    available = found.data.available[frames].transpose(0, 1)
    return SampledPrices(found.conditional, found.others, found.data.states[frames], available, log_policies, 1e-10, generator)


def random_policies(found: Behaviour, frames: Tensor, generator: torch.Generator) -> Tensor:
    available = found.data.available[frames].transpose(0, 1)
    return losses.log_policy(torch.randn(available.shape, generator=generator), available)


@pytest.mark.parametrize("agent", [0, 1, 2])
def test_the_sampled_price_has_the_exact_mean(behaviour: Behaviour, agent: int) -> None:
    """At every agent's turn, those before it having changed their policies since the actions were drawn."""
    frames, generator = torch.arange(5).repeat(2), torch.Generator().manual_seed(1)
    first = random_policies(behaviour, frames, generator)
    newest = first.clone()
    newest[:agent] = random_policies(behaviour, frames, generator)[:agent]
    exact = ExactPrices([table[frames] for table in behaviour.tables], 1e-10).price(agent, newest)
    draws = []
    for _ in range(600):
        prices = sampled(behaviour, frames, first, generator)
        for changed in range(agent):
            prices.price(changed, first)
            prices.changed(changed, newest[changed])
        draws.append(prices.price(agent, newest))
    mean, error = torch.stack(draws).mean(0), torch.stack(draws).std(0) / 600**0.5
    assert ((mean - exact).abs() <= 5 * error + 1e-4).all()


def test_the_sampled_price_is_that_of_its_draw(behaviour: Behaviour) -> None:
    """(N - 1) KL(pi_j || pi^D(a_j|s, a_i, a_<j)) at the drawn j and a_<j, from the table of all joint actions."""
    frames, generator = torch.arange(5), torch.Generator().manual_seed(2)
    newest = random_policies(behaviour, frames, generator)
    prices, agreed = sampled(behaviour, frames, newest, generator), random_policies(behaviour, frames, generator)
    for i in range(3):
        found = prices.price(i, newest)
        for r, a in itertools.product(range(5), range(behaviour.data.n_actions[i])):
            j, actions = int(prices.target[i, r]), prices.actions[:, r].clone()
            assert j != i
            actions[i] = a
            k = (j - (j > i)) * torch.ones(1, 1, 4, dtype=torch.int64)
            log_data = behaviour._factors(behaviour.others, frames[r : r + 1], torch.tensor([i]), actions[None])
            log_data = log_data.gather(1, k)[0, 0].clamp(min=np.log(1e-10))
            expected = 2 * (newest[j, r].exp() * (newest[j, r] - log_data)).sum()
            torch.testing.assert_close(found[r, a], expected, rtol=1e-3, atol=1e-4)
        newest[i] = agreed[i]
        prices.changed(i, agreed[i])


def test_the_sampled_price_is_exact_for_two_agents() -> None:
    data = TrainingData.build(chain_dataset(n_actions=(3, 4)))
    found = Behaviour(data, Layers((16,)), torch.Generator().manual_seed(0))
    found.fill_caches()
    frames, generator = torch.arange(6), torch.Generator().manual_seed(1)
    log_policies = random_policies(found, frames, generator)
    exact, drawn = (
        found.prices(frames, data.available[frames].transpose(0, 1), log_policies, log_policies, 1e-10, generator),
        sampled(found, frames, log_policies, generator),
    )
    assert isinstance(exact, ExactPrices)
    for agent in range(2):
        own = data.available[0, agent]
        torch.testing.assert_close(
            drawn.price(agent, log_policies)[:, own], exact.price(agent, log_policies)[:, own], rtol=1e-4, atol=1e-5
        )


def test_drawn_actions_follow_the_policies_and_never_leave_them() -> None:
    log_policy = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]]).log().clamp(min=losses.MASKED).expand(4096, 5)
    uniform = torch.arange(4096) / 4096
    drawn = torch.bincount(draw_actions(log_policy, uniform), minlength=5)
    assert drawn.tolist() == [0, 1024, 0, 3072, 0]
    assert draw_actions(log_policy[:1], torch.tensor([1 - 2.0**-24])) == 3


def test_behaviour_cloning_finds_the_data() -> None:
    data = TrainingData.build(make_builtin("matrix-c"))
    generator = torch.Generator().manual_seed(0)
    found = Behaviour(data, Layers((32,)), generator)
    for step in range(400):
        found.update(512, 3e-3 * (1 - step / 400), generator)
    found.fill_caches()
    np.testing.assert_allclose(found.log_own[:, 0].exp(), [[3322 / 5000, 1678 / 5000], [3349 / 5000, 1651 / 5000]], atol=0.02)
    expected = [[1671 / 3322, 1651 / 3322], [1.0, 0.0]]  # of agent 2 given agent 1's action
    np.testing.assert_allclose(found.tables[0][0].exp(), expected, atol=0.03)
    expected = [[1671 / 3349, 1.0], [1678 / 3349, 0.0]]  # of agent 1 given agent 2's action, one per column
    np.testing.assert_allclose(found.tables[1][0].exp(), expected, atol=0.03)


@pytest.mark.parametrize("settings", [{}, {"importance": "resample"}, {"price": "sample"}])
def test_sharing_frames_changes_nothing_but_rounding(settings: dict[str, str]) -> None:
    """On frames that come again and again; after a few updates, since Adam turns the rounding of zeros into steps."""
    base = {"dataset": "bridge-optimal", "batch_size": 200, "hidden": (16,), "minibatch": "sampled", **settings}
    first, second = (trained(tiny(share_frames=share, **base), updates=14) for share in (True, False))
    assert not equal(first, second)
    for name in ("own", "others", "policy", "nu", "e"):
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4)


def test_unavailable_actions_are_never_played() -> None:
    dataset = chain_dataset(masks=True)
    data = TrainingData.build(dataset)
    agents = AlberDICE(data, tiny(), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(22):
        metrics = agents.update(generator)
        assert all(torch.isfinite(value) for value in metrics.values())
    masks = torch.from_numpy(np.array(dataset.action_masks))
    table = agents.policies.log_probabilities(torch.from_numpy(np.array(dataset.observations)), masks).exp()
    assert table[~masks].max() == 0
    np.testing.assert_allclose(table.sum(-1), 1, atol=1e-5)


def test_agents_without_an_action_never_play_it() -> None:
    agents = AlberDICE(TrainingData.build(chain_dataset()), tiny(), torch.Generator().manual_seed(0))
    table = agents.policies.log_probabilities(torch.zeros(2, 3, 5)).exp()
    np.testing.assert_allclose(table[0, 0], [0.5, 0.5, 0, 0], atol=0.05)
    assert table[:, 1, 3].max() == 0


def test_the_second_agent_answers_the_first_ones_newest_policy() -> None:
    """One round with a large step: in turn, agent 2's ratio has seen agent 1's step; at once, it has not."""
    dataset = chain_dataset(n_actions=(2, 3))
    start = {"learning_rate": 0.5, "updates": 2, "pretrain_updates": 1, "settle_share": 0.0}
    first, second = (trained(tiny(order=order, **start), dataset, updates=2) for order in ("sequential", "simultaneous"))
    assert torch.equal(first["policy"][0], second["policy"][0])
    assert not torch.equal(first["policy"][1], second["policy"][1])
    assert torch.equal(first["nu"][0], second["nu"][0])


def test_ratios_and_prices_of_a_turn_are_about_the_newest_policies() -> None:
    """Three agents, large steps: the first looks at the others as they were, the last as they have become."""
    data = TrainingData.build(chain_dataset(n_actions=(2, 3, 2)))
    agents = AlberDICE(data, tiny(ratio_clip=1e9), torch.Generator().manual_seed(0))
    agents.behaviour.fill_caches()
    batch = gather_minibatch(data, agents.behaviour, Drawn(torch.arange(8)), data.starts)
    before = agents.rounds.turns.tables(agents.parameters["policy"], batch, slice(None))
    f = torch.randn(before.shape, generator=torch.Generator().manual_seed(1))
    ratio, price, _ = agents.rounds.turns.take(batch, f, torch.tensor(0.5), 0.3, torch.Generator().manual_seed(2))
    after = agents.rounds.turns.tables(agents.parameters["policy"], batch, slice(None))
    assert (after - before).abs().max() > 0.1
    exact = ExactPrices([table[batch.rows.frames[: batch.rows.n_here]] for table in agents.behaviour.tables], 1e-10)
    for i in range(3):
        seen = torch.cat([after[:i], before[i:]])
        chosen = at(seen, batch.rows.here.expand(3, -1), batch.actions.T)
        expected = chosen.sum(0) - chosen[i] - agents.behaviour.log_data[i, batch.steps]
        torch.testing.assert_close(ratio[i], expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(price[i], exact.price(i, seen), rtol=1e-4, atol=1e-4)


def test_alpha_holds_while_few_samples_carry_the_weight() -> None:
    held, free = (trained(tiny(hold_share=share))["alpha"].item() for share in (1.0, 0.0))
    assert free == pytest.approx(0.02)
    assert held > free


@pytest.mark.parametrize(("start", "expected"), [("data", [0.664, 0.336]), ("uniform", [0.5, 0.5])])
def test_policies_start_at_the_marginals(start: str, expected: list[float]) -> None:
    settings = tiny(dataset="matrix-c", pretrain_updates=300, pretrain_batch_size=256, policy_start=start)
    agents = AlberDICE(TrainingData.build(make_builtin("matrix-c")), settings, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(300):
        agents.update(generator)
    table = agents.policies.log_probabilities(torch.ones(1, 2, 1)).exp()
    np.testing.assert_allclose(table[0, 0], expected, atol=0.03)


def test_single_agent_and_many_agents() -> None:
    for n_actions in ((3,), (2, 3, 2, 3, 2)):
        state = trained(tiny(), chain_dataset(n_actions=n_actions))
        assert state["policy"].shape[0] == len(n_actions)
        assert all(torch.isfinite(tensor.double()).all() for tensor in state.values())


def test_a_learner_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "_REGISTERED", dict(learner._REGISTERED))
    register("mine", AlberDICE)
    assert learner_class("mine") is AlberDICE
