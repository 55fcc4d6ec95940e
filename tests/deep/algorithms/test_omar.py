"""OMAR: its losses against NumPy and the population version; every setting; masks; bits; resuming; divergence."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from critic_samples import one_step_dataset, resumes_bit_for_bit
from deep_samples import (
    ELSEWHERE,
    HISTORIES,
    NETWORKS,
    SHARED_CHANGES,
    chain_dataset,
    check_masks,
    check_shared_frames,
    equal,
    setting_matters,
    tiny,
    trained,
)
from hypothesis import given
from populations import tensor
from strategies import Problem, problems

import alberdice as ad
from alberdice import tabular
from alberdice.datasets import make_builtin
from alberdice.deep import losses
from alberdice.deep.algorithms import omar
from alberdice.deep.algorithms.omar import OMAR, OMARConfig, actor_loss, conservative_loss, td_target
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import ValueRange
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.tabular.algorithms.omar import conservative_values

CHANGES: dict[str, Any] = {
    **SHARED_CHANGES,
    "hidden": (9,),
    "leak": 0.2,
    "critic_learning_rate": 1e-3,
    "discount": 0.9,
    "conservatism": 0.3,
    "best_action_weight": 0.2,
    "target_rate": 0.1,
}
SHAPE = AGENTS, ROWS, CHOICES = 2, 5, 3


def learned(data: TrainingData, hidden: tuple[int, ...] | None = None, **settings: Any) -> OMAR:
    """A learner after all its updates; ``hidden`` may be empty: linear networks, on one-hot inputs tables."""
    config = OMARConfig(**{"critic_learning_rate": 0.02, **settings})
    if hidden is not None:
        object.__setattr__(config, "hidden", hidden)
    agents, generator = OMAR(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    for _ in range(config.updates):
        metrics = agents.update(generator)
    assert agents.complaint({name: float(value) for name, value in metrics.items()}) == ""
    return agents


# ---- losses ------------------------------------------------------------------------------------------------------------


def test_targets_stop_at_an_end_of_the_process() -> None:
    """y = r + gamma Q' where it goes on, r where it ended, whatever Q' says there."""
    generator = np.random.default_rng(0)
    reward, following, ended = generator.normal(size=ROWS), generator.normal(size=(AGENTS, ROWS)), np.arange(ROWS) % 2 == 0
    following[:, 0] = np.inf
    found = td_target(tensor(reward), tensor(following), torch.from_numpy(ended), 0.9)
    for i, x in np.ndindex(AGENTS, ROWS):
        assert found[i, x] == pytest.approx(reward[x] if ended[x] else reward[x] + 0.9 * following[i, x])


def test_conservative_loss_against_sums() -> None:
    generator = np.random.default_rng(1)
    chosen, soft, target = generator.normal(size=(3, AGENTS, ROWS))
    weight = generator.dirichlet(np.ones(ROWS))
    found = conservative_loss(tensor(chosen), tensor(soft), tensor(target), tensor(weight), 0.7)
    for i in range(AGENTS):
        rows = [weight[x] * ((chosen[i, x] - target[i, x]) ** 2 + 0.7 * (soft[i, x] - chosen[i, x])) for x in range(ROWS)]
        assert found[i].item() == pytest.approx(sum(rows))


def test_actor_loss_gradient_is_that_of_the_mean_advantage_and_the_best_action() -> None:
    """d/d logits of -(1 - tau) sum pi Q - tau log pi(a*), written out; masked actions have none, and are never the best."""
    generator = np.random.default_rng(2)
    logits, values = generator.normal(size=SHAPE), generator.normal(size=SHAPE)
    masks = np.ones(SHAPE, bool)
    masks[0, :, 2] = masks[1, 3, 0] = False
    values[~masks] = 50.0
    weight, tau = generator.dirichlet(np.ones(ROWS)), 0.3
    free = tensor(logits).requires_grad_()
    available = torch.from_numpy(masks)
    loss = actor_loss(losses.log_policy(free, available), tensor(values), available, tensor(weight), tau)
    (gradient,) = torch.autograd.grad(loss.sum(), free)
    for i, x in np.ndindex(AGENTS, ROWS):
        shown = np.flatnonzero(masks[i, x])
        share = np.exp(logits[i, x, shown]) / np.exp(logits[i, x, shown]).sum()
        q = values[i, x, shown]
        best = np.eye(len(shown))[q.argmax()]
        expected = -(1 - tau) * share * (q - share @ q) - tau * (best - share)
        np.testing.assert_allclose(gradient[i, x, shown], weight[x] * expected, atol=1e-12)
    assert gradient[~available].abs().max() == 0


@given(problems(data_zeros=0.3))
def test_the_population_critic_is_where_the_loss_has_no_slope(problem: Problem) -> None:
    """At the tabular layer's Q_i, with its own greedy values as targets, on every sample of the data and its actions."""
    model, seen, i = problem.model, problem.data.observed_part(), problem.agent
    q = conservative_values(model, seen, i, 0.8)
    joint = seen.probabilities[..., None] * model.dense_transition()
    kept = np.argwhere(joint > 0)
    state, after, own = kept[:, 0], kept[:, -1], kept[:, 1 + i]
    known = torch.from_numpy(np.isfinite(q))
    table = tensor(np.where(np.isfinite(q), q, 0.0)).requires_grad_()
    reward, never = tensor(model.reward[(state, *kept[:, 1:-1].T)]), torch.zeros(len(kept), dtype=torch.bool)
    target = td_target(reward, tensor(q.max(1)[after]), never, model.discount)
    soft = torch.logsumexp(table.masked_fill(~known, losses.MASKED), -1)
    loss = conservative_loss(table[state, own], soft[state], target, tensor(joint[joint > 0]), 0.8)
    np.testing.assert_allclose(torch.autograd.grad(loss, table)[0], 0.0, atol=1e-8)


