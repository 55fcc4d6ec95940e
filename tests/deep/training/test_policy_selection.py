"""Which policies of a run are kept: scores from data alone, against the model, and what a run says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, table_policies
from history_samples import fresh, perturbed, replayed

from alberdice.datasets import load_dataset
from alberdice.datasets.resampled import Estimate
from alberdice.datasets.subset import of_episodes
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.bc import BCConfig
from alberdice.deep.play.along_data import chances_along
from alberdice.deep.play.fitted_q import FittedQ
from alberdice.deep.play.model_scores import ModelScores
from alberdice.deep.play.out_of_data import OutOfData
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.venue import game_of
from alberdice.deep.training.loop import run_training, train
from alberdice.deep.training.saved_run import evaluate_offline, policies_of_run
from alberdice.deep.training.selection import Selector
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import discounted_return, undiscounted_return
from alberdice.games.zoo import zoo_game


def settings(**changes: Any) -> AlberDICEConfig:
    base: dict[str, Any] = {
        "dataset": "zoo-stags",
        "updates": 40,
        "pretrain_updates": 30,
        "hidden": (16,),
        "starts": 1,
        "evaluate_every": 20,
        "select_every": 10,
        "checkpoint_every": 15,
        "evaluate_episodes": 20,
        "pictures": False,
    }
    return AlberDICEConfig(**{**base, **changes})


class FakeScores:
    method, comparable, slack = "fake", True, 0.0

    def __init__(self, *returns: list[float]) -> None:
        self.left = list(returns)
        self.data_return = Estimate(np.array([1.0, 1.0]))

    def estimate(self, policies: Any) -> Estimate:
        return Estimate(np.array(self.left.pop(0)))

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        pass


def test_the_best_mean_less_deviation_is_kept_and_of_equals_the_later() -> None:
    game, selector = zoo_game("stags"), Selector(FakeScores([2.0, 2.0], [9.0, 0.0], [2.0, 2.0], [1.9, 1.9]))
    for update in range(4):
        selector.consider(table_policies(game, torch.full((2, 6, 3), float(update))), update, cloned=update == 0)
    assert selector.best is not None
    assert selector.best.update == 2
    assert selector.kept is not None
    assert float(selector.kept[0]["policies"][0, 0]) == 2.0
    assert selector.last is not None
    assert selector.last.update == 3
    assert selector.behaviour is not None
    assert selector.behaviour.update == 0
    assert selector.shortfall() == ""


def test_a_fall_after_the_selected_policies_is_said() -> None:
    selector = Selector(FakeScores([2.0, 2.1], [2.0, 2.1], [0.5, 0.6]))
    policies = table_policies(zoo_game("stags"), torch.zeros(2, 6, 3))
    selector.consider(policies, 1)
    selector.consider(policies, 2)
    assert selector.fall() == ""
    selector.consider(policies, 3)
    assert selector.fall().startswith("after update 2 the run fell")
    assert selector.fall().endswith("is 0.55, that of the selected ones 2.05")


def test_what_stays_below_the_data_is_said() -> None:
    selector = Selector(FakeScores([0.5, 0.6]))
    selector.consider(table_policies(zoo_game("stags"), torch.zeros(2, 6, 3)), 5)
    assert "0.55, is below the data (1)" in selector.shortfall()


def test_scores_in_models_are_near_the_truth() -> None:
    game, data = zoo_game("stags"), load_dataset("zoo-stags")
    policies = table_policies(game, 2 * torch.from_numpy(np.eye(3)[game.conventions[0].T]).float())
    truth = undiscounted_return(game.mmdp, policy_of_game(policies, game), game.horizon)
    found = ModelScores(data, 0, 50).estimate(policies)
    low, high = found.interval(0.99)
    assert low - 0.05 <= truth <= high + 0.05


@pytest.mark.slow
def test_fitted_q_is_near_the_discounted_return_of_the_model() -> None:
    game, data = zoo_game("lock"), load_dataset("zoo-lock")
    logits = 3 * torch.from_numpy(np.eye(3)[game.conventions[0].T]).float()
    policies = table_policies(game, logits)
    truth = discounted_return(game.mmdp, policy_of_game(policies, game))
    uniform = discounted_return(game.mmdp, policy_of_game(table_policies(game, 0 * logits), game))
    scores = FittedQ(data, 0, game.mmdp.discount, 2)
    found = scores.estimate(policies).mean
    assert found == pytest.approx(truth, abs=0.12)
    assert scores.estimate(table_policies(game, 0 * logits)).mean == pytest.approx(uniform, abs=0.12)
    assert truth - uniform > 0.4


def test_a_memory_that_is_not_used_changes_no_score() -> None:
    """Tables along recorded episodes are those of the frames, in the order of the frames, for policies that forget."""
    game, data = zoo_game("relay"), load_dataset("zoo-relay")
    policies = table_policies(game, torch.randn(3, 9, 3, generator=torch.Generator().manual_seed(0)))
    own, others = (FittedQ(data, 0, 0.99, 2, memory=memory)._chances(policies) for memory in (False, True))
    torch.testing.assert_close(own, others)
    assert not FittedQ(data, 0, 0.99, 2, memory=False).caveat


def test_what_scores_at_recorded_histories_cannot_see_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = BCConfig(policy="transformer", width=8, context=4, updates=2, batch_size=32, environment="none", pictures=False)
    result = run_training(config, tmp_path / "run", dataset=chain_dataset()).result
    assert "at recorded histories" in result["selection"]["caveat"]
    assert "note: policies with a memory are scored at recorded histories" in capsys.readouterr().err


def test_policies_with_a_memory_are_asked_at_the_recorded_histories() -> None:
    """As replayed one by one; whole episodes until there are enough steps."""
    dataset = chain_dataset(masks=True)
    policies = perturbed(fresh("alberdice", dataset, context=3)).policies
    found = chances_along(policies, dataset)
    torch.testing.assert_close(found[: dataset.n_steps], replayed(policies, dataset).exp(), rtol=1e-4, atol=1e-6)
    some = of_episodes(dataset, np.array([1]))
    alone = chances_along(policies, some)
    rows = np.append(np.flatnonzero(dataset.episode == 1), dataset.n_steps + 1)
    torch.testing.assert_close(alone, found[rows], rtol=1e-4, atol=1e-6)


def test_episodes_of_a_dataset() -> None:
    data = load_dataset("zoo-stags")
    some = of_episodes(data, np.array([7, 2]))
    for new, old in enumerate((2, 7)):
        mine, theirs = some.get_episode(new), data.get_episode(old)
        np.testing.assert_array_equal(mine.rewards, theirs.rewards)
        np.testing.assert_array_equal(mine.observations, theirs.observations)
    with pytest.raises(InvalidArgumentError, match="numbers of episodes"):
        of_episodes(data, np.array([data.n_episodes]))


def test_a_run_keeps_and_reports_the_selected_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(settings(), tmp_path / "run")
    selection, game = result["selection"], zoo_game("stags")
    assert selection["selected"]["score"] >= max(selection["last"]["score"], selection["behaviour"]["score"])
    assert selection["behaviour"]["update"] == 30
    rewards, choices = load_dataset("zoo-stags").rewards, result["choices"]
    assert choices["reward_unit"] == pytest.approx(np.sqrt(np.mean(rewards**2)))
    assert choices["alpha_end"] == pytest.approx(0.02 * choices["reward_unit"])
    assert choices["update"].startswith("all ")
    chosen, last = (policies_of_run(tmp_path / "run", update) for update in ("selected", "last"))
    exact = [undiscounted_return(game.mmdp, policy_of_game(p, game), game.horizon) for p in (chosen, last)]
    assert result["return_exact"] == pytest.approx(exact[0])
    assert selection["last_return_exact"] == pytest.approx(exact[1])
    assert json.loads((tmp_path / "run" / "result.json").read_text())["selection"] == selection
    offline = evaluate_offline(tmp_path / "run", models=30)
    assert offline["low"] <= offline["high"] < offline["data_low"]
    with pytest.raises(InvalidArgumentError, match="expected selected"):
        policies_of_run(tmp_path / "run", "best")
    with pytest.raises(InvalidArgumentError, match="features"):
        evaluate_offline(tmp_path / "run", dataset="zoo-lock")


def test_how_far_the_kept_policies_leave_the_data_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the clone is kept, which half of the time plays what the data never show; the last policies do not."""
    consider = Selector.consider
    monkeypatch.setattr(Selector, "consider", lambda self, *a, **k: None if self.best else consider(self, *a, **k))
    data = load_dataset("matrix-b")
    rates = {"pretrain_learning_rate": 3e-3, "learning_rate": 5e-3}
    config = AlberDICEConfig(dataset="matrix-b", pictures=False, pretrain_updates=100, updates=200, starts=1, **rates)
    result = train(config, tmp_path / "run")
    shown = OutOfData.of(game_of("auto", data.header), data)
    assert shown is not None
    clone, last = (shown.measured(policies_of_run(tmp_path / "run", which), 1, 0)["share"] for which in ("selected", "last"))
    assert (result["out_of_data"]["share"], result["out_of_data"]["last_share"]) == pytest.approx((clone, last))
    assert clone == pytest.approx(0.5, abs=0.05)
    assert last < 0.01


def test_a_run_below_its_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(settings(dataset="zoo-relay", updates=2, pretrain_updates=2), tmp_path / "run")
    assert result["status"] == "below_behaviour"
    assert "below the data" in result["reason"]
    assert "below the data" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["zoo-stags", "zoo-grid-cut"])
def test_selection_survives_a_stop(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(dataset="zoo-stags")
    if name != "zoo-stags":  # by fitted Q, whose networks go on, too
        monkeypatch.setattr("alberdice.deep.training.selection._REPEATED", 2.0)
        monkeypatch.setattr("alberdice.deep.play.fitted_q._FIRST", 20)
        monkeypatch.setattr("alberdice.deep.play.fitted_q._LATER", 10)
    whole = train(config, tmp_path / "whole")

    class Stop(Exception):
        pass

    left = [52]

    def stop(note: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stop

    with pytest.raises(Stop):
        train(config, tmp_path / "parts", progress=stop)
    parts = train(config, tmp_path / "parts", resume=True)
    assert parts["selection"] == whole["selection"]
    first, second = (policies_of_run(tmp_path / name).save()[0] for name in ("whole", "parts"))
    assert all(torch.equal(first[key], second[key]) for key in first)
