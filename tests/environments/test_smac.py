"""The adapter to SMAC, against a double of its documented interface: no StarCraft runs here."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alberdice.environments import check_environment, find_environment
from alberdice.environments.smac import SMAC_MAPS, smac
from alberdice.errors import InvalidArgumentError, ResourceError

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a game's processes are ended by their group, as on Linux")


@pytest.fixture(autouse=True)
def double(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE / "smac_double"))
    monkeypatch.setenv("SMAC_DOUBLE", str(tmp_path))
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    monkeypatch.delenv("ALBERDICE_SMAC_PYTHON", raising=False)
    yield tmp_path
    assert list(tmp_path.glob("made-*")) == []  # every game was closed


def gone(process):
    """Whether a process ends, be it that nobody asks how; a busy machine may take its time."""
    for _ in range(1000):
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def played(env, seeds):
    """Random available actions to the end; returns of the team, the last step, and all observations."""
    draws, frame = [np.random.default_rng(s) for s in seeds], env.reset(np.array(seeds))
    total, seen, told = np.zeros(len(seeds)), [frame.observations], np.full(len(seeds), np.nan)
    for _ in range(50):
        chance = np.stack([draw.random(frame.masks.shape[1:]) for draw in draws])
        step = env.step(np.where(frame.masks, chance, -1).argmax(axis=-1))
        frame, total = step.frame, total + step.rewards
        seen.append(frame.observations)
        told = np.where(np.isnan(told), step.metrics["battle_won"], told)
        if step.ended.all():
            break
    return total, step, np.stack(seen), told


def test_it_is_an_environment():
    with find_environment("smac-3s5z").open() as env:
        assert check_environment(env) == []
        spec = env.spec
        assert (spec.name, spec.n_actions, spec.horizon, spec.observation_size) == ("smac-3s5z", (8, 8, 8), 40, 4)
        total, step, _, won = played(env, [1, 2, 3])
        assert set(won) == {0.0, 1.0}
        np.testing.assert_allclose(total - won, 0.1 * np.round((total - won) / 0.1))  # a tenth a step, and 1 for a victory
        assert step.terminated.all()
        assert not step.truncated.any()
        assert not step.frame.alive.any()
    assert set(SMAC_MAPS) == {"3s5z", "5m_vs_6m", "corridor", "6h_vs_8z", "8m_vs_9m", "3s5z_vs_3s6z"}


def test_an_episode_depends_on_its_seed_and_actions_alone():
    with smac("3s5z") as env:
        together = played(env, [4, 5, 6])
        alone = played(env, [5])
    for a, b in zip(together[2], alone[2], strict=False):
        np.testing.assert_array_equal(a[1], b[0])
    assert together[0][1] == alone[0][0]


def test_the_dead_have_their_no_op_and_nothing_else_is_let_through():
    with smac("3s5z") as env:
        frame, dead = env.reset(np.array([0])), 0
        with pytest.raises(InvalidArgumentError, match=r"actions\[0, 1\]: got 0, expected one of the available ones, \[1, 2, "):
            env.step(np.array([[1, 0, 1]]))
        for _ in range(30):
            lost = ~frame.alive[0]
            dead += lost.sum()
            assert frame.masks[0, lost].tolist() == [[True] + [False] * 7] * lost.sum()
            assert not frame.observations[0, lost].any()
            step = env.step(np.full((1, 3), 1))  # the dead are not asked
            frame = step.frame
            if step.ended[0]:
                break
        assert dead > 0
        assert (step.metrics["battle_won"][0], step.metrics["dead_allies"][0]) == (0, 3)
        assert env.step(np.full((1, 3), 7)).rewards.tolist() == [0.0]


@pytest.mark.parametrize("name", ["limit", "continuing"])
def test_a_time_limit_truncates_whether_smac_says_so_or_not(name):
    with smac(name) as env:
        env.reset(np.array([0, 1]))
        steps = [env.step(np.ones((2, 3), np.int64)) for _ in range(5)]
    assert [s.truncated.all() for s in steps] == [False] * 4 + [True]
    assert not steps[-1].terminated.any()
    assert steps[-1].metrics["battle_won"].tolist() == [0, 0]


def test_a_victory_in_the_last_step_is_none_of_the_limits():
    with smac("limit") as env:
        frame = env.reset(np.array([0]))
        for t in range(5):  # agent by agent into reach, and the last hit at the limit
            attack = frame.masks[0, :, 6:].any(axis=-1)
            best = np.where(attack, 6 + frame.masks[0, :, 6:].argmax(axis=-1), 2)
            hits = env._slots[0].seen["state"][3:5].sum()
            step = env.step(np.where(hits - attack.sum() <= 0 and t < 4, 1, best)[None])
            frame = step.frame
    assert step.terminated[0]
    assert not step.truncated[0]
    assert step.metrics["battle_won"][0] == 1


def test_after_an_error_of_the_protocol_the_episode_is_played_again(capfd, double):
    with smac("3s5z") as env:
        whole = played(env, [7])
    with smac("protocol") as env:
        again = played(env, [7])
    assert (double / "protocol-7").exists()
    np.testing.assert_array_equal(whole[2], again[2])
    assert whole[0].tolist() == again[0].tolist()
    assert "an error of the game's protocol at step 2; the episode is discarded and played again" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("protocol_twice", {}, "at step 2, twice"),
        ("protocol_other", {}, "another course after 2 steps"),
        ("protocol", {"fresh": False}, "a game whose seed decides nothing"),
    ],
)
def test_an_episode_that_cannot_be_played_again_is_an_error(name, options, message):
    with smac(name, **options) as env, pytest.raises(ResourceError, match=message):
        played(env, [7])


def test_games_go_on_for_those_who_want_no_fresh_ones():
    with smac("3s5z", fresh=False) as env:
        assert check_environment(env) == ["reset(seed) does not decide how an episode begins: results will not be reproducible"]


def test_what_is_missing_is_said_in_a_line(monkeypatch, tmp_path):
    with pytest.raises(InvalidArgumentError, match="KeyError: '4m'"):
        find_environment("smac(map_name='4m')").open()
    with pytest.raises(ResourceError, match=r"no/python: .*ALBERDICE_SMAC_PYTHON"):
        smac("3s5z", python="no/python")
    monkeypatch.setenv("PYTHONPATH", str(HERE / "smac3_double"))
    with pytest.raises(ResourceError, match=r"SMAC3 .* expected smac.env.StarCraft2Env"):
        smac("3s5z")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ResourceError, match="No module named 'smac'"):
        smac("3s5z")
    monkeypatch.setenv("SC2PATH", str(tmp_path / "nothing"))
    with pytest.raises(ResourceError, match=r"SC2PATH=.*nothing, no folder, expected StarCraft II"):
        smac("3s5z")


def test_a_game_that_dies_is_said_in_a_line_and_leaves_nothing(double):
    env = smac("dies")
    env.reset(np.array([0]))
    mark = next(double.glob("made-*"))
    with pytest.raises(ResourceError, match="the end of the game's process"):
        env.step(np.ones((1, 3), np.int64))
    env.close()
    env.close()
    mark.unlink()  # the double had no time to
    assert gone(int(mark.name.split("-")[-1]))


def test_closing_ends_the_games_own_process(double):
    env = smac("3s5z")
    env.reset(np.array([0, 1]))
    games = [int(each.name.split("-")[-1]) for each in double.glob("made-*")]
    assert len(games) == 2
    env.close()
    assert all(gone(game) for game in games)
