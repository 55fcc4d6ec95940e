"""Google Research Football behind the contract, on a double of gfootball; the game itself: ``test_football_engine``."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from football_samples import forget

from alberdice.environments import EnvironmentSpec, Frame, check_environment, find_environment
from alberdice.environments.football import HOW, SCENARIOS, features, scenarios
from alberdice.environments.football.match import ACTIONS, FootballMatch
from alberdice.environments.football.runners import Runners, runner
from alberdice.errors import InvalidArgumentError, ResourceError

SCORED, CONCEDED, OUT, LOST, SWITCHED, BROKEN, TURNED = (1000 * what for what in range(1, 8))  # at step seed % 1000


def played(match, seed, action=0):
    """Its last step, how many there were, and the sum of rewards."""
    match.reset(seed=seed)
    total, steps = 0.0, 0
    while match.agents:
        seen, rewards, ended, cut, told = match.step(dict.fromkeys(match.agents, action))
        total, steps = total + rewards["player_1"], steps + 1
    return ended["player_1"], cut["player_1"], told["player_2"], steps, total, seen


# ---- without any engine -------------------------------------------------------------------------------------------------


def test_a_machine_without_gfootball_gets_the_command(monkeypatch):
    forget()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"'football-rps': got no module 'gfootball'.*tools/install_football\.sh"):
        find_environment("football-rps")
    monkeypatch.setitem(sys.modules, "gfootball", None)
    with pytest.raises(ResourceError, match=r"football: got ModuleNotFoundError.*tools/install_football\.sh"):
        FootballMatch("rps")
    assert (Path(__file__).parents[2] / "tools" / "install_football.sh").is_file()
    assert "tools/install_football.sh" in HOW


def test_the_papers_scenarios_have_names_and_sizes():
    assert {name: each.n_agents for name, each in SCENARIOS.items()} == {"rps": 2, "3v1": 3, "ca-hard": 4, "corner": 10}
    assert SCENARIOS["ca-hard"].agents == ("player_7", "player_8", "player_9", "player_10")
    with pytest.raises(InvalidArgumentError, match=r"got 'cornr'.*nearest match: corner"):
        FootballMatch("cornr")


def raw(**changes):
    """Every number of it another one."""
    given = {
        "left_team": np.arange(6).reshape(3, 2) + 100,
        "left_team_direction": np.arange(6).reshape(3, 2) + 200,
        "right_team": np.arange(22).reshape(11, 2) + 300,
        "right_team_direction": np.arange(22).reshape(11, 2) + 400,
        "ball": np.array([1.5, 2.5, 3.5]),
        "ball_direction": np.array([4.5, 5.5, 6.5]),
        "ball_owned_team": 1,
        "ball_owned_player": 9,
        "active": 2,
        "game_mode": 4,
        "steps_left": 100,
        "sticky_actions": np.arange(10) % 2,
    }
    return {**given, **changes}


def test_features_stand_where_the_format_says():
    """Team positions and directions of both, absent players -1; ball; owner: nobody, left, right; who one is; mode."""
    filled = [-1.0] * 16
    expected = [*range(100, 106), *filled, *range(200, 206), *filled, *range(300, 322), *range(400, 422)]
    expected += [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 0, 0, 1]
    expected += [0, 0, 1, *([0] * 8), 0, 0, 0, 0, 1, 0, 0]
    assert features.features(raw()).tolist() == expected
    nobody = features.features(raw(ball_owned_team=-1, active=-1))
    assert nobody[94:97].tolist() == [1, 0, 0]
    assert not nobody[97:108].any()
    with pytest.raises(InvalidArgumentError, match="left_team: got 24 numbers, expected at most 22"):
        features.features(raw(left_team=np.zeros((12, 2))))


def test_the_state_is_everybodys():
    agents = [raw(), raw(active=1, sticky_actions=np.ones(10))]
    state, own = features.state(agents), features.features(agents[0])
    assert len(state) == features.state_size(2) == 136
    assert state[:97].tolist() == own[:97].tolist()
    assert state[97:104].tolist() == own[108:].tolist()
    assert state[104:115].tolist() == [0.0] * 9 + [1.0, 0.0]
    assert state[115] == 0.25
    assert state[116:].tolist() == [0.0, 1.0] * 5 + [1.0] * 10
    assert not features.state([raw(ball_owned_team=-1)])[104:115].any()


def test_in_a_copy_of_a_scenario_the_agents_alone_are_controlled():
    calls = []
    builder = SimpleNamespace(
        SetTeam=lambda team: calls.append(team), AddPlayer=lambda *given: calls.append(given), EpisodeNumber=lambda: 7
    )
    original = ModuleType("gfootball.scenarios.some")

    def build(given):
        for team in ("left", "right"):
            given.SetTeam(team)
            given.AddPlayer(-1, 0, "GK")
            given.AddPlayer(0, given.EpisodeNumber(), "CM", True)
            given.AddPlayer(1, 1, "CB", controllable=False)
            given.AddPlayer(2, 2, "CF")

    original.build_scenario = build
    level = scenarios.copy_for_agents(original, SimpleNamespace(Team=SimpleNamespace(e_Left="left")), (2, 3))
    assert level == "alberdice_some"
    copy = sys.modules.pop("gfootball.scenarios.alberdice_some")
    copy.build_scenario(builder)
    middle = [(1, 1, "CB", False, False), (2, 2, "CF", False, True)]
    left = [(-1, 0, "GK", False, False), (0, 7, "CM", True, False), *middle]
    right = [(-1, 0, "GK", False, True), (0, 7, "CM", True, True), *middle]
    assert calls == ["left", *left, "right", *right]


def frame_of(places, owner, ball):
    """Agents are players 1 to N of the roster; owner is a place in it, or -1."""
    n = len(places)
    team = np.array([(-1.0, 0.0), *places])
    raws = [
        raw(left_team=team, active=i + 1, ball_owned_team=0 if owner >= 0 else -1, ball_owned_player=owner, ball=[*ball, 0])
        for i in range(n)
    ]
    seen = np.stack([features.features(each) for each in raws])[None]
    return Frame(seen, np.ones((1, n, 19), np.bool_), features.state(raws)[None], np.ones((1, n), np.bool_))


@pytest.mark.parametrize(
    ("places", "owner", "ball", "names"),
    [
        ([(0.5, 0.0), (0.5, -0.2)], 1, (0.5, 0.0), ["right", "right"]),
        ([(0.9, 0.1), (0.5, -0.2)], 1, (0.9, 0.1), ["shot", "right"]),
        ([(0.9, 0.1), (0.5, -0.4)], 2, (0.5, -0.4), ["right", "bottom_right"]),
        ([(0.0, 0.0), (0.5, -0.4)], -1, (0.0, 0.4), ["bottom", "right"]),
        ([(0.0, 0.0), (0.5, -0.4)], -1, (0.3, -0.4), ["right", "left"]),
        ([(0.8, 0.25), (0.5, -0.4)], 1, (0.8, 0.25), ["top_right", "right"]),
    ],
)
def test_a_runner_runs_to_the_goal_and_shoots(places, owner, ball, names):
    frame = frame_of(places, owner, ball)
    script, certain = Runners(), Runners(passes=1.0)
    assert [ACTIONS[a] for a in script.act(frame, np.full((1, 2), 0.5))[0]] == names
    assert [ACTIONS[a] for a in script.act(frame, np.full((1, 2), 0.5))[0]] == [
        name if name == "shot" else "sprint" for name in names
    ]
    passing = [ACTIONS[a] for a in certain.act(frame, np.full((1, 2), 0.5))[0]]
    expected = list(names)
    if owner >= 0 and names[owner - 1] != "shot":
        expected[owner - 1] = "short_pass"
    assert passing == expected


def test_a_runner_plays_football_alone():
    other = EnvironmentSpec("bridge", ("a", "b"), (5, 5), 6)
    with pytest.raises(InvalidArgumentError, match="football-runner, environment: got bridge, expected one of football-rps"):
        runner(other)
    for wrong in (True, 1.5, "much"):
        with pytest.raises(InvalidArgumentError, match=r"passes: got .*, expected a probability"):
            Runners(wrong)


# ---- on the double ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rps", "corner"])
def test_it_is_an_environment(football_double, name):
    with find_environment(f"football-{name}").open() as env:
        assert check_environment(env) == []
        spec, n = env.spec, SCENARIOS[name].n_agents
        assert (spec.name, spec.agents, spec.horizon) == (f"football-{name}", SCENARIOS[name].agents, 401)
        assert (spec.n_actions, spec.observation_size, spec.state_size) == ((19,) * n, 115, 116 + 10 * n)


def test_it_keeps_pettingzoos_interface(football_double):
    from pettingzoo.test import parallel_api_test

    parallel_api_test(FootballMatch("rps"), num_cycles=500)


@pytest.mark.parametrize(
    ("name", "seed", "steps", "terminated", "truncated", "total", "success"),
    [
        ("rps", SCORED + 30, 30, True, False, 1.0, 1.0),
        ("rps", CONCEDED + 9, 9, True, False, -1.0, 0.0),
        ("rps", OUT + 2, 2, True, False, 0.0, 0.0),
        ("rps", LOST + 12, 12, True, False, 0.0, 0.0),
        ("corner", LOST + 12, 401, False, True, 0.0, 0.0),
        ("rps", 0, 401, False, True, 0.0, 0.0),
        ("rps", SCORED + 401, 401, True, True, 1.0, 1.0),
        ("rps", LOST + 401, 401, True, True, 0.0, 0.0),
        ("corner", LOST + 401, 401, False, True, 0.0, 0.0),
    ],
)
def test_ends_are_told_apart(football_double, name, seed, steps, terminated, truncated, total, success):
    ended, cut, told, lasted, summed, _ = played(FootballMatch(name), seed)
    assert (lasted, ended, cut, summed) == (steps, terminated, truncated, total)
    assert told == {"success": success, "conceded": float(total < 0), "goals": success}


def test_a_seed_and_actions_are_an_episode_whatever_was_played_before(football_double):
    first = FootballMatch("rps")
    one = played(first, 17)[-1]
    played(first, SCORED + 3, action=5)
    for match in (first, FootballMatch("rps")):
        assert all(np.array_equal(seen, one[agent]) for agent, seen in played(match, 17)[-1].items())
    assert not np.array_equal(played(first, 18)[-1]["player_1"], one["player_1"])
    match = FootballMatch("rps")
    drawn = [match.reset(seed=seed)[0]["player_1"] for seed in (5, None, None, 5, None)]
    assert np.array_equal(drawn[1], drawn[4])
    assert not np.array_equal(drawn[1], drawn[2])


def test_an_agent_is_a_player_whichever_controller_has_it(football_double):
    match = FootballMatch("3v1")
    match.reset(seed=TURNED + 1)
    for _ in range(3):
        seen, *_ = match.step({"player_3": 5, "player_1": 11, "player_2": 12})
        assert [int(seen[agent][features.SELF].argmax()) for agent in match.agents] == [1, 2, 3]
    assert match._engine._game.heard == [{1: 11, 2: 12, 3: 5}] * 3


def test_what_goes_wrong_is_one_line(football_double):
    match = FootballMatch("rps")
    with pytest.raises(InvalidArgumentError, match="step: got no episode under way"):
        match.step({})
    with pytest.raises(InvalidArgumentError, match="state: got an environment not yet started"):
        match.state()
    with pytest.raises(InvalidArgumentError, match=r"seed: got -1, expected a whole number in \[0, 2\^31\)"):
        match.reset(seed=-1)
    match.reset(seed=SWITCHED + 1)
    for wrong in ({"player_1": 19, "player_2": 0}, {"player_2": 0}, {"player_1": 0.5, "player_2": 0}):
        with pytest.raises(InvalidArgumentError, match=r"action of player_1: got .*, expected a whole number from 0 to 18"):
            match.step(wrong)
    with pytest.raises(ResourceError, match=r"'football-rps', players controlled: got \(0, 1\), expected \(1, 2\)"):
        match.step({"player_1": 0, "player_2": 0})
    match.reset(seed=BROKEN + 1)
    with pytest.raises(ResourceError, match=r"'football-rps': got SystemExit: 1, expected gfootball 2\.10\.2"):
        match.step({"player_1": 0, "player_2": 0})
    with pytest.raises(ResourceError, match="'football-ca-hard': got ModuleNotFoundError"):  # a level that the double lacks
        FootballMatch("ca-hard")
    match.close()
    match.close()
    with pytest.raises(ResourceError, match="'football-rps', reset: got a closed environment"):
        match.reset(seed=1)


def test_actions_have_gfootballs_names():
    assert len(set(ACTIONS)) == len(ACTIONS) == 19
    assert [ACTIONS.index(name) for name in ("right", "short_pass", "shot", "sprint")] == [5, 11, 12, 13]


def test_nothing_of_it_is_loaded_before_a_match_is_made():
    code = (
        "import sys, alberdice.environments.football\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'gym', 'gfootball', 'pettingzoo', 'cv2', 'absl'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