# ---- the learner -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "c", "d"])
def test_matrix_games_end_at_the_population_version(name: str) -> None:
    """With linear networks; data set (b) is all but a tie, see the next test."""
    game = ad.games.penalty_xor()
    expected = tabular.ALGORITHMS["OMAR"](game.mmdp, game.data(name, floor=0.0)).joint()[0]
    data = TrainingData.build(make_builtin(f"matrix-{name}"))
    agents = learned(data, (), updates=500, learning_rate=0.02, batch_size=500)
    np.testing.assert_allclose(policy_of_game(agents.policies, game).joint()[0], expected, atol=0.02)


def test_every_row_at_once_finds_the_population_values() -> None:
    """Three states in a row, three agents' worth of actions, rewards at random; linear networks on one-hot states."""
    dataset, model, given_data = one_step_dataset(seed=0)
    data = TrainingData.build(dataset, standardise=False)
    agents = learned(data, (), updates=800, learning_rate=0.02, batch_size=2000, discount=0.5, target_rate=0.1)
    frames = torch.arange(len(data.states) - 1)
    values = agents._values(agents.parameters["critic"], frames)
    order = data.states[:-1, :-1].argmax(1)
    for i in range(model.n_agents):
        expected = conservative_values(model, given_data, i, 1.0)[order]
        known = np.isfinite(expected) & (given_data.agent_marginal(i)[order] > 0)
        width = expected.shape[1]
        for twin in range(2):
            found = values[twin, i, :, :width].detach().numpy()
            np.testing.assert_allclose(found[known], expected[known], atol=0.1)


def test_the_end_of_an_episode_has_no_value_and_a_time_limit_no_end() -> None:
    """One state, reward 1: values of 1 where the process ends each time, of 1 / (1 - gamma) where a limit cuts it."""
    for terminated, expected in ((True, 1.0), (False, 2.0)):
        data = TrainingData.build(one_step_dataset(seed=0, states=1, terminated=terminated, reward=1.0)[0])
        agents = learned(
            data, (), updates=600, learning_rate=0.02, batch_size=512, discount=0.5, conservatism=0.0, target_rate=0.1
        )
        values = agents._values(agents.parameters["critic"], torch.tensor([0]))
        np.testing.assert_allclose(values.detach()[:, :, 0, :2], expected, atol=0.02)


def test_every_setting_changes_what_is_learned_or_is_tested_elsewhere() -> None:
    assert {f.name for f in fields(OMARConfig)} == {*CHANGES, *ELSEWHERE, *NETWORKS, *HISTORIES}
    assert [name for name, value in CHANGES.items() if not setting_matters("omar", name, value)] == []


