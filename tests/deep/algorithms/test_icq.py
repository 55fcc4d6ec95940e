"""ICQ: its losses against NumPy and the population version; windows; every setting; masks; bits; resuming; divergence."""

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
from alberdice.datasets import make_builtin
from alberdice.deep.algorithms.icq import (
    ICQ,
    ICQConfig,
    batch_weights,
    clipped,
    cloning_loss,
    critic_loss,
    lambda_returns,
    mixed,
    windows,
)
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidDataError, SolverError
from alberdice.tabular.algorithms import icq as population_version
from alberdice.tabular.algorithms.icq import additive_critics

CHANGES: dict[str, Any] = {
    **SHARED_CHANGES,
    "batch_size": 64,
    "hidden": (9,),
    "leak": 0.2,
    "critic_learning_rate": 1e-3,
    "mixing_learning_rate": 1e-3,
    "discount": 0.9,
    "trace": 0.2,
    "window": 3,
    "critic_temperature": 1.0,
    "temperature": 1.0,
    "baseline": "policy",
    "target_every": 3,
    "gradient_clip": 1e-9,
}
AGENTS, ROWS = 3, 5


def learned(data: TrainingData, *, hidden: tuple[int, ...] | None = None, seed: int = 0, **settings: Any) -> ICQ:
    """A learner after all its updates; ``hidden`` may be empty: linear networks, on one-hot inputs tables."""
    config = ICQConfig(**settings)
    if hidden is not None:
        object.__setattr__(config, "hidden", hidden)
    agents, generator = ICQ(data, config, torch.Generator().manual_seed(seed)), torch.Generator().manual_seed(seed + 1)
    for _ in range(config.updates):
        metrics = agents.update(generator)
    assert agents.complaint({name: float(value) for name, value in metrics.items()}) == ""
    return agents


# ---- losses ------------------------------------------------------------------------------------------------------------


def test_mixing_weights_are_shares() -> None:
    generator = np.random.default_rng(0)
    values, logits = generator.normal(size=(2, AGENTS, ROWS))
    found = mixed(tensor(values), tensor(logits))
    for x in range(ROWS):
        shares = np.exp(logits[:, x]) / np.exp(logits[:, x]).sum()
        assert found[x] == pytest.approx(shares @ values[:, x])


def test_batch_weights_have_mean_one_over_real_rows() -> None:
    values, real = np.array([3.0, -1.0, 99.0, 2.0, 0.5]), np.array([True, True, False, True, True])
    found = batch_weights(tensor(values), torch.from_numpy(real), 0.7).numpy()
    raw = np.where(real, np.exp(values / 0.7 - 3), 0.0)
    np.testing.assert_allclose(found, 4 * np.where(real, raw, 0) / raw[real].sum(), rtol=1e-12)


def returns_by_recursion(
    reward: list[float], value: list[float], terminated: bool, last_known: bool, discount: float, trace: float
) -> list[float]:
    """G of one window's own steps, from the definition; ``value`` has one entry more where the next step is known."""
    found: list[float] = []
    for k in reversed(range(len(reward))):
        final = k == len(reward) - 1
        if final and not terminated and not last_known:
            found.append(value[k])
        elif final and terminated:
            found.append(reward[k])
        else:
            later = value[k + 1] if final else found[-1]
            found.append(reward[k] + discount * ((1 - trace) * value[k + 1] + trace * later))
    return found[::-1]


def test_returns_of_whole_ended_and_cut_windows() -> None:
    """Window 0 goes on; 1 ends the process after 2 of 4 steps; 2 is cut off after 3; what stands behind is never looked at."""
    generator = np.random.default_rng(1)
    reward, value = generator.normal(size=(3, 4)), generator.normal(size=(3, 5))
    own = (5, 2, 3)
    real = np.arange(5) < np.array(own)[:, None]
    reward[~real[:, :-1]], value[~real] = 1e6, -1e6
    terminated = np.zeros((3, 4), bool)
    terminated[1, 1] = terminated[2, 3] = True
    found, known = lambda_returns(tensor(reward), tensor(value), torch.from_numpy(terminated), torch.from_numpy(real), 0.9, 0.8)
    expected = [
        returns_by_recursion([*reward[0]], [*value[0]], False, True, 0.9, 0.8),
        returns_by_recursion([*reward[1, :2]], [*value[1, :2]], True, True, 0.9, 0.8),
        returns_by_recursion([*reward[2, :3]], [*value[2, :3]], False, False, 0.9, 0.8),
    ]
    for m in range(3):
        np.testing.assert_allclose(found[m, : len(expected[m])], expected[m], rtol=1e-9)
    np.testing.assert_array_equal(known, [[True] * 4, [True, True, False, False], [True, True, False, False]])


