"""Episodes that are held out of learning: nothing is learned from them, they alone score, and no run mixes two splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alberdice.cli.deep import main
from alberdice.datasets import load_dataset
from alberdice.datasets.subset import Split, of_episodes
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.play.model_scores import ModelScores
from alberdice.deep.training.held_out import split_of
from alberdice.deep.training.loop import run_training, train
from alberdice.deep.training.run_state import Origin
from alberdice.deep.training.saved_run import evaluate_offline
from alberdice.errors import InvalidArgumentError, InvalidDataError


def settings(**changes: Any) -> AlberDICEConfig:
    base: dict[str, Any] = {
        "dataset": "zoo-stags",
        "held_out": 0.25,
        "updates": 20,
        "pretrain_updates": 10,
        "hidden": (8,),
        "starts": 1,
        "evaluate_every": 10,
        "select_every": 5,
        "checkpoint_every": 7,
        "evaluate_episodes": 5,
        "pictures": False,
    }
    return AlberDICEConfig(**{**base, **changes})


def test_two_parts_of_the_episodes_by_the_seed() -> None:
    data = load_dataset("zoo-stags")
    split, same, other = (split_of(data, 0.25, seed) for seed in (0, 0, 1))
    assert len(split.which) == round(0.25 * data.n_episodes) == split.scored.n_episodes
    assert split.learned.n_episodes + split.scored.n_episodes == data.n_episodes
    both = np.concatenate([split.learned.returns, split.scored.returns])
    np.testing.assert_array_equal(np.sort(both), np.sort(data.returns))
    np.testing.assert_array_equal(split.scored.returns, data.returns[split.which])
    assert split.checksum == same.checksum != other.checksum
    assert split_of(of_episodes(data, np.arange(299)), 0.25, 0).checksum != split.checksum
    numbers: list[int] = []
    for part in split.as_json()["which"].split(", "):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    assert numbers == split.which.tolist()


def test_nothing_is_held_out_unless_asked_for() -> None:
    data = load_dataset("zoo-stags")
    split = split_of(data, 0.0, 0)
    assert split.learned is data
    assert split.scored is data
    assert (split.checksum, split.as_json()) == ("", {})


@pytest.mark.parametrize(
    ("episodes", "share", "message"),
    [
        (1, 0.5, "held_out: got 0.5, which is 0 of 1 episode, expected an episode to score .*use 0, as one episode has no two"),
        (10, 0.01, "got 0.01, which is 0 of 10 episodes, .*use a share from 0.1 to 0.9, or 0"),
        (10, 0.99, "got 0.99, which is 10 of 10 episodes"),
        (10, 1.0, "got 1, which is 10 of 10 episodes"),
    ],
)
def test_a_part_without_an_episode_is_refused(episodes: int, share: float, message: str) -> None:
    data = of_episodes(load_dataset("zoo-stags"), np.arange(episodes))
    with pytest.raises(InvalidArgumentError, match=message):
        split_of(data, share, 0)


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "1e-9"])
def test_bad_shares_are_one_line(share: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dataset", "zoo-stags", "--held-out", share, "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "held" in lines[0]


def test_the_learner_sees_the_one_part_and_scores_see_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    """The same bits as on data without the held out episodes; the scores of policies by those episodes alone."""
    data = load_dataset("zoo-stags")
    split = split_of(data, 0.25, 0)
    run = run_training(settings(), None, dataset=data)
    assert f"75 of 300 episodes are held out ({split.checksum})" in capsys.readouterr().err
    alone = run_training(settings(held_out=0.0), None, dataset=split.learned)
    first, second = (each.last_policies.save()[0] for each in (run, alone))
    assert all(torch.equal(first[name], second[name]) for name in first)
    scores = ModelScores(split.scored, 0, 8)
    assert run.result["selection"]["last"]["return"] == scores.estimate(run.last_policies).mean
    assert run.result["selection"]["data"]["return"] == scores.data_return.mean
    assert run.result["held_out"] == split.as_json()


def test_a_stopped_run_goes_on_bit_for_bit_and_with_no_other_split(tmp_path: Path) -> None:
    whole = train(settings(), tmp_path / "whole")
    left = [23]

    def stop(note: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyError

    with pytest.raises(KeyError):
        train(settings(), tmp_path / "parts", progress=stop)
    parts = train(settings(), tmp_path / "parts", resume=True)
    assert parts["selection"] == whole["selection"]
    assert parts["held_out"] == whole["held_out"]
    assert parts["second_opinion"] == whole["second_opinion"]
    with pytest.raises(InvalidArgumentError, match=r"held_out: got 0.5, expected 0.25, as the run began"):
        train(settings(held_out=0.5), tmp_path / "parts", resume=True)
    for changes in ({"held_out": 0.0}, {"seed": 1}):
        with pytest.raises(InvalidDataError, match="a run that held out other episodes"):
            train(settings(updates=30, **changes), tmp_path / "on", origin=Origin(tmp_path / "parts"))


def test_evaluation_from_data_is_by_the_held_out_episodes_or_those_that_are_named(tmp_path: Path) -> None:
    train(settings(updates=5, pretrain_updates=5), tmp_path / "run")
    data = load_dataset("zoo-stags")
    split = split_of(data, 0.25, 0)
    own, named = evaluate_offline(tmp_path / "run", models=9), evaluate_offline(tmp_path / "run", dataset="zoo-stags", models=9)
    assert own["held_out"] == split.as_json()
    assert named["held_out"] == {}
    assert own["data_return"] == ModelScores(split.scored, 0, 9).data_return.mean
    assert named["data_return"] == ModelScores(data, 0, 9).data_return.mean


@pytest.mark.parametrize(
    "changes", [{"which": "0-74"}, {"which": "x"}, {"which": "3, 400"}, {"which": "-1"}, {"of": 299}, {"episodes": 74}]
)
def test_a_split_that_is_not_of_the_data_is_refused(changes: dict[str, Any]) -> None:
    data = load_dataset("zoo-stags")
    saved = split_of(data, 0.25, 0).as_json()
    np.testing.assert_array_equal(Split.read(data, saved).which, split_of(data, 0.25, 0).which)
    assert not len(Split.read(data, {}).which)
    with pytest.raises(InvalidDataError, match="episodes that are not of these data"):
        Split.read(data, {**saved, **changes})
    with pytest.raises(InvalidDataError, match="held out of dataset"):
        Split.read(data, {"episodes": 75})