def test_sharing_frames_changes_nothing_but_rounding() -> None:
    check_shared_frames("omar", ("critic", "policy"))


def test_unavailable_actions_are_never_played() -> None:
    check_masks("omar")


def test_critics_that_praise_an_unavailable_action_change_nothing() -> None:
    data = TrainingData.build(chain_dataset(masks=True))
    agents, generator = OMAR(data, tiny("omar"), torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    rows = data.rows(torch.arange(data.n_steps), data.starts[:0])
    values = torch.randn(3, rows.n_here, 4, generator=generator)
    absent = ~data.available[rows.frames[: rows.n_here]].transpose(0, 1)
    both = (agents._policy_loss(agents.parameters["policy"], v, rows) for v in (values, values + 1e3 * absent))
    torch.testing.assert_close(*both)


def test_one_seed_one_result() -> None:
    assert equal(trained(tiny("omar")), trained(tiny("omar")))


def test_resume_is_bit_for_bit(tmp_path: Path) -> None:
    resumes_bit_for_bit("omar", tmp_path)


def test_values_that_no_rewards_allow_stop_the_run(tmp_path: Path) -> None:
    settings = tiny("omar", critic_learning_rate=1.0, discount=0.0, evaluate_every=1)
    with pytest.raises(ad.SolverError, match=r"values from .* where rewards allow .*; lower learning_rate"):
        train(settings, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "diverged"


def test_the_range_of_values() -> None:
    """Rewards in [-2, 1]: endless sums in [-2, 1] / (1 - gamma), a bonus more per step, and as much again beyond."""
    data = TrainingData.build(make_builtin("matrix-d"))
    found = ValueRange.of(data, 0.75, bonus=0.5)
    assert (found.low, found.high) == (-10.0, 6.0)
    assert found.complaint({"value_low": -25.9, "value_high": 21.9}, "x") == ""
    assert (
        found.complaint({"value_low": -26.1, "value_high": 0.0}, "x")
        == "values from -26.1 to 0 where rewards allow -10 to 6: x"
    )
    assert found.complaint({"value_low": 0.0, "value_high": 22.1}, "x").startswith("values from 0 to 22.1")
    assert found.complaint({"value_low": float("nan"), "value_high": 0.0}, "x") == "a loss is not finite: x"
    assert ValueRange.of(TrainingData.build(make_builtin("matrix-b")), 0.5).low == 0.0  # rewards of 1, and networks begin at 0


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_table_6_by_the_last_policies(tmp_path: Path, name: str) -> None:
    cells = {"a": ["AB"], "b": ["BA"], "c": ["BB"], "d": ["AA"]}[name]
    for seed in range(10):
        train(OMARConfig(dataset=f"matrix-{name}", seed=seed, select="last"), tmp_path / str(seed))
        joint = policy_of_game(policies_of_run(tmp_path / str(seed)), ad.games.penalty_xor()).joint()[0].flatten()
        best = int(joint.argmax())
        assert ("AA", "AB", "BA", "BB")[best] in cells
        assert joint[best] >= (0.5 if name == "b" else 0.99)


def test_the_lesser_of_the_twins_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second critic of every agent is the first one plus 10: neither targets nor policies look at it."""
    agents = OMAR(TrainingData.build(chain_dataset()), tiny("omar"), torch.Generator().manual_seed(0))
    for critic in (agents.parameters["critic"], agents.copies["critic"]):
        critic[3:] = critic[:3]
        critic[3:, -4:] += 10.0  # the four outputs' biases
    rows = agents.data.rows(torch.arange(5), torch.arange(0))
    first = agents._values(agents.copies["critic"], rows.frames)[0]
    assert agents._next_values(rows).max() <= first.max()
    seen: list[torch.Tensor] = []
    plain = omar.actor_loss

    def spy(table: torch.Tensor, values: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(values)
        return plain(table, values, *rest)

    monkeypatch.setattr(omar, "actor_loss", spy)
    agents.update(torch.Generator().manual_seed(1))
    assert seen[0].max() < 5
