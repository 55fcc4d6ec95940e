"""MADTKD: losses against NumPy, what it converges to, settings, determinism, resuming."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import ELSEWHERE, chain_dataset, equal, tiny, trained

from alberdice.datasets import EpisodeArrays, OfflineDataset, empirical_model, from_episodes, make_builtin
from alberdice.deep.algorithms.madtkd import MADTKD, MADTKDConfig, distillation_loss, relation_loss
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.policies.transformer import policy_tables
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import evaluate_run, policies_of_run
from alberdice.errors import InvalidArgumentError, SolverError
from alberdice.games import penalty_xor
from alberdice.reference import paper_tables
from alberdice.tabular.algorithms import madtkd

SMALL: dict[str, Any] = {"updates": 12, "batch_size": 8, "width": 8, "context": 4, "checkpoint_every": 5, "evaluate_every": 6}

#: another value of every setting that reaches the learner
CHANGES: dict[str, Any] = {
    "dataset": "matrix-c",
    "dataset_seed": 1,
    "seed": 1,
    "updates": 13,
    "batch_size": 12,
    "learning_rate": 1e-3,
    "settle_share": 0.5,
    "standardise": False,
    "keep_best": 0.5,
    "width": 10,
    "blocks": 1,
    "heads": 2,
    "context": 3,
    "chunk": 40,
    "episode_steps": 2,
    "weight_decay": 0.5,
    "cloning_weight": 0.5,
    "distillation_weight": 0.5,
    "relation_weight": 2.0,
}
#: settings of the loop, the machine and the bookkeeping; tested there, or here by the test that is named


def small(**changes: Any) -> Any:
    return tiny("madtkd", **{**SMALL, **changes})


def learned(dataset: OfflineDataset, updates: int = 300, **changes: Any) -> MADTKD:
    """A learner after a short, fast training on all windows of a small dataset."""
    config = small(updates=updates, batch_size=4096, width=16, learning_rate=3e-3, **changes)
    data = TrainingData.build(cut_episodes(dataset, config.episode_steps))
    learner, generator = MADTKD(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    for _ in range(updates):
        learner.update(generator)
    return learner


# ---- losses ----------------------------------------------------------------------------------------------------------


def test_distillation_is_the_divergence_from_the_teacher() -> None:
    generator = np.random.default_rng(0)
    teacher, student = (generator.dirichlet(np.ones(4), size=(3, 5)) for _ in range(2))
    teacher[0, 1] = student[0, 1] = [0.25, 0.75, 0, 0]  # two actions are unavailable
    student[0, 1, :2] = 0.5
    weight = generator.dirichlet(np.ones(5))
    with np.errstate(divide="ignore"):
        logs = [torch.from_numpy(np.maximum(np.log(table), -1e10)) for table in (teacher, student)]
    found = distillation_loss(*logs, torch.from_numpy(weight))
    ratio = np.where(teacher > 0, teacher / np.where(student > 0, student, 1), 1)
    np.testing.assert_allclose(found, (weight * (teacher * np.log(ratio)).sum(-1)).sum(-1), rtol=1e-6)


def test_relation_is_the_distance_of_cosines() -> None:
    generator = np.random.default_rng(0)
    teacher, students = generator.normal(size=(2, 3, 5, 6))
    students[1, 0] = -3 * students[0, 0]  # cosine -1, and 1 for the teacher: beyond the quadratic part
    teacher[1, 0] = 2 * teacher[0, 0]
    weight = generator.dirichlet(np.ones(5))

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    expected = 0.0
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for b in range(5):
            gap = abs(cosine(teacher[i, b], teacher[j, b]) - cosine(students[i, b], students[j, b]))
            expected += weight[b] * (gap**2 / 2 if gap <= 1 else gap - 0.5) / 3
    found = relation_loss(torch.from_numpy(teacher), torch.from_numpy(students), torch.from_numpy(weight))
    assert found.item() == pytest.approx(expected, rel=1e-10)
    assert relation_loss(*(torch.ones(1, 5, 6),) * 2, torch.ones(5)) == 0


def test_no_gradient_runs_into_the_teacher() -> None:
    teacher, student, weight = torch.randn(2, 3, 4).requires_grad_(), torch.randn(2, 3, 4).requires_grad_(), torch.ones(3) / 3
    for loss in (distillation_loss, relation_loss):
        found = torch.autograd.grad(loss(teacher, student, weight).sum(), (teacher, student), allow_unused=True)
        assert found[0] is None
        assert found[1].abs().max() > 0


@pytest.mark.parametrize("context", [3, 20])
def test_steps_that_are_not_scored_enter_no_loss(context: int) -> None:
    """Padding, and steps that are known only: other actions there leave the losses alone, where nothing scored comes after."""
    learner = MADTKD(TrainingData.build(chain_dataset(masks=True)), small(context=context, batch_size=999), torch.Generator())
    batch = learner.sequences.minibatch(torch.Generator())
    before = learner._losses(learner.parameters, batch)
    batch.actions[:, ~batch.valid] = 0
    batch.last_actions[:, ~batch.valid] = 0
    batch.observations[:, ~batch.valid] = 7.0
    batch.returns_to_go[~batch.valid] = -5.0
    after = learner._losses(learner.parameters, batch)
    assert (~batch.valid).any()
    for name, value in before.items():
        torch.testing.assert_close(value, after[name], rtol=1e-6, atol=1e-7)


def test_the_teacher_sees_earlier_agents_actions_and_the_students_only_their_own() -> None:
    learner = MADTKD(TrainingData.build(chain_dataset()), small(batch_size=999), torch.Generator().manual_seed(0))
    learner.parameters = {name: p + 0.1 * torch.randn_like(p) for name, p in learner.parameters.items()}
    batch = learner.sequences.minibatch(torch.Generator())
    before = learner._teacher_tables(learner.parameters["teacher"], batch)[0]
    batch.actions[1, :, 0] = 2 - batch.actions[1, :, 0]  # of the second agent at the first step
    after = learner._teacher_tables(learner.parameters["teacher"], batch)[0]
    moved = batch.actions[1, :, 0] != 1
    assert torch.equal(before[:2, :, 0], after[:2, :, 0])
    assert (before[2, moved, 0] != after[2, moved, 0]).any(-1).all()

    def students() -> torch.Tensor:
        return policy_tables(learner.student_net, learner.parameters["students"], batch, learner.returns)[0]

    now = students()
    batch.last_actions[0] = 1 - batch.last_actions[0]
    assert torch.equal(now[1:], students()[1:])
    assert not torch.equal(now[0, :, 1:], students()[0, :, 1:])


# ---- what it converges to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*(pytest.param(each, marks=pytest.mark.slow) for each in "abd"), "c"])
def test_matrix_games_end_at_the_population_version(name: str) -> None:
    source = make_builtin(f"matrix-{name}")
    found = learned(source, episode_steps=1).policies.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    model = empirical_model(source, weighting="counts", floor=0.0)
    expected = np.stack([table[0] for table in madtkd(model.mmdp, model.data)])
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_table_6_by_the_last_policies(tmp_path: Path, name: str) -> None:
    for seed in range(5):
        train(MADTKDConfig(dataset=f"matrix-{name}", seed=seed, select="last"), tmp_path / str(seed))
        joint = policy_of_game(policies_of_run(tmp_path / str(seed)), penalty_xor()).joint()[0]
        np.testing.assert_allclose(joint, paper_tables()["table6"]["MADTKD"][name], atol=0.02)


def two_steps() -> OfflineDataset:
    """Three agents, two steps: the first one's actions decide the second state, whose choices depend on nothing else."""
    code, episodes = np.eye(4), []
    for first in np.ndindex(2, 2, 2):
        for second in np.ndindex(2, 2, 2):
            middle = 1 + sum(first) % 2
            rewards = np.array([float(first[1]), float(sum(second) == middle)])
            states = code[[0, middle, 3]]
            observations = np.repeat(states[:, None], 3, axis=1)
            one = EpisodeArrays(states, observations, np.array([first, second]), rewards, True)
            episodes += [one] * ((1 + first[0] + first[2]) * (1 + (second[0] + 2 * second[1] + middle * second[2]) % 3))
    return from_episodes("two steps", (2, 2, 2), episodes)