def test_critic_and_cloning_loss_are_means_over_real_rows() -> None:
    generator = np.random.default_rng(2)
    total, returns = generator.normal(size=(2, ROWS))
    likelihood, mixing, weight = generator.normal(size=(3, AGENTS, ROWS))
    real = np.array([True, False, True, True, False])
    total[1], likelihood[:, 4] = 1e6, -1e10
    mask = torch.from_numpy(real)
    assert critic_loss(tensor(total), tensor(returns), mask) == pytest.approx(((total - returns)[real] ** 2).mean())
    found = cloning_loss(tensor(likelihood), tensor(mixing), tensor(weight), mask)
    assert found == pytest.approx(-(mixing * weight * likelihood)[:, real].sum() / 3)


def test_no_gradient_runs_into_returns_weights_and_mixing() -> None:
    total, returns, known = (
        torch.zeros(2, requires_grad=True),
        torch.ones(2, requires_grad=True),
        torch.ones(2, dtype=torch.bool),
    )
    critic_loss(total, returns, known).backward()
    assert total.grad is not None
    assert returns.grad is None
    table, mixing, values = (torch.ones(2, 2, requires_grad=True) for _ in range(3))
    cloning_loss(table, mixing, batch_weights(values, known, 0.5), known).backward()
    assert table.grad is not None
    assert mixing.grad is None
    assert values.grad is None


def test_clipping_keeps_the_direction_and_short_gradients() -> None:
    first, second = torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])
    for gradient, kept in zip((first, second), clipped([first, second], 1.0), strict=True):
        torch.testing.assert_close(kept, gradient / 5)
    assert all(torch.equal(a, b) for a, b in zip(clipped([first, second], 6.0), (first, second), strict=True))


def test_every_step_is_in_one_window() -> None:
    breaks = torch.tensor([False, False, False, True, True, False, False, False, False, False, True])
    assert windows(breaks, 3).tolist() == [0, 3, 4, 5, 8]
    assert windows(breaks, 50).tolist() == [0, 4, 5]
    assert windows(breaks, 1).tolist() == list(range(11))


@given(problems(data_zeros=0.3))
def test_the_population_critic_is_where_the_loss_has_no_slope(problem: Problem) -> None:
    """At the tabular layer's Q_i and k_i = 1/N, one step ahead (lambda 0), on every sample of the data."""
    model, seen = problem.model, problem.data.observed_part()
    try:
        critics = additive_critics(model, seen, 1e9)
    except SolverError:
        return  # no fixed point to compare with
    tables = [tensor(q).requires_grad_() for q in critics]
    joint = seen.probabilities[..., None] * model.dense_transition()
    kept = np.argwhere(joint > 0)
    state, actions, after = kept[:, 0], kept[:, 1:-1].T, kept[:, -1]
    chosen = torch.stack([table[state, own] for table, own in zip(tables, actions, strict=True)])
    total = mixed(chosen, torch.zeros_like(chosen))
    expected_next = np.zeros(model.n_states)
    np.add.at(expected_next, state, joint[joint > 0] * total.detach().numpy())
    mass = seen.state_marginal()
    expected_next = expected_next / np.where(mass > 0, mass, 1.0)
    value = torch.stack([torch.zeros(len(kept), dtype=torch.float64), tensor(expected_next[after])], 1)
    reward = tensor(model.reward[(state, *actions)])[:, None]
    real = torch.ones_like(value, dtype=torch.bool)
    returns, _ = lambda_returns(reward, value, torch.zeros_like(reward, dtype=torch.bool), real, model.discount, 0.0)
    rows = tensor(joint[joint > 0]) * (total - returns[:, 0]).square()
    for gradient in torch.autograd.grad(rows.sum(), tables):
        np.testing.assert_allclose(gradient, 0.0, atol=1e-8)


