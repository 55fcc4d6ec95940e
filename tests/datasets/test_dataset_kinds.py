"""Kinds of bad input to datasets, each with its brothers: odd names, folders that are not ours, agents, masks, counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import assert_same, sample_dataset

from alberdice.cli.deep import main
from alberdice.datasets import (
    EpisodeArrays,
    OfflineDataset,
    empirical_model,
    from_episodes,
    open_dataset,
    read_joint_actions,
    read_minari,
    read_pymarl,
    read_vault,
    stored_datasets,
    summarise,
    write_dataset,
    write_joint_actions,
    write_pymarl,
    write_vault,
)
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError


def sample(**variant: Any) -> OfflineDataset:
    return sample_dataset(np.random.default_rng(5), **variant)


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


# ---- folders whose names a URL would read otherwise ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["run%201", "run#1", "run?1", "a|b", "100%", "%2e%2e", "sp ace", "naïve", "a&b=c", "file:x", "[1]"]
)
def test_a_vault_lies_where_it_was_put(name: str, tmp_path: Path) -> None:
    data = sample(ends="terminated")
    write_vault(data, tmp_path / name)
    decoy = tmp_path / "run 1"
    if decoy != tmp_path / name:
        write_vault(sample(lengths=(2,)), decoy)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({name, "run 1"})
    assert sum(path.is_file() for path in (tmp_path / name / "d").iterdir()) > 5
    assert_same(read_vault(tmp_path / name), data, finals=False)


# ---- what --overwrite may replace ------------------------------------------------------------------------------------------

WRITERS = {
    "store": lambda data, place: write_dataset(data, "notes-v1", root=place.parent, overwrite=True),
    "pymarl": lambda data, place: write_pymarl(data, place, overwrite=True),
    "vault": lambda data, place: write_vault(data, place, overwrite=True),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("case", ["folder", "beside", "link", "file", "other format", "hidden"])
def test_overwriting_loses_nothing(kind: str, case: str, tmp_path: Path) -> None:
    place, real = tmp_path / "notes-v1", tmp_path / "real"
    thesis = {"folder": place / "src" / "thesis.txt", "beside": place / "thesis.txt", "hidden": place / ".git" / "thesis.txt"}
    if case in ("beside", "hidden"):
        WRITERS[kind](sample(), place)
    if case in thesis:
        thesis[case].parent.mkdir(parents=True, exist_ok=True)
        thesis[case].write_text("thesis")
    elif case == "link":
        real.mkdir()
        (real / "thesis.txt").write_text("thesis")
        place.symlink_to(real)
    elif case == "file":
        place.write_text("thesis")
    else:
        WRITERS["vault" if kind == "pymarl" else "pymarl"](sample(), place)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InvalidArgumentError, match=r"notes-v1: got a .*, expected nothing, or a whole .*; nothing was removed"):
        WRITERS[kind](sample(), place)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", WRITERS)
def test_overwriting_replaces_its_own(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "notes-v1"
    for data in (sample(), sample(lengths=(2, 3))):
        WRITERS[kind](data, place)
    readers = {"store": open_dataset, "pymarl": read_pymarl, "vault": read_vault}
    assert readers[kind](place).lengths.tolist() == [2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["notes-v1"]


def test_a_dataset_of_minari_is_not_replaced(tmp_path: Path) -> None:
    path = write_dataset(sample(), "theirs-v0", root=tmp_path) / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["alberdice"]
    path.write_text(json.dumps(metadata))
    with pytest.raises(InvalidArgumentError, match="got a dataset that Minari or another package wrote"):
        write_dataset(sample(), "theirs-v0", root=tmp_path, overwrite=True)


@pytest.mark.parametrize("content", ["my thesis", "a,b\n1,2\n", "agent_1,agent_2,reward\n0,x,1\n"])
def test_a_text_is_no_table_to_replace(content: str, tmp_path: Path) -> None:
    data = sample(lengths=(1, 1), ends="terminated", masks=False)
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(InvalidArgumentError, match="a file that is no table of joint actions"):
        write_joint_actions(data, tmp_path / "x.csv", overwrite=True)
    assert (tmp_path / "x.csv").read_text() == content
    for _ in range(2):
        write_joint_actions(data, tmp_path / "y.csv", overwrite=True)


# ---- Minari's dictionaries -----------------------------------------------------------------------------------------------


def minari_of(folder: Path, observation: Any, action: Any, observations: Any, actions: Any, **more: Any) -> Path:
    minari = pytest.importorskip("minari")
    from minari.data_collector import EpisodeBuffer

    ends = {"terminations": [False] * 3 + [True], "truncations": [False] * 4, "rewards": np.ones(4)}
    buffer = EpisodeBuffer(observations=observations, actions=actions, **{**ends, **more})
    minari.create_dataset_from_buffers("x-v0", [buffer], observation_space=observation, action_space=action, description="")
    return folder / "x-v0"


@pytest.fixture
def spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return pytest.importorskip("gymnasium").spaces


X = np.arange(10, dtype=np.float32).reshape(5, 2)
Z = np.zeros(4, int)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", ["goals", "other names", "one name", "tuple and dict", "stacked and dict", "stacked and tuple", "nested otherwise"]
)
def test_parts_that_are_not_the_agents(case: str, spaces: Any, tmp_path: Path) -> None:
    box, choice = spaces.Box(-99, 99, (2,), np.float32), spaces.Discrete(3)
    two = spaces.Dict(a=choice, b=choice), {"a": Z, "b": Z}
    pair = spaces.MultiDiscrete([3, 3]), np.stack([Z, Z], axis=1)
    seen: Any
    acted: Any
    seen, acted = {
        "goals": ((spaces.Dict(observation=box, desired_goal=box), {"observation": X, "desired_goal": X}), pair),
        "other names": ((spaces.Dict(cam_a=box, cam_b=box), {"cam_a": X, "cam_b": X}), two),
        "one name": ((spaces.Dict(a=box, c=box), {"a": X, "c": X}), two),
        "tuple and dict": ((spaces.Tuple([box, box]), (X, X)), two),
        "stacked and dict": ((spaces.Box(-99, 99, (2, 2), np.float32), np.stack([X, X], axis=1)), two),
        "stacked and tuple": (
            (spaces.Box(-99, 99, (2, 2), np.float32), np.stack([X, X], axis=1)),
            (spaces.Tuple([choice, choice]), (Z, Z)),
        ),
        "nested otherwise": (
            (spaces.Dict(a=spaces.Dict(x=box, y=box), b=spaces.Dict(x=box, y=box)), {k: {"x": X, "y": X} for k in "ab"}),
            two,
        ),
    }[case]
    path = minari_of(tmp_path, seen[0], acted[0], seen[1], acted[1])
    with pytest.raises(InvalidDataError, match=r"x-v0/data: observation_space.*: got .*; (give both spaces|flatten)"):
        read_minari(path)


@pytest.mark.filterwarnings("ignore")
def test_agents_are_paired_by_name(spaces: Any, tmp_path: Path) -> None:
    """Twelve agents, whose names a Dict space sorts as agent_1, agent_10, agent_11, agent_2."""
    names = [f"agent_{i}" for i in range(12)]
    path = minari_of(
        tmp_path,
        spaces.Dict({a: spaces.Box(-99, 99, (1,), np.float32) for a in names}),
        spaces.Dict({a: spaces.Discrete(12) for a in names[::-1]}),
        {a: np.full((5, 1), i, np.float32) for i, a in enumerate(names)},
        {a: np.full(4, i) for i, a in enumerate(names)},
    )
    data = read_minari(path)
    assert sorted(data.header.agents) == sorted(names)
    assert data.header.agents != tuple(names)
    for position, name in enumerate(data.header.agents):
        assert (data.actions[:, position] == int(name[6:])).all()
        assert (data.observations[:, position, 0] == int(name[6:])).all()


@pytest.mark.filterwarnings("ignore")
def test_observations_with_their_masks(spaces: Any, tmp_path: Path) -> None:
    box = spaces.Box(-99, 99, (2,), np.float32)
    masks = {"a": np.array([[1, 1, 0]] * 5, np.int8), "b": np.array([[1, 0]] * 5, np.int8)}
    path = minari_of(
        tmp_path,
        spaces.Dict({k: spaces.Dict(observation=box, action_mask=spaces.MultiBinary(m.shape[1])) for k, m in masks.items()}),
        spaces.Dict(a=spaces.Discrete(3), b=spaces.Discrete(2)),
        {"a": {"observation": X, "action_mask": masks["a"]}, "b": {"observation": -X, "action_mask": masks["b"]}},
        {"a": Z + 1, "b": Z},
    )
    data = read_minari(path)
    assert data.n_actions == (3, 2)
    np.testing.assert_array_equal(data.observations[:, 1], -X[:4])
    np.testing.assert_array_equal(data.action_masks[0], [[True, True, False], [True, False, False]])


# ---- masks -----------------------------------------------------------------------------------------------------------------


def with_masks(masks: np.ndarray, terminated: bool = True) -> OfflineDataset:
    length = len(masks) - 1
    arrays = {"states": np.zeros((length + 1, 1)), "observations": np.zeros((length + 1, 2, 1))}
    actions, rewards = np.zeros((length, 2), int), np.zeros(length)
    episodes = [
        EpisodeArrays(**arrays, actions=actions, rewards=rewards, terminated=terminated, action_masks=m)
        for m in (np.ones_like(masks), masks)
    ]
    return from_episodes("x", (2, 2), episodes, source="there").with_header(agents=("left", "right"))


def test_the_mask_after_the_end_means_nothing() -> None:
    masks = np.ones((4, 2, 2), bool)
    masks[3] = False
    data = with_masks(masks)
    assert not data.next_action_masks[data.usable][-1].any()
    assert np.isfinite(empirical_model(data, 0.9).mmdp.reward).all()
    with pytest.raises(InvalidDataError, match=r"action masks \(episode 1, final frame, agent 1\): got no available action"):
        with_masks(masks, terminated=False)


@pytest.mark.parametrize(("step", "agent"), [(0, 0), (1, 1), (2, 0)])
def test_an_agent_that_cannot_act_is_named(step: int, agent: int) -> None:
    masks = np.ones((4, 2, 2), bool)
    masks[step, agent] = False
    where = rf"there: action masks \(episode 1, step {step}, agent {agent + 1}\)"
    with pytest.raises(InvalidDataError, match=rf"{where}: got no available action.*; for an agent that has died or left"):
        with_masks(masks)


def test_agents_with_names_are_named() -> None:
    data = sample().with_header(agents=("left", "right", "third"))
    actions = data.actions.copy()
    actions[8, 1] = 9
    with pytest.raises(InvalidDataError, match=r"actions \(episode 2, step 0, right\): got 9, expected 0 to 3"):
        type(data)(**{**{k: getattr(data, k) for k in FIELDS}, "actions": actions})


FIELDS = (
    "name", "n_actions", "frame_states", "frame_observations", "actions", "rewards", "terminated", "truncated", "lengths",
    "frame_masks", "final_known", "header",
)  # fmt: skip


# ---- counts and sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [(2 * 10**10, 1), (2**40, 2**40), (10**12,)])
def test_huge_counts_are_refused_before_anything_is_made(counts: tuple[int, ...], tmp_path: Path) -> None:
    rows = "".join(f"0,1,1,{count}\n" for count in counts)
    (tmp_path / "x.csv").write_text("agent_1,agent_2,reward,count\n" + rows)
    with pytest.raises(ResourceError, match=r"x.csv: got [\d,]+ steps .* GiB at least, expected at most the memory"):
        read_joint_actions(tmp_path / "x.csv")


@pytest.mark.parametrize("n_actions", [(2, 100_001), (10**9, 2), (2, 2**70)])
def test_huge_numbers_of_actions(n_actions: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"n_actions": n_actions, "rows": [{"actions": [0, 1], "reward": 1}]}))
    with pytest.raises(InvalidDataError, match=r"n_actions: got .*, expected 2 whole numbers from 1 to 100,000"):
        read_joint_actions(tmp_path / "x.json")
    with pytest.raises(InvalidDataError, match=r"n_actions: got .*, expected one whole number from 1 to 100,000 per agent"):
        type(sample())(**{**{k: getattr(sample(masks=False), k) for k in FIELDS}, "n_actions": (*n_actions, 2)})


def test_many_agents_are_summarised() -> None:
    data = sample(n_actions=(3,) * 300, masks=False, lengths=(2, 2), observation_size=1)
    summary = summarise(data)
    assert summary.joint_action_space == 3**300
    assert summary.joint_action_coverage == pytest.approx(0, abs=1e-100)


# ---- per-agent rewards of padded buffers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["mean", "sum", "equal"])
def test_rewards_per_agent(rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = sample(ends="terminated")
    write_pymarl(data, tmp_path / "b")
    reward = np.load(tmp_path / "b" / "reward.npy")
    own = np.concatenate([reward, reward, reward if rule == "equal" else 4 * reward], axis=2)
    np.save(tmp_path / "b" / "reward.npy", own)
    back = read_pymarl(tmp_path / "b", team_reward=rule)
    scale = {"mean": 2, "sum": 6, "equal": 1}[rule]
    np.testing.assert_allclose(back.rewards, scale * data.rewards, rtol=1e-6)
    assert back.header.team_reward == ("common" if rule == "equal" else rule)
    if rule != "equal":
        with pytest.raises(
            InvalidDataError, match=r'reward.npy\[0, 0\]: got \[.*; say how to combine them: team_reward="mean"'
        ):
            read_pymarl(tmp_path / "b")
        assert (
            call("datasets", "import", "pymarl", tmp_path / "b", "--id", "x-v0", "--root", tmp_path, "--team-reward", rule) == 0
        )
        assert open_dataset("x-v0", root=tmp_path).header.team_reward == rule


# ---- the command -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["{", "[1]", '{"alberdice": 3, "total_steps": "many"}', '{"total_episodes": NaN}', "\x00"])
def test_one_odd_dataset_does_not_end_the_list(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(sample(), "lab/good-v0", root=tmp_path)
    for name in ("lab/odd-v0", "zz/odd-v1"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / "metadata.json").write_text(content)
    assert call("datasets", "list", "--root", tmp_path) == 0
    shown = capsys.readouterr()
    assert "lab/good-v0" in shown.out
    assert "lab/odd-v0" in shown.out
    assert call("datasets", "list", "--root", tmp_path, "--json") == 0
    listed = json.loads(capsys.readouterr().out)["stored"]
    assert [each["id"] for each in listed] == ["lab/good-v0", "lab/odd-v0", "zz/odd-v1"]
    assert listed == stored_datasets(tmp_path)


EVIL = "[bold]x[/] \x1b[2J\x1b]0;title\x07 $\\frac$ [/nothing] \u202e"


def test_notes_and_names_print_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = sample().with_notes(EVIL, name=EVIL).with_header(environment=EVIL, agents=("[red]", "b\x1b[1m", "c"))
    write_dataset(data, "lab/x-v0", root=tmp_path)
    assert call("datasets", "inspect", tmp_path / "lab" / "x-v0", "--plot", tmp_path / "x.png") == 0
    assert call("datasets", "list", "--root", tmp_path) == 0
    write_pymarl(data, tmp_path / "buffer")
    assert call("datasets", "import", "pymarl", tmp_path / "buffer", "--id", "lab/y-v0", "--root", tmp_path) == 0
    shown = capsys.readouterr()
    for stream in shown:
        assert not set(stream) & set("\x1b\x07\u202e")
    assert "[bold]x[/]" in shown.out
    assert "[red]" in shown.out
    assert (tmp_path / "x.png").stat().st_size > 1000


@pytest.mark.parametrize("identity", ["m/x-v0", "x", "a b-v0", "../x-v0", "/abs-v0", "x-v", "lab//x-v0", "x-v0\n", "é-v0"])
def test_an_id_is_checked_before_any_work(identity: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("datasets", "import", "pymarl", tmp_path / "nothing", "--id", identity, "--root", tmp_path) == 2
    words = capsys.readouterr().err
    assert "dataset id: got" in words
    assert "two characters or more in the namespace" in words
    write_dataset(sample(), "lab/taken-v0", root=tmp_path)
    assert call("datasets", "import", "pymarl", tmp_path / "nothing", "--id", "lab/taken-v0", "--root", tmp_path) == 2
    assert "something is there already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800"])
def test_names_that_no_file_has(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("datasets", "inspect", name, "--root", tmp_path) == 2
    assert call("datasets", "import", "joint-actions", name, "--id", "lab/x-v0", "--root", tmp_path) == 2
    assert call("datasets", "import", "minari", name, "--id", "lab/x-v0", "--root", tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 3
