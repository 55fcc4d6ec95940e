"""The header says what the data are of: the store and our exports keep it, importers carry it, no name is guessed from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import sample_dataset

from alberdice.cli.deep import main
from alberdice.datasets import (
    RECIPES,
    DatasetHeader,
    OfflineDataset,
    concatenate,
    make_builtin,
    open_dataset,
    read_minari,
    read_pymarl,
    read_vault,
    summarise,
    write_dataset,
    write_pymarl,
    write_vault,
)
from alberdice.errors import InvalidArgumentError, InvalidDataError

OLD = Path(__file__).parent / "fixtures" / "store_0_1_0"
FULL = DatasetHeader(
    environment="lab:make",
    environment_arguments={"horizon": 9, "names": ["a", None], "deep": {"x": 0.5}},
    agents=("left", "right", "third"),
    team_reward="right",
    episode_limit=9,
    recipe="by hand",
    action_names=(("n", "e", "s", "w"), ("0", "1", "2", "3"), ("a", "b", "c", "d")),
)


def sample(**variant: Any) -> OfflineDataset:
    return sample_dataset(np.random.default_rng(3), **variant)


@pytest.mark.parametrize("header", [DatasetHeader(), FULL, DatasetHeader(environment="bridge", team_reward="sum")])
def test_store_and_exports_keep_the_header(header: DatasetHeader, tmp_path: Path) -> None:
    data = dataclasses.replace(sample(), header=header)
    write_dataset(data, "lab/x-v0", root=tmp_path)
    back = open_dataset("lab/x-v0", root=tmp_path)
    assert back.header == header
    assert back.digest == data.digest
    write_pymarl(data, tmp_path / "buffer")
    assert read_pymarl(tmp_path / "buffer").header == header
    assert read_pymarl(tmp_path / "buffer", episode_limit=12).header == dataclasses.replace(header, episode_limit=12)
    write_vault(data, tmp_path / "vault" / "x")
    assert read_vault(tmp_path / "vault" / "x").header == header
    summary = summarise(back)
    assert summary.header == json.loads(json.dumps(header.as_json()))
    assert summary.digest == data.digest


def test_digest_is_of_the_content_alone() -> None:
    data = sample()
    assert data.with_notes("another", name="other").with_header(environment="bridge").digest == data.digest
    rewards = data.rewards.copy()
    rewards[0] = np.nextafter(rewards[0], np.float32(9))
    assert dataclasses.replace(data, rewards=rewards).digest != data.digest
    plain = sample(masks=False)
    assert dataclasses.replace(plain, n_actions=(4, 4, 5)).digest != plain.digest


@pytest.mark.parametrize("name", [n for n in RECIPES if not n.startswith(("bridge-mix", "rware", "smax", "football"))])
def test_recipes_say_their_game(name: str) -> None:
    header = make_builtin(name, 4).header
    game = "bridge" if name.startswith("bridge") else "penalty-xor"
    given = {"goals_seen": True} if name.endswith("asrecorded") else {}
    told = DatasetHeader(game, given, ("agent_1", "agent_2"), episode_limit=50, recipe=f"{name} seed=4")
    assert header == told


def test_store_of_0_1_0_opens() -> None:
    old = open_dataset("lab/old-v0", root=OLD)
    assert old.header == DatasetHeader()
    assert (old.name, old.n_actions, old.lengths.tolist()) == ("old", (2, 3), [3, 2, 4])
    assert old.final_known.tolist() == [True, False, True]
    generator = np.random.default_rng(7)  # as the fixture was drawn
    states, observations = generator.normal(size=(4, 2)).astype(np.float32), generator.normal(size=(4, 2, 3))
    first = old.get_episode(0)
    np.testing.assert_array_equal(first.states, states[:3])
    np.testing.assert_array_equal(first.observations, observations[:3])
    np.testing.assert_array_equal(first.actions, generator.integers(0, 2, (3, 2)))


def test_new_store_without_its_origin_is_refused(tmp_path: Path) -> None:
    from alberdice.datasets.store import _seal

    path = write_dataset(sample(), "lab/x-v0", root=tmp_path) / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["alberdice"]["origin"]
    metadata["alberdice"]["header_sha256"] = _seal(metadata["alberdice"])
    path.write_text(json.dumps(metadata))
    with pytest.raises(InvalidDataError, match=r"alberdice.origin: got None, expected dict"):
        open_dataset("lab/x-v0", root=tmp_path)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"environment": 3}, r"header.environment: got 3, expected text"),
    ({"environment_arguments": {"x": 1}}, r"header.environment: got arguments without a name"),
    ({"environment": "x", "environment_arguments": {"x": {1, 2}}}, r"environment_arguments: got dict .*not JSON"),
    ({"environment": "x", "environment_arguments": {"x": float("nan")}}, r"environment_arguments: got dict .*JSON compliant"),
    ({"environment": "x", "environment_arguments": {3: 1}}, r"environment_arguments: got a key that is no text"),
    ({"environment": "x", "environment_arguments": 7}, r"environment_arguments: got int"),
    ({"agents": "ab"}, r"header.agents: got 'ab'"),
    ({"agents": ("a", "a", "b")}, r"header.agents: got 'a' twice"),
    ({"agents": ("a", "", "b")}, r"header.agents"),
    ({"agents": ("a", "sum", "b")}, r"header.agents: got 'sum', expected another name"),
    ({"agents": ("a", "b")}, r"header.agents: got 2 names, expected 3"),
    ({"action_names": "abc"}, r"header.action_names: got 'abc', expected names for each agent"),
    ({"action_names": (("a", "b", "c", "a"),) * 3}, r"header.action_names, agent 1: got 'a' twice"),
    ({"action_names": (("a", "b"),) * 3}, r"header.action_names: got \(2, 2, 2\) names, expected \(4, 4, 4\), one per action"),
    ({"agents": ("a", "b", "c"), "action_names": (("a", "b", "c", "d"),)}, r"header.action_names: got .*for each agent"),
    ({"team_reward": "median"}, r"header.team_reward: got 'median', expected one of common, mean, sum"),
    ({"episode_limit": 0}, r"header.episode_limit: got 0"),
    ({"episode_limit": True}, r"header.episode_limit: got True"),
    ({"episode_limit": 8}, r"lengths\[2\]: got 9 steps, expected at most the episode limit, 8"),
]


@pytest.mark.parametrize(("fields", "match"), WRONG)
def test_wrong_headers(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidDataError, match=match):
        sample().with_header(**fields)


def test_unknown_fields() -> None:
    with pytest.raises(InvalidArgumentError, match=r"header: got 'enviroment', expected one of environment, .*"):
        sample().with_header(enviroment="bridge")
    with pytest.raises(InvalidDataError, match=r"file: header: got the key 'x'"):
        DatasetHeader.from_json({"x": 1}, "file")


def test_arguments_are_a_copy() -> None:
    given = {"horizon": 3}
    header = DatasetHeader(environment="x", environment_arguments=given)
    given["horizon"] = 4
    assert header.environment_arguments == {"horizon": 3}


def test_concatenation_keeps_what_agrees() -> None:
    one, two = (sample().with_header(environment=name, agents=("a", "b", "c"), recipe=name) for name in ("p", "q"))
    assert concatenate("both", [one, one]).header == one.header
    assert concatenate("both", [one, two]).header == DatasetHeader(agents=("a", "b", "c"))
    for fields in ({"agents": ("b", "a", "c")}, {"team_reward": "sum"}):
        with pytest.raises(InvalidDataError, match=rf"parts\[1\].header.{next(iter(fields))}"):
            concatenate("both", [one, one.with_header(**fields)])


@pytest.fixture
def of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Minari dataset of named agents whose rewards differ, in the order that a Dict space gives them."""
    minari = pytest.importorskip("minari")
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    names = ["agent_2", "agent_10", "agent_1"]
    buffer = EpisodeBuffer(
        observations={name: np.full((5, 1), k, np.float32) for k, name in enumerate(names)},
        actions={name: np.full(4, k) for k, name in enumerate(names)},
        rewards=np.tile([1.0, 2.0, 6.0], (4, 1)),
        terminations=[False] * 4,
        truncations=[False] * 3 + [True],
    )
    minari.create_dataset_from_buffers(
        "three-v0",
        [buffer],
        observation_space=spaces.Dict({name: spaces.Box(-9, 9, (1,), np.float32) for name in names}),
        action_space=spaces.Dict({name: spaces.Discrete(3) for name in names}),
        description="",
    )
    return tmp_path / "three-v0"


