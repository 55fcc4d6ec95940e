"""Corrections beside scores: what they say of policies whose truth is known, and when the two are said to disagree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, table_policies
from history_samples import fresh, perturbed

from alberdice.datasets import load_dataset
from alberdice.datasets.corrections import Corrected
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.play.fitted_q import FittedQ
from alberdice.deep.play.model_scores import ModelScores
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.training import second_opinion as module
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import evaluate_offline
from alberdice.deep.training.second_opinion import corrected, second_opinion
from alberdice.evaluation import discounted_return, undiscounted_return
from alberdice.games.zoo import zoo_game


@dataclass
class Scores:
    slack: float = 0.0


@pytest.mark.parametrize("name", ["stags", "lock"])
def test_corrections_are_near_the_truth_over_a_horizon_and_for_ever(name: str) -> None:
    """Of policies between a convention and chance; both returns, each in units of what separates it from chance alone."""
    game, data = zoo_game(name), load_dataset(f"zoo-{name}")
    logits = 3 * torch.from_numpy(np.eye(3)[game.conventions[0].T]).float()
    policies, uniform = table_policies(game, logits), table_policies(game, 0 * logits)
    models, values = ModelScores(data, 0, 20), FittedQ(data, 0, game.mmdp.discount, 8)
    horizon = models.horizon or 0
    for scores, truth in (
        (models, lambda p: undiscounted_return(game.mmdp, policy_of_game(p, game), horizon)),
        (values, lambda p: discounted_return(game.mmdp, policy_of_game(p, game))),
    ):
        found = corrected(scores, policies, 0)
        assert found.mean == pytest.approx(truth(policies), abs=0.04 * abs(truth(policies) - truth(uniform)))
        assert found.effective > 50
        assert len(found.returns) == len(scores.episode_weights)


def test_of_policies_with_a_memory_the_ratio_is_along_the_recorded_histories() -> None:
    data = chain_dataset()
    policies = perturbed(fresh("alberdice", data, context=3)).policies
    found = corrected(FittedQ(data, 0, 0.9, 2, memory=True), policies, 0)
    assert np.isfinite(found.returns).all()


def test_what_is_said_of_intervals_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: Any = table_policies(zoo_game("stags"), torch.zeros(2, 6, 3))

    def said(found: tuple[float, float], other: Corrected, slack: float) -> str:
        monkeypatch.setattr(module, "corrected", lambda *_: other)
        return str(second_opinion(Scores(slack), found, policies, 0)["disagreement"])  # type: ignore[arg-type]

    other = Corrected(np.array([3.0, 3.0]), 500.0, 0.01)
    assert said((2.0, 2.0), other, 1.1) == ""
    assert said((4.0, 4.0), other, 1.1) == ""
    assert said((2.0, 2.0), other, 0.9).startswith("the score puts the return in 2 to 2, corrections in 3 to 3")
    assert said((4.0, 4.0), other, 0.9).endswith("trust neither before play")
    assert said((2.0, 3.5), other, 0.0) == ""
    assert "rest on 9 steps" in said((3.0, 3.0), Corrected(np.array([3.0]), 9.0, 0.0), 0.0)
    assert "30% of their weight is negative" in said((3.0, 3.0), Corrected(np.array([3.0]), 99.0, 0.3), 0.0)
    assert "no estimate" in said((3.0, 3.0), Corrected(np.array([np.nan]), 99.0, 0.3), 0.0)


def test_policies_that_are_told_a_return_have_no_second_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "told_a_return", lambda policies: True)
    found = second_opinion(Scores(), (1.0, 1.0), None, 0)  # type: ignore[arg-type]
    assert found == {"method": "none, since the policies are told a return to reach", "disagreement": ""}


def test_a_run_and_its_evaluation_from_data_have_a_second_opinion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more: dict[str, Any] = {"hidden": (16,), "starts": 1, "evaluate_every": 20, "select_every": 10, "evaluate_episodes": 20}
    config = AlberDICEConfig(dataset="zoo-stags", updates=40, pretrain_updates=30, pictures=False, **more)
    found = train(config, tmp_path / "run")["second_opinion"]
    assert found["low"] <= found["return"] <= found["high"]
    assert (found["disagreement"] in capsys.readouterr().err) is True
    wide = evaluate_offline(tmp_path / "run", models=40)["second_opinion"]
    assert wide["low"] < found["return"] < wide["high"]
    assert wide["effective_steps"] == found["effective_steps"]  # of the data as they are, whatever the resamples
