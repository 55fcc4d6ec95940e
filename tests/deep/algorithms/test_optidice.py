"""OptiDICE: its losses and minimisers against the tabular layer and NumPy; every setting; masks; bits; resuming."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import (
    ELSEWHERE,
    HISTORIES,
    NETWORKS,
    SHARED_CHANGES,
    chain_dataset,
    check_masks,
    check_shared_frames,
    equal,
    tiny,
    trained,
)
from hypothesis import given
from populations import minimise, tensor
from strategies import Problem, problems
from torch import Tensor

import alberdice as ad
from alberdice import tabular
from alberdice.datasets import make_builtin
from alberdice.deep import losses
from alberdice.deep.algorithms.optidice import OptiDICE, OptiDICEConfig, cloning_loss, sample_weights
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.training.loop import train

CHANGES: dict[str, Any] = {
    **SHARED_CHANGES,
    "hidden": (9,),
    "leak": 0.2,
    "discount": 0.9,
    "alpha_start": 2.0,
    "alpha_end": 0.05,
    "anneal_share": 0.5,
    "hold_share": 1.0,
    "units": "spread",
    "gradient_penalty": 0.0,
    "slope_limit": 0.0,
    "absorbing": "single",
}


def joint_samples(problem: Problem) -> dict[str, Tensor]:
    """Every (s, a, s') of the problem's data with its mass d^D(s, a) P(s'|s, a)."""
    model = problem.model
    joint = problem.data.probabilities[..., None] * model.dense_transition()
    kept = np.argwhere(joint > 0)
    pairs = (kept[:, 0], *kept[:, 1:-1].T)
    return {
        "state": torch.tensor(kept[:, 0]),
        "after": torch.tensor(kept[:, -1]),
        "actions": torch.tensor(kept[:, 1:-1].T.copy()),
        "reward": tensor(model.reward[pairs]),
        "log_mass": tensor(np.log(joint[(*pairs, kept[:, -1])])),
    }


def nu_loss_of(problem: Problem, x: dict[str, Tensor], nu: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    e = losses.sample_advantage(x["reward"], 0.0, nu[x["state"]], nu[x["after"]], alpha, problem.model.discount)
    return losses.nu_loss(e, x["log_mass"], tensor(problem.model.initial) @ nu, alpha, problem.model.discount), e


@given(problems(data_zeros=0.0, unreachable=False, deterministic=True))
def test_the_minimum_is_the_value_of_the_joint_problem_and_the_weights_its_occupancy(problem: Problem) -> None:
    """In deterministic models (no mean over s' inside exp) the dual is exact: J(nu*) = max of the LP over joint occupancies."""
    alpha, model, x = 0.5, problem.model, joint_samples(problem)
    nu = minimise(lambda v: nu_loss_of(problem, x, v, alpha)[0], torch.zeros(model.n_states, dtype=torch.float64))
    loss, e = nu_loss_of(problem, x, nu, alpha)
    shape = (model.n_states, model.n_joint_actions)
    centralised = ad.MMDP(model.transition, model.reward.reshape(shape), model.initial, model.discount)
    data = ad.DataDistribution(problem.data.probabilities.reshape(shape))
    exact = tabular.best_response(centralised, data.behaviour_policy(), 0, data, alpha)
    assert float(loss) == pytest.approx(exact.value, abs=1e-6)
    weights = sample_weights(e, x["log_mass"], alpha).numpy()
    found = np.zeros(model.reward.shape)
    np.add.at(found, (x["state"].numpy(), *x["actions"].numpy()), weights)
    np.testing.assert_allclose(found.reshape(shape), exact.occupancy, atol=1e-4)


def test_cloning_loss_is_minimal_at_the_marginals_of_the_weights() -> None:
    """Three agents with 2, 3 and 4 actions at two states, against sums in NumPy."""
    generator = np.random.default_rng(0)
    weight, states = generator.dirichlet(np.ones(30)), generator.integers(2, size=30)
    actions = np.stack([generator.integers(k, size=30) for k in (2, 3, 4)])
    masks = torch.arange(4) < torch.tensor([2, 3, 4])[:, None, None]

    def loss(logits: Tensor) -> Tensor:
        tables = losses.log_policy(logits.view(3, 2, 4), masks)
        return cloning_loss(tables[:, states], torch.from_numpy(actions), tensor(weight)).sum()

    found = losses.log_policy(minimise(loss, torch.zeros(24, dtype=torch.float64)).view(3, 2, 4), masks).exp().numpy()
    for i, s, a in np.ndindex(3, 2, 4):
        expected = weight[(states == s) & (actions[i] == a)].sum() / weight[states == s].sum()
        assert found[i, s, a] == pytest.approx(expected, abs=1e-4)


def test_the_absorbing_row() -> None:
    """Against the sum written out: B rows of weight (1 - share) / B, and one of weight share and advantage (gamma - 1) nu."""
    advantage, log_weight = torch.tensor([[0.3, -0.2]]), torch.full((1, 2), float(np.log(0.5)))
    terms, weights = losses.with_absorbing(advantage, log_weight, torch.tensor([2.0]), 0.9, 0.25)
    np.testing.assert_allclose(terms, [[0.3, -0.2, -0.2]], rtol=1e-5)
    np.testing.assert_allclose(weights.exp(), [[0.375, 0.375, 0.25]], rtol=1e-6)
    assert losses.with_absorbing(advantage, log_weight, torch.tensor([2.0]), 0.9, 0.0)[1][0, 2] == losses.MASKED


@pytest.mark.parametrize("name", [*(pytest.param(each, marks=pytest.mark.slow) for each in "abc"), "d"])
def test_matrix_games_end_at_the_population_version(name: str) -> None:
    game = ad.games.penalty_xor()
    expected = tabular.ALGORITHMS["OptiDICE"](game.mmdp, game.data(name, floor=0.0)).joint()[0]
    data = TrainingData.build(make_builtin(f"matrix-{name}"))
    config = OptiDICEConfig(dataset=f"matrix-{name}", hidden=(16,), updates=1500, learning_rate=3e-3)
    agents, generator = OptiDICE(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    for _ in range(config.updates):
        agents.update(generator)
    np.testing.assert_allclose(policy_of_game(agents.policies, game).joint()[0], expected, atol=0.02)


def test_every_setting_is_covered() -> None:
    assert {f.name for f in fields(OptiDICEConfig)} == {
        *CHANGES,
        *ELSEWHERE,
        *HISTORIES,
        *NETWORKS,
        "nu_network",
        "collapse_rows",
    }


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_setting_changes_what_is_learned(name: str) -> None:
    """The slopes of a fresh nu are below the default limit, so that the penalty's weight shows at a limit of 0 only."""
    dataset = None if name.startswith("dataset") else chain_dataset(n_actions=(2, 3))
    base = {"slope_limit": 0.1} if name in ("gradient_penalty", "slope_limit") else {}
    changed = {**base, name: CHANGES[name]}
    assert not equal(trained(tiny("optidice", **base), dataset), trained(tiny("optidice", **changed), dataset))


def test_sharing_frames_changes_nothing_but_rounding() -> None:
    check_shared_frames("optidice", ("nu", "policy"))


def test_unavailable_actions_are_never_played() -> None:
    check_masks("optidice")


def test_collapse_is_a_result(tmp_path: Path) -> None:
    with pytest.raises(ad.SolverError, match=r"leans on .* of 32 samples"):
        train(tiny("optidice", collapse_rows=1e6), tmp_path / "run")


def test_one_seed_one_result() -> None:
    assert equal(trained(tiny("optidice")), trained(tiny("optidice")))
