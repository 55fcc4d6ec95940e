"""Pictures of run directories: which there are, what they count, and that no result is lost to them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from deep_samples import perturbed_policies as policies
from deep_samples import tiny
from play_samples import InTurn
from run_samples import Killed, kill_at, run

import alberdice as ad
from alberdice.datasets import make_builtin
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.trajectories import trajectories
from alberdice.deep.training import run_pictures
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_pictures import count_data, draw_run, joint_policy_figure, probabilities_by_the_data
from alberdice.errors import InvalidArgumentError, SolverError

MATRIX = {"learning-curve.png", "policy.png", "joint-actions.png"}


def drawn(out: Path) -> set[str]:
    return {path.name for path in (out / "pictures").iterdir()}


def test_a_matrix_run_is_drawn_at_its_end(tmp_path: Path) -> None:
    train(tiny(pictures=True), tmp_path / "run")
    assert drawn(tmp_path / "run") == MATRIX


@pytest.mark.slow
def test_a_bridge_run_has_both_agents_maps(tmp_path: Path) -> None:
    train(tiny(dataset="bridge-mix", pictures=True), tmp_path / "run")
    assert drawn(tmp_path / "run") == {*MATRIX, "policy-agent-1.png", "policy-agent-2.png"}


@pytest.mark.parametrize("environment", ["none", "play_samples:make_matrix"])
def test_without_a_model_there_is_the_curve_only(tmp_path: Path, environment: str) -> None:
    train(tiny(environment=environment, evaluate_episodes=3, pictures=True), tmp_path / "run")
    assert drawn(tmp_path / "run") == {"learning-curve.png"}


def test_no_pictures_unless_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny(), tmp_path / "run")
    assert not (tmp_path / "run" / "pictures").exists()
    assert run("evaluate", tmp_path / "run", "--episodes", 10) == 0
    assert not (tmp_path / "run" / "pictures").exists()
    assert run("evaluate", tmp_path / "run", "--episodes", 10, "--plot") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out.rpartition("{\n")[1] + printed.out.rpartition("{\n")[2])["episodes"] == 10
    assert drawn(tmp_path / "run") == MATRIX
    assert printed.err.count("wrote ") == 3


def test_a_run_under_way_is_drawn_as_far_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tiny(), tmp_path / "run", progress=kill_at(13))
    assert {path.name for path in draw_run(tmp_path / "run")} == {"policy.png", "joint-actions.png"}
    with pytest.raises(InvalidArgumentError, match=r"config.json"):
        draw_run(tmp_path / "nothing")


def test_a_failure_to_draw_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_pictures, "draw_run", lambda *a, **k: 1 / 0)
    result = train(tiny(pictures=True), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["return_mean"] == result["return_mean"]
    assert "pictures are missing: division by zero; alberdice-deep evaluate" in capsys.readouterr().err


def test_killed_while_drawing_the_result_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*arguments: object, **options: object) -> None:
        raise Killed

    monkeypatch.setattr(run_pictures, "draw_run", end)
    with pytest.raises(Killed):
        train(tiny(pictures=True), tmp_path / "run")
    saved = json.loads((tmp_path / "run" / "result.json").read_text())
    assert saved["status"] == "done"
    monkeypatch.undo()
    again = train(tiny(pictures=True), tmp_path / "run", resume=True)
    assert again["return_mean"] == saved["return_mean"]
    assert drawn(tmp_path / "run") == MATRIX


def test_a_diverged_run_is_drawn_up_to_there(tmp_path: Path) -> None:
    with pytest.raises(SolverError):
        train(tiny(collapse_rows=1e6, pictures=True), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "diverged"
    assert "learning-curve.png" not in drawn(tmp_path / "run")  # it ended before the first evaluation


@pytest.mark.parametrize("dataset", ["bridge-mix", "matrix-c"])
def test_counts_of_the_data(dataset: str) -> None:
    data = make_builtin(dataset)
    game = ad.games.bridge() if dataset == "bridge-mix" else ad.games.penalty_xor()
    counts = count_data(data, game)
    assert counts.sum() == data.n_steps
    for step in (0, 1, 17, data.n_steps - 1):
        state = next(s for s in range(game.mmdp.n_states) if np.array_equal(game.observation(s), data.observations[step, 0]))
        same = (data.observations == data.observations[step]).all(axis=(1, 2)) & (data.actions == data.actions[step]).all(
            axis=1
        )
        assert counts[(state, *data.actions[step])] == same.sum()


def test_data_of_another_game_count_nothing() -> None:
    assert not count_data(make_builtin("matrix-c"), ad.games.bridge()).any()
    assert not count_data(make_builtin("matrix-c"), ad.games.climbing_game()).any()  # looks the same, has other actions


def test_joint_actions_played_and_recorded() -> None:
    game, counts = ad.games.penalty_xor(), np.array([[[6.0, 3.0], [1.0, 0.0]]])
    found = policies("matrix-d")
    learned, data = probabilities_by_the_data(game, found, counts, 4000, "sample")
    assert sorted(set(learned.round(3))) == [0.0, 0.1, 0.3, 0.6]
    assert len(learned) == 4000
    expected = policy_of_game(found, game).joint()[0]
    assert (learned == 0).mean() == pytest.approx(expected[1, 1], abs=0.03)
    assert sorted(data) == [0.1] + 3 * [0.3] + 6 * [0.6]


@pytest.mark.slow
def test_what_is_played_after_the_end_is_left_out() -> None:
    """Some of these clumsy agents reach their goals before the 20 steps are over."""
    game, found = ad.games.bridge(), policies("bridge-mix")
    counts = count_data(make_builtin("bridge-mix"), game)
    learned, _ = probabilities_by_the_data(game, found, counts, 2000, "sample")
    played = trajectories(found, game, 2000, 0)
    assert not played.going.all()
    assert (played.states[~played.going] == game.state_index((2, 5), (0, 0))).all()
    assert len(learned) == played.going.sum()


def test_policies_with_a_memory() -> None:
    """They play AA first; the joint actions are of whole episodes, AA, BB, AA, BB, AA."""
    game = dataclasses.replace(ad.games.penalty_xor(), horizon=5)
    found = InTurn((2, 2), 1)
    counts = np.array([[[1.0, 3.0], [0.0, 0.0]]])
    learned, _ = probabilities_by_the_data(game, found, counts, 10, "sample")
    assert sorted(learned) == 20 * [0.0] + 30 * [0.25]
    figures = dict(run_pictures._policy(game, found, counts, {"algorithm": "pair", "dataset": "d", "play": "sample"}))
    texts = [text.get_text() for text in figures["policy"].texts]
    assert any(text.startswith("pair,\nas an episode begins") for text in texts)
    written = [text.get_text() for axes in figures["policy"].axes for text in axes.texts]
    numbers = [text for text in written if not text.startswith("pays")]
    assert numbers == ["1.00", "0.00", "0.00", "0.00", "0.25", "0.75", "0.00", "0.00"]


def test_games_that_have_no_picture() -> None:
    game = ad.games.n_agent_xor(3)
    assert joint_policy_figure(game, {}, None, "any") is None