# ---- the learner -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "c", "d"])
def test_matrix_games_end_at_the_population_version(name: str) -> None:
    """With linear networks.  On (b) nothing but noise decides, see the next test."""
    game = ad.games.penalty_xor()
    expected = population_version(game.mmdp, game.data(name, floor=0.0), 0.1).joint()[0]
    data = TrainingData.build(make_builtin(f"matrix-{name}"))
    agents = learned(
        data, hidden=(), updates=400, batch_size=500, learning_rate=0.05, critic_learning_rate=0.05, target_every=10
    )
    np.testing.assert_allclose(policy_of_game(agents.policies, game).joint()[0], expected, atol=0.03)


@pytest.mark.slow
def test_a_tie_comes_out_on_the_diagonal() -> None:
    """On (b) additive values leave both agents' preference free but alike: AA or BB, which the data never show."""
    game, data = ad.games.penalty_xor(), TrainingData.build(make_builtin("matrix-b"))
    for seed in range(2):
        settings: dict[str, Any] = {"hidden": (32,), "batch_size": 500, "temperature": 0.01, "critic_learning_rate": 2e-3}
        agents = learned(data, seed=seed, updates=500, learning_rate=1e-2, **settings)
        joint = policy_of_game(agents.policies, game).joint()[0]
        assert max(joint[0, 0], joint[1, 1]) >= 0.95


def fitted_by_least_squares(data: TrainingData, discount: float) -> np.ndarray:
    """Q_tot at every step: the fixed point of additive least squares on r + gamma Q_tot(next step), in NumPy."""
    place = data.states[data.here, :-1].numpy().argmax(1)
    rows = np.zeros((data.n_steps, 3, 3, 3))
    for i in range(3):
        rows[np.arange(data.n_steps), place, i, data.actions[:, i].numpy()] = 1.0
    rows, taught = rows.reshape(data.n_steps, -1), ~data.breaks.numpy()
    total = np.zeros(data.n_steps)
    for _ in range(60):
        target = data.rewards.numpy() + discount * np.append(total[1:], 0.0)
        total = rows @ np.linalg.lstsq(rows[taught], target[taught], rcond=1e-10)[0]
    return total


@pytest.mark.slow
def test_every_row_at_once_finds_the_additive_least_squares() -> None:
    """A ring of three states, three agents, rewards at random; linear networks on one-hot states; lambda 0."""
    data = TrainingData.build(one_step_dataset(seed=0)[0], standardise=False)
    settings: dict[str, Any] = {"critic_learning_rate": 0.02, "mixing_learning_rate": 1e-3, "batch_size": 1000, "discount": 0.5}
    agents = learned(data, hidden=(), updates=800, target_every=20, trace=0.0, settle_share=0.5, **settings)
    values = agents.networks["critic"](agents.parameters["critic"], data.observations[data.here].transpose(0, 1))
    logits = agents.networks["mixer"](agents.parameters["mixer"], data.states[data.here])[0].T
    chosen = values.gather(-1, data.actions.T[..., None])[..., 0]
    found = mixed(chosen, logits).detach().numpy()
    taught = ~data.breaks.numpy()
    np.testing.assert_allclose(found[taught], fitted_by_least_squares(data, 0.5)[taught], atol=0.05)


def test_the_end_of_an_episode_has_no_value_and_a_time_limit_no_end() -> None:
    """One state, reward 1: values of 1 where the process ends each time, of 1 / (1 - gamma) where a limit cuts it."""
    for terminated, expected in ((True, 1.0), (False, 2.0)):
        data = TrainingData.build(one_step_dataset(seed=0, states=1, terminated=terminated, reward=1.0)[0])
        settings: dict[str, Any] = {"batch_size": 500, "discount": 0.5, "critic_learning_rate": 0.02}
        agents = learned(data, hidden=(), updates=400, target_every=10, **settings)
        metrics = agents.update(torch.Generator().manual_seed(3))
        np.testing.assert_allclose([float(metrics["value_low"]), float(metrics["value_high"])], expected, atol=0.02)