@pytest.mark.filterwarnings("ignore")
def test_minari_agents_and_rule(of_three: Path) -> None:
    for rule, reward in {"mean": 3.0, "sum": 9.0, "agent_2": None}.items():
        data = read_minari(of_three, team_reward=rule)
        assert sorted(data.header.agents) == ["agent_1", "agent_10", "agent_2"]
        assert data.header.team_reward == rule
        for position, name in enumerate(data.header.agents):
            assert (data.actions[:, position] == ["agent_2", "agent_10", "agent_1"].index(name)).all()
        wanted = [1.0, 2.0, 6.0][list(data.header.agents).index("agent_2")] if reward is None else reward
        assert (data.rewards == wanted).all()
    with pytest.raises(InvalidDataError, match=r'team_reward="mean" or "sum", or an agent\'s name'):
        read_minari(of_three)
    with pytest.raises(InvalidDataError, match=r"team_reward: got 'agent_3', expected one of equal, mean, sum, agent_1"):
        read_minari(of_three, team_reward="agent_3")


def test_rewards_that_need_no_rule_are_common(tmp_path: Path) -> None:
    write_dataset(sample(), "lab/x-v0", root=tmp_path)
    assert read_minari(tmp_path / "lab" / "x-v0", team_reward="sum").header.team_reward == "common"


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pymarl(sample(), tmp_path / "buffer")
    root, source = ["--root", str(tmp_path)], str(tmp_path / "buffer")
    options = ["--environment", "lab:make", "--environment-arguments", '{"horizon": 9}', "--agents", "a", "b", "c"]
    assert call("datasets", "import", "pymarl", source, "--id", "lab/y-v0", *root, *options) == 0
    header = open_dataset("lab/y-v0", root=tmp_path).header
    assert header == DatasetHeader(environment="lab:make", environment_arguments={"horizon": 9}, agents=("a", "b", "c"))
    capsys.readouterr()
    assert call("datasets", "inspect", str(tmp_path / "lab" / "y-v0")) == 0
    shown = capsys.readouterr().out
    for text in ("lab:make (horizon=9)", "a, b, c", "common", open_dataset("lab/y-v0", root=tmp_path).digest):
        assert text in shown
    for option, match in (
        ("{", "--environment-arguments: line 1"),
        ("[1]", "got a list"),
        ('{"a": 1, "a": 2}', "a: got the field twice"),
    ):
        assert (
            call("datasets", "import", "pymarl", source, "--id", "lab/z-v0", *root, "--environment", "x", *options[2:3], option)
            == 2
        )
        assert match in capsys.readouterr().err


@pytest.mark.parametrize("identity", ["matrix-mine-v0", "matrix-a-v0", "bridge-repair-v0", "lab/bridge-mix-v0"])
def test_a_name_decides_no_game(
    identity: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from alberdice.cli import main as solve

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    (tmp_path / "mine.csv").write_text("agent_1,agent_2,agent_3,reward\n0,0,1,10\n1,1,0,-5\n")
    for options, judged in (([], False), (["--environment", "xor-3"], True)):
        arguments = ["import", "joint-actions", str(tmp_path / "mine.csv"), "--id", identity, "--overwrite", *options]
        assert call("datasets", *arguments) == 0
        with pytest.raises(SystemExit) as stop:
            solve(["solve", "--dataset", identity])
        shown = capsys.readouterr().out
        assert stop.value.code == 0
        assert ("in the true game" in shown) == judged
        assert "return             10 over" in shown
