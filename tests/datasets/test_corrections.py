"""Stationary distribution corrections: against the empirical model's return step by step from plain counts, and the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, load_dataset
from alberdice.datasets.corrections import Corrected, Corrections, Kernel
from alberdice.datasets.empirical import empirical_model
from alberdice.evaluation import discounted_return, undiscounted_return
from alberdice.games.zoo import zoo_game
from alberdice.policy import FactorizedPolicy

PAIRS = Kernel(width=0.0, agreement=0.0, ridge=0.0, constant=False, features=10_000)
N_ACTIONS = (2, 3)


def wandering(joint: list[tuple[int, int]] | None = None) -> OfflineDataset:
    """Two agents on four states, at random; with ``joint`` they only ever do these."""
    generator, made = np.random.default_rng(5), []
    for number in range(60):
        length = 3 + number % 4
        states = generator.integers(4, size=length + 1)
        seen = np.eye(4)[states]
        every = [(a, b) for a in range(2) for b in range(3)] if joint is None else joint
        acts = np.array([every[k] for k in generator.integers(len(every), size=length)])
        rewards = (states[:-1] - acts[:, 0] * acts[:, 1] + generator.normal(size=length)).round(2)
        each = EpisodeArrays(seen, np.repeat(seen[:, None], 2, axis=1), acts, rewards, terminated=number % 3 > 0)
        made.append(each)
    return from_episodes("wandering", N_ACTIONS, made)


def random_tables(seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.dirichlet(np.ones(k), size=4) for k in N_ACTIONS]


def chances_of(tables: list[Any], data: OfflineDataset) -> Any:
    """At every frame, ``(F, 2, 3)``."""
    state = data.frame_states.argmax(axis=1)
    found = np.zeros((len(state), len(tables), max(t.shape[1] for t in tables)))
    for i, table in enumerate(tables):
        found[:, i, : table.shape[1]] = table[state]
    return found


class Counted:
    """The weighted empirical model as dictionaries, and occupancies pushed through it step by step."""

    def __init__(self, data: OfflineDataset, weights: Any, tables: list[Any]) -> None:
        self.tables, self.begin = tables, defaultdict(float)
        self.reward: Any = defaultdict(list)
        self.onward: Any = defaultdict(list)
        for number, weight in enumerate(weights):
            episode = data.get_episode(number)
            self.begin[int(np.argmax(episode.states[0]))] += weight / sum(weights)
            for t in range(len(episode.actions)):
                ended = bool(data.terminated[data.starts[number] + t])
                pair = int(np.argmax(episode.states[t])), tuple(int(a) for a in episode.actions[t])
                after = None if ended else int(np.argmax(data.frame_states[data.next_row[data.starts[number] + t]]))
                self.reward[pair].append((weight, float(episode.rewards[t])))
                self.onward[pair].append((weight, after))

    def steps(self) -> Any:
        """At every step: what is earned, the mass there, and the mass that goes on; unseen pairs hold none."""
        here = dict(self.begin)
        while True:
            earned = mass = 0.0
            there: Any = defaultdict(float)
            for state, share in here.items():
                for a in range(2):
                    for b in range(3):
                        taken = share * self.tables[0][state, a] * self.tables[1][state, b]
                        outcomes = self.onward.get((state, (a, b)), [])
                        total = sum(w for w, _ in outcomes)
                        if not outcomes:
                            continue
                        mass += taken
                        earned += taken * sum(w * r for w, r in self.reward[state, (a, b)]) / total
                        for w, after in outcomes:
                            if after is not None:
                                there[after] += taken * w / total
            yield earned, mass, sum(there.values())
            here = dict(there)


def by_counting(data: OfflineDataset, weights: Any, tables: list[Any], discount: float, horizon: int | None) -> float:
    """For ever: sums over steps, divided by their mass.  H steps: every step's mass is made what had not ended by then."""
    earned, mass, wanted = 0.0, 0.0, 1.0
    for t, (pay, held, on) in enumerate(Counted(data, weights, tables).steps()):
        if horizon is None:
            earned, mass = earned + discount**t * pay, mass + discount**t * (held - discount * on)
            if discount**t * held < 1e-15:
                return earned / mass
            continue
        if t == horizon:
            return earned
        earned, wanted = earned + discount**t * pay * wanted / held, on * wanted / held
    raise AssertionError


def estimated(data: OfflineDataset, tables: list[Any], kernel: Kernel, weights: Any = None, **more: Any) -> Corrected:
    """By ``Corrections``; once, with all episodes alike, unless told otherwise."""
    weights = np.ones((1, data.n_episodes)) if weights is None else weights
    made = Corrections(data, data.frame_states, weights, np.random.default_rng(0), kernel=kernel, **more)
    return made.estimate(chances_of(tables, data))


@pytest.mark.parametrize("horizon", [None, 6])
@pytest.mark.parametrize("joint", [None, [(0, 0), (1, 2), (0, 1)]], ids=["all pairs seen", "some never seen"])
def test_with_a_feature_per_pair_it_is_the_empirical_models_return(horizon: int | None, joint: Any) -> None:
    data, tables = wandering(joint), random_tables()
    weights = np.random.default_rng(1).exponential(size=(3, data.n_episodes))
    discount = 0.9 if horizon is None else 1.0
    found = estimated(data, tables, PAIRS, weights, discount=discount, horizon=horizon)
    wanted = [by_counting(data, m, tables, discount, horizon) for m in weights]
    np.testing.assert_allclose(found.returns, wanted, rtol=1e-10)
    assert found.negative == 0.0
    assert np.ptp(wanted) > 0.05