def test_the_range_that_is_reported_is_over_the_rows_that_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have any value; and where no row teaches, both ends are 0."""
    data = TrainingData.build(one_step_dataset(seed=0, steps=4)[0])
    agents = ICQ(data, tiny("icq", batch_size=12, window=3), torch.Generator().manual_seed(0))
    seen, outside = [], False
    for seed in range(20):
        batch = agents._draw(torch.Generator().manual_seed(seed))
        known = agents._returns(batch)[1] > 0
        _, chosen, logits = agents._critics(agents.parameters, batch)
        total = mixed(chosen, logits).view_as(batch.here)[:, :-1]
        metrics = agents.update(torch.Generator().manual_seed(seed))
        seen.append([float(metrics[name]) for name in ("value_low", "value_high")])
        np.testing.assert_allclose(seen[-1], [total[known].min(), total[known].max()], rtol=1e-6)
        outside = outside or bool(total.min() < total[known].min())
    assert outside
    returns = agents._returns
    monkeypatch.setattr(agents, "_returns", lambda batch: (returns(batch)[0], torch.zeros(known.shape)))
    metrics = agents.update(torch.Generator().manual_seed(0))
    assert [float(metrics[name]) for name in ("value_low", "value_high")] == [0.0, 0.0]


def test_the_baseline_asks_for_no_value_outside_the_data() -> None:
    """Values of +100 at every action but the data's: the advantages do not see them, those with the published mean do."""
    data = TrainingData.build(chain_dataset())
    for baseline in ("data", "policy"):
        agents = ICQ(data, tiny("icq", baseline=baseline), torch.Generator().manual_seed(0))
        batch = agents._draw(torch.Generator().manual_seed(1))
        values = torch.zeros(3, len(batch.frames), data.available.shape[-1])
        seen = torch.zeros_like(values, dtype=torch.bool)
        for step, frame in zip(batch.steps.flatten().tolist(), batch.here.flatten().tolist(), strict=True):
            seen[range(3), frame, data.actions[step]] = True
        plain, _ = agents._advantages(agents.parameters["baseline"], values, batch)
        raised, _ = agents._advantages(agents.parameters["baseline"], torch.where(seen, values, 100.0), batch)
        assert torch.equal(plain, raised) == (baseline == "data")


def test_the_level_is_the_mean_over_the_datas_actions() -> None:
    """One state: V_i ends at E_D Q_i, so that advantages have mean 0 over the data."""
    data = TrainingData.build(one_step_dataset(seed=0, states=1)[0])
    agents = learned(
        data, hidden=(), updates=400, batch_size=1000, critic_learning_rate=0.02, target_every=10, settle_share=0.5
    )
    batch = agents._draw(torch.Generator().manual_seed(1))
    values, _, _ = agents._critics(agents.parameters, batch)
    gain, _ = agents._advantages(agents.parameters["baseline"], values, batch)
    real = batch.real.flatten()
    np.testing.assert_allclose(gain[:, real].mean(1), 0, atol=0.1)
    assert gain[:, real].std() > 0.3


def test_data_without_a_known_end_are_refused() -> None:
    dataset = one_step_dataset(seed=0, steps=1)[0]
    with pytest.raises(InvalidDataError, match="icq: got cut off single steps alone"):
        ICQ(TrainingData.build(dataset), tiny("icq"), torch.Generator().manual_seed(0))


def test_every_setting_changes_what_is_learned_or_is_tested_elsewhere() -> None:
    assert {f.name for f in fields(ICQConfig)} == {*CHANGES, *ELSEWHERE, *NETWORKS, *HISTORIES}
    assert [name for name, value in CHANGES.items() if not setting_matters("icq", name, value)] == []


def test_sharing_frames_changes_nothing_but_rounding() -> None:
    check_shared_frames("icq", ("critic", "mixer", "policy"))


def test_unavailable_actions_are_never_played() -> None:
    check_masks("icq")


def test_one_seed_one_result() -> None:
    assert equal(trained(tiny("icq")), trained(tiny("icq")))


def test_resume_is_bit_for_bit(tmp_path: Path) -> None:
    resumes_bit_for_bit("icq", tmp_path)


def test_a_critic_that_diverges_is_a_result(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match=r"values from .* where rewards allow .*; lower critic_learning_rate"):
        train(tiny("icq", critic_learning_rate=1.0, discount=0.0, evaluate_every=1), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "diverged"


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_table_6_by_the_last_policies(tmp_path: Path, name: str) -> None:
    cells = {"a": ["AB"], "b": ["AA", "BB"], "c": ["BB"], "d": ["AA"]}[name]
    for seed in range(10):
        train(ICQConfig(dataset=f"matrix-{name}", seed=seed, select="last"), tmp_path / str(seed))
        joint = policy_of_game(policies_of_run(tmp_path / str(seed)), ad.games.penalty_xor()).joint()[0].flatten()
        best = int(joint.argmax())
        assert ("AA", "AB", "BA", "BB")[best] in cells
        assert joint[best] >= 0.9
