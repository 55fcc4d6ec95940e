"""How an environment is read, from the command line, through collection, training and evaluation: kept with data and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_samples import run

from alberdice.datasets import open_dataset
from alberdice.datasets.header import DatasetHeader
from alberdice.deep.play.venue import venue_of, venue_of_run
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.environments import PlayOptions, find_environment
from alberdice.environments.fit import options_for
from alberdice.errors import InvalidArgumentError, InvalidDataError

BRIEF = ("--algorithm", "bc", "--updates", "3", "--batch-size", "8", "--hidden", "4", "--evaluate-episodes", "5")
BRIEF += ("--no-pictures", "--select", "last")
AGENTS = ("--agents", "tall=agent_1", "short=agent_0")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    given = ("--environment", "odd_environments:Picture", "--id", "mine/pictures-v0", "--root", root, "--policy", "random")
    assert run("collect", *given, *AGENTS, "--flatten", "--max-steps", "3", "--team-reward", "tall", "--episodes", "4") == 0
    return root / "mine" / "pictures-v0"


def test_a_collection_keeps_how_it_was_read(collected: Path) -> None:
    data = open_dataset(collected)
    assert data.header.agents == ("tall", "short")
    assert data.header.team_reward == "tall"
    assert data.header.environment_options == {
        "agents": ["tall=agent_1", "short=agent_0"],
        "flatten": True,
        "max_steps": 3,
    }
    assert set(data.lengths.tolist()) == {3}
    with find_environment("odd_environments:Picture").open(PlayOptions(flatten=True)) as plain:
        assert plain.spec.observation_size == data.observation_size


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def test_its_environment_is_read_the_same_way_in_training_and_evaluation(
    collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ("--environment", "odd_environments:Picture")
    assert run("train", "--dataset", collected, *BRIEF, *named, "--out", tmp_path / "run") == 0
    assert result_of(tmp_path / "run")["length_mean"] == 3
    capsys.readouterr()
    assert run("evaluate", tmp_path / "run", *named, "--episodes", "5") == 0
    assert json.loads(capsys.readouterr().out)["length_mean"] == 3
    assert run("evaluate", tmp_path / "run", *named, "--episodes", "5", "--max-steps", "2") == 0
    assert json.loads(capsys.readouterr().out)["length_mean"] == 2


def test_a_run_keeps_what_was_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, typed = tmp_path / "run", ("--max-steps", "4", "--agents", "agent_1", "agent_0")
    root = ("--root", tmp_path / "store")
    assert run("collect", "--environment", "odd_environments:Plain", "--id", "p-v0", *root, "--policy", "random") == 0
    data = ("--dataset", tmp_path / "store" / "p-v0")
    assert run("train", *data, *BRIEF, "--environment", "odd_environments:Plain", *typed, "--out", out) == 2
    assert "--agents DATA=ENVIRONMENT" in capsys.readouterr().err  # the data name them, in another order
    typed = (*typed[:3], "agent_0=agent_1", "agent_1=agent_0")
    assert run("train", *data, *BRIEF, "--environment", "odd_environments:Plain", *typed, "--out", out) == 0
    assert result_of(out)["length_mean"] == 4
    config = RunDirectory(out).read_json("config.json")
    assert (config["agents"], config["max_steps"]) == (["agent_0=agent_1", "agent_1=agent_0"], 4)
    facts = RunDirectory(out).load()[1]["venue"]
    assert facts["options"] == {"agents": ["agent_0=agent_1", "agent_1=agent_0"], "max_steps": 4}
    with venue_of_run(config, facts, trust=True).environment as again:  # type: ignore[union-attr]
        assert again.spec.horizon == 4
    with venue_of_run(config, facts, "odd_environments:Plain(horizon=7)").environment as other:  # type: ignore[union-attr]
        assert other.spec.horizon is None  # options are the run's environment's, and this is another one
    assert run("evaluate", out, "--trust", "--episodes", "5", "--agents", "agent_0=agent_0", "agent_1=agent_1") == 0
    assert run("train", "--resume", "--out", out, "--trust", "--max-steps", "2", "--updates", "3") == 0  # it decides no update
    old = {name: value for name, value in facts.items() if name != "options"}  # of an earlier release
    with venue_of_run(config, old, trust=True).environment as again:  # type: ignore[union-attr]
        assert again.spec.horizon is None


def test_how_options_are_typed() -> None:
    assert PlayOptions.of() == PlayOptions()
    assert PlayOptions.of(["b", "a"], True, 4) == PlayOptions(("b", "a"), flatten=True, max_steps=4)
    mapped = PlayOptions.of(["b=x", "a=y"])
    assert mapped.agents == {"b": "x", "a": "y"}
    for options in (mapped, PlayOptions.of(["b", "a"], True, 4), PlayOptions()):
        assert PlayOptions.of(**options.as_json()) == options
    assert mapped.over(PlayOptions(("c",), max_steps=3)) == PlayOptions({"b": "x", "a": "y"}, max_steps=3)
    for wrong in (["a", "b=c"], ["a", "a"], ["a=x", "a=y"]):
        with pytest.raises(InvalidArgumentError, match=r"agents: got .*, expected every name once"):
            PlayOptions.of(wrong)


def test_a_header_holds_options_of_its_environment_only() -> None:
    header = DatasetHeader(environment="bridge", environment_options={"max_steps": 5})
    assert options_for(header, None, "bridge").max_steps == 5
    assert options_for(header, PlayOptions(max_steps=9), "bridge").max_steps == 9
    assert options_for(header, None, "xor").max_steps is None
    assert DatasetHeader.from_json(header.as_json(), "here") == header
    assert "environment_options" not in DatasetHeader(environment="bridge").as_json()
    for wrong in ({"steps": 3}, {"max_steps": True}, {"flatten": 1}, {"agents": "a"}, {"agents": [1]}):
        with pytest.raises(InvalidDataError, match="environment_options"):
            DatasetHeader(environment="bridge", environment_options=wrong)


def test_games_are_renamed_and_cut_and_others_decide_for_themselves() -> None:
    game = find_environment("bridge")
    with game.open(PlayOptions(agents={"l": "agent_1", "r": "agent_2"}, max_steps=3)) as opened:
        assert opened.spec.agents == ("l", "r")
        assert opened.spec.horizon == 3
    warehouse = find_environment("rware-tiny-2ag")
    for options, word in ((PlayOptions(max_steps=3), "max_steps"), (PlayOptions(flatten=True), "flatten")):
        with pytest.raises(InvalidArgumentError, match=f"{word}: got a value, expected nothing: this environment decides"):
            warehouse.open(options)
    with pytest.raises(InvalidArgumentError, match="flatten: got a value"):
        game.open(PlayOptions(flatten=True))


def test_a_venue_opens_again_as_it_was(collected: Path) -> None:
    venue = venue_of("odd_environments:Picture", open_dataset(collected), options=PlayOptions(max_steps=2))
    venue.close()
    with venue.reopened() as again:  # type: ignore[union-attr]
        assert again.spec.horizon == 2
        assert again.spec.agents == ("tall", "short")