@pytest.mark.slow
def test_two_steps_end_at_the_population_version() -> None:
    """At the first step, and at the second one after each best first step."""
    source = two_steps()
    model = empirical_model(source, weighting="counts", floor=0.0)
    expected = madtkd(model.mmdp, model.data)
    policies = learned(source, updates=600).policies
    assert policies.returns is not None
    assert policies.returns.target == 2
    code, tables = torch.eye(4), []
    for first in ((0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)):
        actor = policies.actor(1)
        for state, action in ((0, first), (1 + sum(first) % 2, (0, 0, 0))):
            number = model.index_of(code[state].numpy())
            found = actor.log_probabilities(code[state].expand(1, 3, 4)).exp()[0]
            tables.append(np.stack([table[number] for table in expected]))
            np.testing.assert_allclose(found, tables[-1], atol=0.03)
            actor.observe(torch.tensor([action]), torch.ones(1))
    assert np.ptp(tables, axis=0).max() > 0.2


def test_students_follow_the_return_that_is_asked_for() -> None:
    """On {AA, AB, BA}, return 0 is AA and return 1 is either of the others."""
    learner = learned(make_builtin("matrix-c"), episode_steps=1)
    policies = learner.policies
    for target, expected in ((0.0, 1.0), (1.0, 0.5)):
        asked = replace(policies, returns=replace(learner.returns, target=target))
        table = asked.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
        np.testing.assert_allclose(table[:, 0], expected, atol=0.03)


@pytest.mark.parametrize("weights", [{"cloning_weight": 0.0}, {"distillation_weight": 0.0}])
def test_either_term_alone_has_the_same_minimiser(weights: dict[str, float]) -> None:
    source = make_builtin("matrix-d")
    best = source.actions[source.rewards == 1]
    actor = learned(source, episode_steps=1, **weights).policies.actor(1)
    table = actor.log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    np.testing.assert_allclose(table[:, 1], best.mean(axis=0), atol=0.01)


