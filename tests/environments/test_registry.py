"""Names of environments: the table, functions of one's own, arguments, and what a dataset's header says."""

from __future__ import annotations

import odd_environments as odd
import pytest

import alberdice as ad
from alberdice.cli.inputs import load_game
from alberdice.datasets import RECIPES, DatasetHeader
from alberdice.environments.games import GameEnvironment
from alberdice.environments.registry import (
    ENVIRONMENTS,
    Environment,
    EnvironmentEntry,
    PlayOptions,
    environment_for,
    find_environment,
    is_game,
    known_environments,
    register_environment,
    with_arguments,
)
from alberdice.errors import InvalidArgumentError, ResourceError


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setattr("alberdice.environments.registry.ENVIRONMENTS", dict(ENVIRONMENTS))


def test_every_game_of_the_table_opens():
    for name, entry in ENVIRONMENTS.items():
        other = ("rware", "smax", "smac", "passwords", "football")
        if isinstance(entry.make, str) or name == "xor-N" or name.startswith(other):
            continue
        with find_environment(name).open() as environment:
            assert isinstance(environment, GameEnvironment)
    assert find_environment("bridge").game.name == "bridge"
    assert find_environment("xor-3").game.mmdp.n_agents == 3


def test_arguments_are_literals_by_name():
    found = find_environment("bridge(hard=False)")
    assert (found.name, found.arguments, str(found)) == ("bridge", {"hard": False}, "bridge(hard=False)")
    assert found.game.mmdp.initial.argmax() != find_environment("bridge").game.mmdp.initial.argmax()
    both = find_environment("odd_environments:Plain( horizon = 3 )", {"horizon": 9})
    with both.open() as environment:
        assert environment.spec.name == "odd_environments:Plain"
        environment.reset([0])
    assert both.arguments == {"horizon": 3}
    with pytest.raises(InvalidArgumentError, match=r"environment 'bridge\(size=3\)': got TypeError: .*'size'"):
        find_environment("bridge(size=3)").game  # noqa: B018
    for wrong in ("bridge(3)", "bridge(hard=print)", "bridge(**{})", "bridge(hard=)"):
        with pytest.raises(InvalidArgumentError, match=r"'bridge', arguments: got .*, expected literals by name"):
            find_environment(wrong)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brigde", r"environment: got 'brigde', expected one of xor, .*, or module:function; nearest match: bridge"),
        ("xor-N", r"environment: got 'xor-N'"),
        ("no_such_module:make", "No module named"),
        ("odd_environments:plan", r"got no 'plan' there, .*; nearest match: (plain|Plain)"),
    ],
)
def test_unknown_names_are_refused(name, message):
    with pytest.raises(InvalidArgumentError, match=message):
        find_environment(name)


def test_ones_own_are_registered_and_found(table):
    entry = EnvironmentEntry(odd.Plain, "one's own", arguments={"horizon": 5})
    register_environment("mine", entry)
    register_environment("mine", entry)
    with find_environment("mine(horizon=2)").open() as environment:
        assert environment.spec.name == "mine"
    for name in ("bridge", "auto", "a b", ""):
        with pytest.raises(InvalidArgumentError, match="environment name: got"):
            register_environment(name, entry)


def test_what_is_missing_is_told_with_how_to_get_it(table):
    entry = EnvironmentEntry("nowhere:make", "far away", needs={"no_such_package": "pip install alberdice[far]"})
    register_environment("far", entry)
    assert ("far", "far away", "pip install alberdice[far]") in known_environments()
    with pytest.raises(ResourceError, match=r"'far': got no module 'no_such_package', expected it installed; pip install"):
        find_environment("far")
    found, why = environment_for("auto", DatasetHeader(environment="far"))
    assert found is None
    assert "pip install alberdice[far]" in why


def test_auto_is_what_the_header_names_and_nothing_else():
    for name in RECIPES:
        if name.startswith(("matrix", "bridge")):
            found, why = environment_for("auto", RECIPES[name].header(0))
            assert (found.name, why) == ("penalty-xor" if name.startswith("matrix") else "bridge", "")
    found, _ = environment_for("auto", DatasetHeader(environment="bridge", environment_arguments={"hard": False}))
    assert str(found) == "bridge(hard=False)"
    assert environment_for("auto", DatasetHeader()) == (
        None,
        "no evaluation: the data name no environment; name one with --environment",
    )
    assert environment_for("none", DatasetHeader(environment="bridge")) == (None, "no evaluation: environment is none")
    found, why = environment_for("auto", DatasetHeader(environment="gone-v0"))
    assert found is None
    assert "not found here: environment: got 'gone-v0'" in why
    assert environment_for("climbing", DatasetHeader(environment="bridge"))[0].name == "climbing"


def test_a_file_does_not_decide_which_code_is_run():
    header = DatasetHeader(environment="os:system", environment_arguments={"command": "touch ran"})
    found, why = environment_for("auto", header)
    assert found is None
    assert why == "no evaluation: the data come from os:system; name it with --environment to play there"


def test_functions_may_give_games_and_environments_behind_the_contract():
    found = find_environment("odd_environments:game")
    assert found.game.name == "climbing"
    assert find_environment("odd_environments:Plain").game is None
    with Environment("own", lambda: GameEnvironment(ad.games.xor())).open() as environment:
        assert environment.spec.name == "xor"
    wanted = PlayOptions(team_reward="sum")
    with pytest.raises(InvalidArgumentError, match="team_reward: got the rule 'mean', expected 'sum'"):
        Environment("own", lambda: GameEnvironment(ad.games.xor())).open(wanted)
    with find_environment("xor").open(wanted) as environment:
        assert environment.spec.team_reward == "sum"


def test_asking_for_the_game_closes_what_is_none():
    odd.Plain.opened.clear()
    assert find_environment("odd_environments:Plain").game is None
    assert [each.closed for each in odd.Plain.opened] == [True]


def test_games_are_told_by_name_and_arguments():
    """One table for the commands, too: a dataset's game is made with the header's arguments."""
    assert all(is_game(name) for name in ("bridge", "bridge(hard=False)", "xor-3", "zoo(name='relay-4')"))
    assert not any(is_game(name) for name in ("xor-N", "rware-tiny-2ag", "odd_environments:game", "", "bridges"))
    assert load_game("bridge(hard=False)").mmdp.initial.argmax() == load_game("bridge-original").mmdp.initial.argmax()
    assert load_game("zoo(name='relay-4')").mmdp.n_agents == 4
    assert str(find_environment(with_arguments("zoo", {"name": "relay-4"}))) == "zoo(name='relay-4')"
