"""Pictures of football, from states that are written here."""

import json

import numpy as np
import pytest

from alberdice.cli.deep import main
from alberdice.datasets import EpisodeArrays, from_episodes, write_dataset
from alberdice.environments.football import SCENARIOS, features
from alberdice.errors import InvalidArgumentError
from alberdice.plotting.pitch import BALL, GRASS, LINE, NET, OTHER, OWN, pitch_raster

RPS = SCENARIOS["rps"]


def state(ball=(0.8, 0.0, 0.0), own=((-1.0, 0.0), (0.7, 0.1), (0.7, -0.2)), others=((1.0, 0.0), (0.75, -0.1))):
    found = np.full(features.state_size(2), -1.0, np.float32)
    found[features.OWN][: 2 * len(own)] = np.ravel(own)
    found[features.OTHERS][: 2 * len(others)] = np.ravel(others)
    found[features.BALL] = ball
    return found


def seen(image, pixels, top):
    """What is at a place in metres; the window's right edge is where the net ends."""

    def at(x, y):
        return tuple(int(v) for v in image[round((y - top) * pixels), image.shape[1] - 1 - round((57.5 - x) * pixels)])

    return at


def test_everybody_stands_where_the_state_says():
    (image,) = pitch_raster(RPS, state()[None], pixels=10)
    at = seen(image, 10, -0.2 * 83.6 - 4.0)  # four metres above the highest agent
    assert at(0.7 * 54.4, 0.1 * 83.6) == at(0.7 * 54.4, -0.2 * 83.6) == OWN
    assert at(0.75 * 54.4, -0.1 * 83.6) == at(54.4, 0.0) == OTHER
    assert at(0.8 * 54.4, 0.0) == BALL
    assert at(56.5, 2.0) == NET
    assert at(38.5, 3.0) == LINE  # the penalty area's edge
    assert at(46.0, 5.0) == GRASS


def test_a_high_ball_is_larger_and_leaves_dots():
    low, high = (pitch_raster(RPS, state(ball=(0.8, 0.0, z))[None])[0] for z in (0.0, 6.0))
    white = [int((image == BALL).all(axis=-1).sum()) for image in (low, high)]
    assert white[1] > 3 * white[0]
    still, moved = pitch_raster(RPS, np.stack([state(ball=(0.8, 0.05, 0.0)), state()]))
    assert (still != moved).any(axis=-1).sum() > white[0]


def test_states_of_something_else_are_refused():
    for wrong in (np.zeros((2, 5)), np.zeros(136), np.zeros((0, 136))):
        with pytest.raises(InvalidArgumentError, match=r"expected \(T, 136\), as of football-rps"):
            pitch_raster(RPS, wrong)


def test_the_command_counts_goals_and_draws_the_first(tmp_path, capsys):
    observations = np.zeros((3, 2, 115), np.float32)
    played = [
        EpisodeArrays(np.stack([state()] * 3), observations, np.zeros((2, 2), np.int64), np.array([0.0, reward]), True)
        for reward in (-1.0, 0.0, 1.0, 1.0)
    ]
    data = from_episodes("few", (19, 19), played).with_header(environment="football-rps")
    write_dataset(data, "lab/few-v0", root=tmp_path)
    with pytest.raises(SystemExit, match="0"):
        main(["match", "lab/few-v0", "--root", str(tmp_path), "--out", str(tmp_path / "pictures")])
    told = json.loads(capsys.readouterr().out)
    assert (told["success"], told["conceded"], told["episodes"], told["shown"], told["length_mean"]) == (0.5, 0.25, 4, 2, 2.0)
    assert {p.name for p in (tmp_path / "pictures").iterdir()} == {"strip.png", "match.gif"}
    write_dataset(data.with_header(environment="bridge"), "lab/other-v0", root=tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["match", "lab/other-v0", "--root", str(tmp_path)])
    assert "data of football-rps" in capsys.readouterr().err