# ---- settings, determinism, files ------------------------------------------------------------------------------------


def test_every_setting_is_covered() -> None:
    assert {f.name for f in fields(MADTKDConfig)} == {*CHANGES, *ELSEWHERE}
    assert MADTKD.settings is MADTKDConfig


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_setting_changes_what_is_learned(name: str) -> None:
    dataset = None if name.startswith("dataset") else chain_dataset(n_actions=(2, 3))
    assert not equal(trained(small(), dataset), trained(small(**{name: CHANGES[name]}), dataset))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads": 3}, "heads: got 3, expected a divisor of the width, 8"),
        ({"context": 0}, "context: got 0, expected a number, at least 1"),
        ({"hidden": (3,)}, "settings: hidden: got an unknown key, expected a setting of madtkd; nearest match: "),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        small(**values)
    assert str(raised.value).startswith(message)


def test_episodes_are_cut_where_the_game_lasts_one_step() -> None:
    assert [MADTKDConfig().steps_per_episode(horizon) for horizon in (0, 1, 20)] == [0, 1, 0]
    assert [MADTKDConfig(episode_steps=5).steps_per_episode(horizon) for horizon in (0, 1, 20)] == [5, 5, 5]
    assert TrainConfig().steps_per_episode(1) == 0


@pytest.mark.parametrize(("environment", "steps", "context"), [("auto", 1, 1), ("none", 0, 4)])
def test_a_run_says_how_episodes_were_cut(tmp_path: Path, environment: str, steps: int, context: int) -> None:
    assert train(small(environment=environment), tmp_path / "run")["episode_steps"] == steps
    assert policies_of_run(tmp_path / "run").network.steps == context  # type: ignore[attr-defined]


def test_merging_windows_changes_nothing_but_rounding() -> None:
    base = {"dataset": "bridge-optimal", "batch_size": 5000, "context": 8, "updates": 3}
    first, second = (trained(small(share_frames=share, **base)) for share in (True, False))
    assert not equal(first, second)
    for name in ("teacher.mean", "students.mean"):
        torch.testing.assert_close(first[name], second[name], rtol=1e-2, atol=1e-5)


def test_equal_seeds_give_equal_bits() -> None:
    dataset = chain_dataset()
    assert equal(trained(small(), dataset), trained(small(), dataset))


def test_resuming_is_bit_for_bit(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    seen = iter(range(1, 100))

    def progress(note: str) -> None:
        if next(seen) == 8:
            raise Killed

    config = small(environment="none", batch_size=40)
    train(config, tmp_path / "whole")
    with pytest.raises(Killed):
        train(config, tmp_path / "parts", progress=progress)
    assert RunDirectory(tmp_path / "parts").load()[1]["update"] == 5
    train(config, tmp_path / "parts", resume=True)
    assert equal(RunDirectory(tmp_path / "whole").load()[0], RunDirectory(tmp_path / "parts").load()[0])


def test_policies_come_from_the_checkpoint_alone(tmp_path: Path) -> None:
    result = train(small(), tmp_path / "run")
    assert (result["status"], result["return_exact"]) == ("done", pytest.approx(float("nan"), nan_ok=True))
    policies = policies_of_run(tmp_path / "run")
    assert policies.n_actions == (2, 2)
    assert policies.returns.target == 1  # type: ignore[attr-defined]
    found = [evaluate_run(tmp_path / "run", episodes=50, seed=3)["return_mean"] for _ in range(2)]
    assert found[0] == found[1]


def test_greedy_play(tmp_path: Path) -> None:
    result = train(small(play="greedy"), tmp_path / "run")
    assert result["return_stderr"] == 0


def test_unavailable_actions_are_never_played() -> None:
    dataset = chain_dataset(masks=True)
    learner, generator = MADTKD(TrainingData.build(dataset), small(), torch.Generator()), torch.Generator()
    for _ in range(12):
        assert all(torch.isfinite(value) for value in learner.update(generator).values())
    masks = torch.from_numpy(np.array(dataset.action_masks))
    actor = learner.policies.actor(len(masks))
    for _ in range(6):
        table = actor.log_probabilities(torch.from_numpy(np.array(dataset.observations)), masks).exp()
        assert table[~masks].max() == 0
        np.testing.assert_allclose(table.sum(-1), 1, atol=1e-5)
        actor.observe(torch.from_numpy(np.array(dataset.actions)), torch.zeros(len(masks)))


@pytest.mark.parametrize("n_actions", [(3,), (2, 3, 2, 3, 2)])
def test_single_agent_and_many_agents(n_actions: tuple[int, ...]) -> None:
    state = trained(small(), chain_dataset(n_actions=n_actions))
    assert state["students"].shape[0] == len(n_actions)
    assert all(torch.isfinite(tensor.double()).all() for tensor in state.values())


def test_not_a_number_stops_with_an_explanation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "alberdice.deep.algorithms.madtkd.relation_loss", lambda teacher, students, weight: students.sum() * float("nan")
    )
    with pytest.raises(SolverError, match=r"a loss is not finite.*lower learning_rate"):
        train(small(updates=100, evaluate_every=100), tmp_path / "run")
