"""Google Research Football itself: run where gfootball is installed (tools/install_football.sh)."""

import hashlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from alberdice.datasets.matches import make_matches
from alberdice.environments import check_environment, find_environment
from alberdice.environments.football import HOW, SCENARIOS, features
from alberdice.environments.football.match import FootballMatch
from alberdice.environments.football.runners import SHOT
from alberdice.environments.football.strikers import WAYS
from alberdice.environments.play import play
from alberdice.environments.scripts import find_script

#: what ``tools/install_football.sh --if-possible`` leaves where it could not do it, be gfootball half there or not
_NOTE = Path(sys.prefix) / "football-not-built"
_WHY = _NOTE.read_text().strip() if _NOTE.exists() else f"no gfootball here; {HOW}" if find_spec("gfootball") is None else ""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_WHY), reason=_WHY)]
NAMES = tuple(SCENARIOS)
#: ways that score every second or third time
SOMETIMES = [("rps", "long", 1), *(("3v1", way, 1) for way in WAYS["3v1"])]


def digest(match, seed, steps=60):
    """Of everything that is told of the first steps of random play."""
    draws, found = np.random.default_rng(seed), hashlib.sha256()
    seen, _ = match.reset(seed=seed)
    for _ in range(steps):
        for numbers in (*seen.values(), match.state()):
            found.update(numbers.tobytes())
        if not match.agents:
            break
        seen, rewards, ended, cut, _ = match.step({agent: int(draws.integers(19)) for agent in match.agents})
        found.update(repr((rewards, ended, cut)).encode())
    return found.hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_an_environment(name):
    with find_environment(f"football-{name}").open() as env:
        assert check_environment(env) == []
        assert env.spec.state_size == features.state_size(SCENARIOS[name].n_agents)


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_repeats_bit_for_bit(name):
    """In another process, after other episodes of the same engine, and in an engine beside it."""
    code = (
        "import sys\nfrom test_football_engine import digest\n"
        "from alberdice.environments.football.match import FootballMatch\n"
        "print(digest(FootballMatch(sys.argv[1]), 7))"
    )
    folder = __file__.rpartition("/")[0]
    other = subprocess.run([sys.executable, "-c", code, name], cwd=folder, capture_output=True, text=True, check=True)
    one, two = FootballMatch(name), FootballMatch(name)
    first, different = digest(one, 7), digest(one, 8)
    assert first == digest(one, 7) == digest(two, 7) == other.stdout.split()[-1]
    assert different != first
    one.close()
    two.close()


@pytest.mark.parametrize("name", ["rps", "corner"])
def test_features_are_gfootballs_own(name):
    from gfootball.env.wrappers import Simple115StateWrapper

    match, draws = FootballMatch(name), np.random.default_rng(3)
    seen, _ = match.reset(seed=3)
    for _ in range(50):
        theirs = Simple115StateWrapper.convert_observation(match._engine.seen, True)
        assert np.array_equal(np.stack(list(seen.values())), theirs)
        if not match.agents:
            break
        seen, *_ = match.step({agent: int(draws.integers(19)) for agent in match.agents})
    match.close()


@pytest.mark.parametrize("name", NAMES)
def test_an_end_before_the_clock_is_one_of_the_scenarios_rules(name):
    """What the match takes for the scenario's end is the engine's own end wherever the clock has not run out."""
    from alberdice.environments.football.match import _Referee

    match, draws = FootballMatch(name), np.random.default_rng(5)
    for seed in range(5):
        match.reset(seed=seed)
        referee, over = _Referee(match._engine.rules()), False
        while not over:
            match._engine.step(draws.integers(19, size=match.scenario.n_agents))
            ends, over = referee.ends(match._engine.seen[0]), match._engine.over
            assert over == (ends or match._engine.seen[0]["steps_left"] <= 0)
    match.close()


def test_the_clock_truncates_at_step_401():
    match = FootballMatch("corner")
    lengths = []
    for seed in range(12):
        match.reset(seed=seed)
        steps = 0
        while match.agents:
            _, _, ended, cut, _ = match.step(dict.fromkeys(match.agents, 0))
            steps += 1
        lengths.append(steps)
        assert cut["player_1"] == (steps == 401)
        assert cut["player_1"] or ended["player_1"]
    assert max(lengths) <= 401
    match.close()


def test_success_is_the_score_in_100_episodes():
    """A few side by side: each has an engine of its own."""
    success, score, returns = [], [], []
    with find_environment("football-rps").open() as env:
        for first in range(0, 100, 5):
            numbers = np.arange(first, first + 5)
            seen = play(env, find_script("football-runner", env.spec)(numbers), numbers, 0)
            success += seen.metrics["success"].tolist()
            score += (seen.metrics["goals"] - seen.metrics["conceded"]).tolist()
            returns += seen.returns.tolist()
    assert np.array_equal(np.array(success) > 0, np.array(returns) > 0)
    assert score == returns
    assert 0 < np.mean(success) < 1


def test_workers_play_the_same_episodes():
    found = []
    for workers in (0, 2):
        with find_environment("football-rps").open(workers=workers) as env:
            found.append(play(env, find_script("random", env.spec)(np.arange(6)), np.arange(6), 1))
    assert np.array_equal(found[0].returns, found[1].returns)
    assert np.array_equal(found[0].lengths, found[1].lengths)


class _Noting:
    """A striker, and which kinds of kick which agents gave."""

    def __init__(self, player):
        self.player, self.kicks = player, []

    def act(self, frame, uniforms):
        actions = self.player.act(frame, uniforms)
        self.kicks.append(actions)
        return actions


@pytest.mark.parametrize(("scenario", "way", "least"), [("rps", "solo", 6), ("rps", "wing", 6), *SOMETIMES])
def test_strikers_score_in_the_way_they_are_said_to(scenario, way, least):
    """How often, docs/football.md tells; a passer passes and never shoots."""
    with find_environment(f"football-{scenario}").open() as env:
        script = _Noting(find_script(f"football-striker(way='{way}')", env.spec)(np.arange(8)))
        seen = play(env, script, np.arange(8), 3)
    assert seen.metrics["success"].sum() >= least
    kicks, how = np.stack(script.kicks), WAYS[scenario][way]
    controlled = list(SCENARIOS[scenario].controlled)
    shots = (kicks == SHOT).any(axis=0)
    if how.passer < 0:
        assert not np.isin(kicks, (9, 10, 11)).any()
        assert shots.any(axis=1).sum() >= 6
    else:
        passer = controlled.index(how.passer)
        assert (kicks[..., passer] == how.kick).any(axis=0).sum() >= 6
        assert not shots[:, passer].any()


def test_a_few_episodes_of_the_recipe_repeat():
    first, again = (make_matches("rps", "medium-expert", np.random.default_rng(1), episodes=9) for _ in range(2))
    assert np.array_equal(first.states, again.states)
    assert np.array_equal(first.actions, again.actions)
    assert 0 < (first.returns > 0).mean() < 1
