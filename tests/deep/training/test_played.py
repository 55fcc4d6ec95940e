"""A run that no score has judged, and that play shows to be below its data or its clone, says so; others say what they did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_samples import tiny

from alberdice.deep.training.loop import train
from alberdice.deep.training.played import words_of

#: matrix game c: agents that alternate end at the optimum, 1
LONG: dict[str, Any] = {
    "dataset": "matrix-c",
    "updates": 150,
    "pretrain_updates": 300,
    "evaluate_every": 150,
    "evaluate_episodes": 200,
}


def test_below_means_two_standard_errors() -> None:
    near, far = {"difference": -0.19, "stderr": 0.1}, {"difference": -0.21, "stderr": 0.1}
    assert words_of({"data": near, "clone": near}) == words_of({}) == ""
    assert words_of({"data": near, "clone": far}) == "in play the policies' return is below their clone by 0.21 +- 0.1"
    assert "the data by 0.21 +- 0.1 and their clone by" in words_of({"data": far, "clone": far})
    assert words_of({"data": {"difference": 0.0, "stderr": 0.0}}) == ""


@pytest.mark.parametrize(("play", "remedy"), [("sample", "play = sharp"), ("sharp", "play = sample")])
def test_clones_below_their_data_say_so(play: str, remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Data of two conventions: each agent draws its own, and they miss each other half of the time."""
    own = {"dataset": "matrix-b", "updates": 300, "evaluate_every": 300, "evaluate_episodes": 200, "play": play}
    result = train(tiny("bc", learning_rate=5e-3, **own), tmp_path / "run")
    assert result["status"] == "below_behaviour"
    assert "below the data by" in result["reason"]
    assert "below the data by" in capsys.readouterr().err
    assert remedy in result["reason"]
    told = result["played"]["data"]
    assert told["difference"] == pytest.approx(result["return_mean"] - result["data_return"])
    assert "clone" not in result["played"]


@pytest.mark.parametrize("harmful", [False, True])
def test_rounds_that_do_harm_are_seen_beside_the_clone(harmful: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if harmful:  # rewards the wrong way round, for the rounds alone
        from alberdice.deep.algorithms.alberdice import AlberDICE

        whole = AlberDICE.__init__

        def turned(self: Any, *args: Any) -> None:
            whole(self, *args)
            self.data.rewards.neg_()

        monkeypatch.setattr(AlberDICE, "__init__", turned)
    result = train(tiny(hidden=(16,), pretrain_learning_rate=3e-3, learning_rate=5e-3, minibatch="sampled", **LONG), tmp_path)
    clone = result["played"]["clone"]
    assert np.sign(clone["difference"]) == (-1 if harmful else 1)
    assert clone["return"] + clone["difference"] == pytest.approx(result["return_mean"])
    assert result["status"] == ("below_behaviour" if harmful else "done")
    assert ("below their clone" in result["reason"]) == harmful or "their clone" in result["reason"]


def test_where_scores_judge_or_few_episodes_are_played_play_says_nothing(tmp_path: Path) -> None:
    assert train(tiny("bc", select="auto"), tmp_path / "scored")["played"] == {}
    few = train(tiny("bc", evaluate_episodes=10), tmp_path / "few")
    assert (few["played"], few["status"]) == ({}, "done")
    assert train(tiny("bc", environment="none"), tmp_path / "unplayed")["played"] == {}