@pytest.mark.parametrize("horizon", [None, 30])
def test_with_a_feature_per_pair_it_is_the_return_that_the_exact_layer_computes(horizon: int | None) -> None:
    """Where no pair is unseen; the model by ``datasets.empirical``, its return by ``evaluation``."""
    data, tables = wandering(), random_tables(1)
    model = empirical_model(data, 0.95)
    uniform = [np.full((1, k), 1 / k) for k in N_ACTIONS]
    order = np.asarray(model.states).argmax(axis=1)
    policy = FactorizedPolicy([np.concatenate([t[order], u]) for t, u in zip(tables, uniform, strict=True)])
    truth = discounted_return(model.mmdp, policy) if horizon is None else undiscounted_return(model.mmdp, policy, horizon)
    found = estimated(data, tables, PAIRS, discount=0.95 if horizon is None else 1.0, horizon=horizon)
    np.testing.assert_allclose(found.returns, [truth], rtol=1e-10)


def test_with_features_it_is_near_the_truth_of_the_game() -> None:
    """Of games of the zoo: the data's clone, a convention, and near-optimal play; in units of the returns' range."""
    for name in ("lock", "stags"):
        game, data = zoo_game(name), load_dataset(f"zoo-{name}")
        choices = range(game.mmdp.n_agents)
        played = [[np.eye(k)[c[:, i]] for i, k in enumerate(game.mmdp.n_actions)] for c in game.conventions]
        plans = [played[0], [np.mean([p[i] for p in played], axis=0) for i in choices], list(game.optimal_policy.tables)]
        found, truth = [], []
        for plan in plans:
            policy = FactorizedPolicy([0.9 * np.asarray(t) + 0.1 / t.shape[1] for t in plan])
            rows = (data.frame_observations[:, 0, None] == game.features).all(axis=-1).argmax(axis=1)
            chances = np.stack([np.asarray(t)[rows] for t in policy.tables], axis=1)
            states = (data.frame_states - data.states.mean(axis=0)) / np.maximum(data.states.std(axis=0), 1e-9)
            weights = np.ones((1, data.n_episodes))
            generator, discount = np.random.default_rng(0), game.mmdp.discount
            found.append(Corrections(data, states, weights, generator, discount=discount).estimate(chances))
            truth.append(discounted_return(game.mmdp, policy))
        off = np.array([each.returns[0] for each in found]) - truth
        assert np.abs(off).max() < 0.03 * np.ptp(truth)
        assert all(each.effective > 0.05 * data.n_steps and each.negative < 0.1 for each in found)


def test_one_joint_ratio_for_more_agents_and_any_unit() -> None:
    """A constant per step that is added to rewards adds its discounted sum where nothing ends; units only scale."""
    data, tables = wandering(), random_tables()
    endless = replace(data, terminated=np.zeros_like(data.terminated), truncated=data.terminated | data.truncated)
    plain, moved = (
        estimated(replace(endless, rewards=r), tables, Kernel(), discount=0.9)
        for r in (endless.rewards, 100.0 * endless.rewards + 7.0)
    )
    np.testing.assert_allclose(moved.returns, 100.0 * plain.returns + 70.0, rtol=1e-9)


def test_resamples_are_those_of_the_episodes() -> None:
    """An episode of weight 2 counts as if it were there twice; one of weight 0, as if it were not."""
    data, tables = wandering(), random_tables()
    weights = np.array([[0.0, 2.0] + [1.0] * 58])
    copies = [data.get_episode(k) for k in [1, *range(1, 60)]]
    ended = [bool(data.terminated[data.episode == k][-1]) for k in [1, *range(1, 60)]]
    last = [data.frame_states[data.n_steps + k] for k in [1, *range(1, 60)]]
    made = [
        EpisodeArrays(states, np.repeat(states[:, None], 2, axis=1), each.actions, each.rewards, terminated=end)
        for each, end, after in zip(copies, ended, last, strict=True)
        for states in [np.concatenate([each.states[: len(each.actions)], after[None]])]
    ]
    again = from_episodes("again", N_ACTIONS, made)
    found = estimated(data, tables, PAIRS, discount=0.9, weights=weights).returns
    np.testing.assert_allclose(found, estimated(again, tables, PAIRS, discount=0.9).returns, rtol=1e-10)


def test_weights_without_a_mass_give_no_number() -> None:
    """All of the policy's mass is on pairs that the data do not hold."""
    data = wandering([(0, 0)])
    tables = [np.tile([0.0, 1.0], (4, 1)), np.tile([0.0, 0.0, 1.0], (4, 1))]
    assert np.isnan(estimated(data, tables, PAIRS, discount=0.9).returns).all()


def test_too_many_steps_leave_some_episodes_and_one_seed_gives_one_result() -> None:
    data, tables = wandering(), random_tables()
    small = Kernel(steps=40, features=9)
    one, same = (estimated(data, tables, small, discount=0.9) for _ in range(2))
    np.testing.assert_array_equal(one.returns, same.returns)
    held = Corrections(data, data.frame_states, np.ones((1, 60)), np.random.default_rng(0), discount=0.9, kernel=small)
    assert 0 < len(held.rewards) <= 40
    assert held.features.shape == (len(held.rewards), 10)
