"""Logs of one's own: what is written cell by cell comes back, in every layout; the rest is an error at its line."""

# ruff: noqa: E501  (one row per line)

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_samples import assert_same
from log_samples import NAMES, SIZES, long_rows, sample_log, shuffled, wide_rows, write

from alberdice.cli.deep import main
from alberdice.datasets import open_dataset, read_log, understand_log
from alberdice.errors import InvalidDataError, ResourceError

Rows = list[dict[str, Any]]
LAYOUTS = {"wide": wide_rows, "long": long_rows}


@pytest.mark.parametrize("known", [True, False], ids=["final frames", "no final frames"])
@pytest.mark.parametrize("masks", [True, False], ids=["masks", "no masks"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_written_comes_back(layout: str, masks: bool, known: bool, tmp_path: Path) -> None:
    data = sample_log(masks, known)
    rows = LAYOUTS[layout](data, masks)
    read = read_log(write(tmp_path / "log.csv", rows), n_actions=None if masks else SIZES)
    assert_same(read, data, masks=masks)
    assert read.header == data.header
    assert_same(read_log(write(tmp_path / "log.csv", shuffled(rows)), n_actions=None if masks else SIZES), data, masks=masks)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parquet_is_the_same(layout: str, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    data = sample_log()
    kinds = {"time": int, "action": int, "state": float, "observation": float, "mask": int, "reward": float, "terminated": int}
    columns: dict[str, list[Any]] = {}
    for name in (rows := LAYOUTS[layout](data))[0]:
        kind = kinds.get(name.split("_")[0], str)
        read = (lambda text: text == "True") if name == "truncated" else kind
        columns[name] = [None if row[name] == "" else read(row[name]) for row in rows]
    path = tmp_path / "log.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    assert_same(read_log(path), data)
    with pytest.raises(SystemExit) as stop:
        main(["datasets", "import", "parquet", str(path), "--dry-run"])
    assert not stop.value.code
    columns["reward"][0] = None
    parquet.write_table(pyarrow.table(columns), path)
    with pytest.raises(InvalidDataError, match=r"row 0, column 'reward': got nothing"):
        read_log(path)


def test_parquet_as_pandas_writes_it(tmp_path: Path) -> None:
    """Whole numbers beside gaps are floats there, and words are of a category."""
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    data = sample_log()
    frame = pandas.read_csv(write(tmp_path / "log.csv", wide_rows(data)))
    frame["episode"] = frame["episode"].astype("category")
    assert frame["action_north"].dtype == np.float64
    frame.to_parquet(tmp_path / "log.parquet")
    frame.to_csv(tmp_path / "again.csv", index=False)
    assert_same(read_log(tmp_path / "log.parquet"), data)
    assert_same(read_log(tmp_path / "again.csv"), data)


TOML = """
episode = "game"
time = "turn"
state = ["s*"]
terminated = "over"
truncated = "cut"
ignore = ["remark"]
[agents.south]
action = "b"
observation = ["b_x"]
reward = "b_pay"
actions = ["left", "right", "up"]
[agents.north]
action = "a"
observation = ["a_room", "a_x"]
reward = "a_pay"
actions = 2
"""


def own_rows() -> Rows:
    names = ["game", "turn", "s1", "s2", "a", "b", "a_room", "a_x", "b_x", "a_pay", "b_pay", "over", "cut", "remark"]
    table = """7 1 0.5 1 0 left hall 1 2 1 3 0 0 hello
               7 2 0.25 1 1 up dock 1 2 0 1 1 0 a,b
               9 1 0.1 0 1 right hall 0 2 2 2 0 1 -"""
    return [dict(zip(names, line.split(), strict=True)) for line in table.splitlines()]


def test_a_dictionary_of_names(tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text('ids = ["a_room"]\n' + TOML)
    path = write(tmp_path / "log.csv", own_rows())
    data = read_log(path, columns=tmp_path / "columns.toml", team_reward="mean")
    assert data.header.agents == ("south", "north")
    assert (data.header.team_reward, data.n_actions) == ("mean", (3, 2))
    assert data.header.action_names == (("left", "right", "up"), ("0", "1"))
    np.testing.assert_array_equal(data.actions, [[0, 0], [2, 1], [1, 1]])
    np.testing.assert_array_equal(data.rewards, [2, 0.5, 2])
    np.testing.assert_array_equal(data.states, [[0.5, 1], [0.25, 1], [0.1, 0]])  # 0.1: not in single precision
    # dock, hall as indicators, then x; south has one feature, with zeros after it
    np.testing.assert_array_equal(data.observations[:, 1], [[0, 1, 1], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(data.observations[:, 0], [[2, 0, 0]] * 3)
    assert data.terminated.tolist() == [False, True, False]
    assert data.truncated.tolist() == [False, False, True]
    said = " ".join(data.notes)
    for words in (
        "left out, as told: remark",
        "0 left, 1 right, 2 up",
        "indicator for each of: dock, hall",
        "mean of the agents",
    ):
        assert words in said
    numbers = read_log(path, columns={**_toml(TOML), "ids": ["a_room"], "ids_as": "numbers"}, team_reward="sum")
    np.testing.assert_array_equal(numbers.observations[:, 1], [[1, 1], [0, 1], [1, 0]])
    np.testing.assert_array_equal(numbers.rewards, [4, 1, 4])


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)


def test_long_with_words_and_an_order_of_agents(tmp_path: Path) -> None:
    rows = [
        {"episode": 1, "time": t, "agent": who, "state": t, "action": act, "reward": 1, "terminated": int(t == 1)}
        for t, acts in enumerate(({"a": "go", "b": "stay"}, {"a": "stay", "b": "jump"}))
        for who, act in acts.items()
    ]
    data = read_log(write(tmp_path / "log.csv", rows))
    assert data.n_actions == (2, 2)
    assert data.header.action_names == (("go", "stay"), ("jump", "stay"))
    np.testing.assert_array_equal(data.actions, [[0, 1], [1, 0]])  # go, stay; jump, stay
    np.testing.assert_array_equal(data.observations[:, 1], data.states)
    told = {"agents": {"b": {"actions": ["stay", "jump", "fly"]}, "a": {"actions": ["stay", "go"]}}}
    data = read_log(tmp_path / "log.csv", columns=told)
    assert (data.header.agents, data.n_actions) == (("b", "a"), (3, 2))
    assert data.header.action_names == (("stay", "jump", "fly"), ("stay", "go"))
    np.testing.assert_array_equal(data.actions, [[0, 1], [1, 0]])


def test_ends_by_one_column_or_by_a_limit(tmp_path: Path) -> None:
    def ends(*names: str, **options: Any) -> tuple[list[bool], list[bool], str]:
        rows = [{k: v for k, v in row.items() if k in names or k not in ("terminated", "truncated")} for row in wide_rows(data)]
        read = read_log(write(tmp_path / "log.csv", rows), **options)
        last = np.cumsum(read.lengths) - 1
        return read.terminated[last].tolist(), read.truncated[last].tolist(), " ".join(read.notes)

    data = sample_log()
    own = [True, False, True, False, True]
    other = [not end for end in own]
    assert ends("terminated")[:2] == (own, other)
    assert ends("truncated")[:2] == (own, other)
    assert "2 episodes are not marked terminated" in ends("terminated")[2]
    limited = ends(episode_limit=6)
    assert limited[:2] == ([True, True, False, True, True], [False, False, True, False, False])
    assert "1 episodes of exactly 6 steps are truncated" in limited[2]
    with pytest.raises(InvalidDataError, match="nothing that says how episodes end"):
        ends()
    with pytest.raises(InvalidDataError, match=r"line \d+: got an episode of 6 steps, expected at most the limit, 5"):
        ends("terminated", episode_limit=5)


def test_many_episodes_of_many_lengths(tmp_path: Path) -> None:
    """Returns and lengths by a plain loop over the rows."""
    rng = np.random.default_rng(0)
    rows, lengths, returns = [], rng.integers(1, 60, 200), []
    for e, length in enumerate(lengths):
        pay = rng.integers(-3, 4, length)
        returns.append(pay.sum())
        rows += [
            {"episode": e, "state": s, "action_a": a, "action_b": b, "reward": r, "terminated": int(t == length - 1)}
            for t, (s, a, b, r) in enumerate(zip(*rng.integers(0, [[9], [2], [3]], (3, length)), pay, strict=True))
        ]
    data = read_log(write(tmp_path / "log.csv", rows))
    np.testing.assert_array_equal(data.lengths, lengths)
    np.testing.assert_array_equal(data.returns, returns)
    assert data.n_actions == (2, 3)


# ---- what does not fit ---------------------------------------------------------------------------------------------------

Spoil = Callable[[Rows], None]


def put(row: int, column: str, value: Any) -> Spoil:
    return lambda rows: rows[row].__setitem__(column, value)


def without(*columns: str) -> Spoil:
    return lambda rows: [row.pop(column) for row in rows for column in columns] and None


def added(column: str, value: Any = 1) -> Spoil:
    return lambda rows: [row.__setitem__(column, value) for row in rows] and None


def drop(row: int) -> Spoil:
    return lambda rows: rows.pop(row) and None


def again(row: int) -> Spoil:
    return lambda rows: rows.append(dict(rows[row]))


WIDE: dict[str, tuple[Spoil, str]] = {
    "a word among numbers": (put(3, "state_1", "warm"), r"line 5, column 'state_1': got 'warm', expected a finite number; .*ids"),
    "not a number": (put(3, "state_1", "nan"), r"line 5, column 'state_1': got 'nan'"),
    "infinity": (put(1, "observation_north_0", "inf"), r"line 3, column 'observation_north_0': got 'inf'"),
    "an empty feature": (put(2, "observation_south_1", ""), r"line 4, column 'observation_south_1': got nothing"),
    "a long identifier as a number": (put(0, "state_0", "9007199254740993"), r"line 2, column 'state_0': got 9007199254740993.*ids"),
    "an action too large": (put(0, "action_south", 3), r"line 2, column 'action_south': got '3', expected one of 0, 1, 2"),
    "a fraction of an action": (put(0, "action_south", 0.5), r"line 2, column 'action_south': got '0.5'"),
    "a negative action": (put(0, "action_south", -1), r"line 2, column 'action_south': got '-1'"),
    "an action within an episode is missing": (put(1, "action_north", ""), r"line 3, column 'action_north': got nothing, expected an action"),
    "a mask of another value": (put(1, "mask_north_0", 2), r"line 3, column 'mask_north_0': got '2', expected 0 or 1"),
    "an empty mask": (put(1, "mask_north_0", ""), r"line 3, column 'mask_north_0': got nothing"),
    "a reward is missing": (put(1, "reward", ""), r"line 3, column 'reward': got nothing"),
    "a reward in a final frame": (put(4, "reward", 1), r"line 6, column 'reward': got a reward in a final frame"),
    "an end within an episode": (put(1, "terminated", 1), r"line 3, column 'terminated': got 1, expected 0 before"),
    "an end in the final frame": (put(4, "terminated", 1), r"line 6, column 'terminated': got 1 in a final frame.*the step before"),
    "no end": (put(3, "terminated", 0), r"line 5, column 'truncated': got 0, and the episode's last step is not terminated"),
    "an end that is a word": (put(3, "terminated", "yes"), r"line 5, column 'terminated': got 'yes', expected 0 or 1"),
    "no mark at a step": (put(1, "terminated", ""), r"line 3, column 'terminated': got nothing"),
    "a step is missing": (drop(1), r"line 3, column 'time': got 2, expected 1: steps without a gap"),
    "a beginning is missing": (drop(0), r"column 'time': got 1, expected 0"),
    "a step twice": (again(2), r"line \d+: got episode game 0, time 2 again, which is at line 4 already"),
    "a clock": (put(2, "time", "12.5"), r"line 4, column 'time': got '12.5'.*clocks"),
    "no time at a step": (put(2, "time", ""), r"line 4, column 'time': got"),
    "no episode at a step": (put(2, "episode", ""), r"line 4, column 'episode': got nothing"),
    "no column of episodes": (without("episode"), r"header: got no column 'episode'"),
    "no column of an action": (without("action_north"), r"header: got no role for 'observation_north_0'"),
    "no rewards": (without("reward"), r"header: got reward '', and rewards of no agent"),
    "two kinds of rewards": (added("reward_north"), r"header: got reward 'reward', and rewards of north"),
    "a column that nothing is known of": (added("colour"), r"header: got no role for 'colour'.*--columns.*ignore"),
    "an index of pandas": (added("Unnamed: 0"), r"header: got no role for 'Unnamed: 0'.*index=False"),
    "a column done": (added("done"), r"header: got no role for 'done'.*terminated.*truncated"),
    "a mask that forbids the action": (lambda rows: forbid(rows[0]), r"line 2, column 'action_south': got action (\d), which column 'mask_south_\1' forbids"),
    "nothing is available": (lambda rows: [put(0, f"mask_south_{k}", 0)(rows) for k in range(3)] and None, r"line 2, column 'mask_south_0': got no available"),
}  # fmt: skip


def forbid(row: dict[str, Any]) -> None:
    chosen = row["action_south"]
    row |= {f"mask_south_{k}": int(k != chosen) for k in range(3)}


LONG: dict[str, tuple[Spoil, str]] = {
    "an agent is missing": (drop(4), r"line 5: got no row of south at episode game 0, time 1"),
    "an agent twice": (again(4), r"got episode game 0, time 1, agent south again, which is at line 6 already"),
    "an agent of another name": (put(4, "agent", "west"), r"got no row of"),
    "states that differ": (put(4, "state_0", "7.5"), r"line 6, column 'state_0': got '7.5', expected '.*', as in line 5"),
    "ends that differ": (put(10, "terminated", 0), r"line 12, column 'terminated': got '0', expected '1', as in line 11"),
    "rewards that differ": (put(4, "reward", "9"), r"line 6, column 'reward': got 9, expected .*--team-reward"),
    "a mask beyond the actions": (put(0, "mask_3", 1), r"line 2, column 'mask_2': got nothing, expected 0 or 1"),
    "no column of agents": (without("agent"), r"header: got no"),
    "no column of times": (without("time"), r"header: got no column 'time'"),
    "no column of actions": (without("action"), r"header: got no column 'action'"),
}
CASES = [("wide", case) for case in WIDE] + [("long", case) for case in LONG]


@pytest.mark.parametrize(("layout", "case"), CASES, ids=[f"{layout}: {case}" for layout, case in CASES])
def test_what_does_not_fit_is_an_error_at_its_place(layout: str, case: str, tmp_path: Path) -> None:
    spoil, match = {"wide": WIDE, "long": LONG}[layout][case]
    rows = LAYOUTS[layout](sample_log())
    spoil(rows)
    path = write(tmp_path / "log.csv", rows)
    with pytest.raises(InvalidDataError, match=match) as caught:
        read_log(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("case", ["a word among numbers", "no end"])
def test_the_command_says_it_in_one_line_and_stores_nothing(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, match = WIDE[case]
    rows = wide_rows(sample_log())
    spoil(rows)
    path = write(tmp_path / "log.csv", rows)
    with pytest.raises(SystemExit) as stop:
        main(["datasets", "import", "csv", str(path), "--id", "lab/x-v0", "--root", str(tmp_path / "store")])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert re.search(match, said.err)
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not (tmp_path / "store").exists()


TEXTS = {
    "a column twice": ("episode,state,state,action_a,reward\n1,1,1,0,0\n", "the column 'state' twice"),
    "rows of other lengths": ("episode,state,action_a,reward\n1,1,0\n", "line 2: got 3 cells, expected 4"),
    "semicolons": ("episode;state;action_a\n1;2;3\n", "separated by commas"),
    "no row": ("episode,state,action_a,reward\n", "rows: got none"),
    "nothing": ("", "rows: got none"),
    "no features": ("episode,action_a,reward,terminated\n1,0,1,1\n", "neither states nor observations"),
    "an episode that returns": (
        "episode,state,action_a,reward,terminated\n1,1,0,1,0\n2,1,0,1,1\n1,1,0,1,1\n",
        "line 4, column 'episode': got an episode that had ended before",
    ),
    "no step": ("episode,state,action_a,reward,terminated\n1,1,,,\n", "line 2: got an episode without an action"),
    "words and numbers as actions": (
        "episode,state,action_a,reward,terminated\n1,1,0,1,0\n1,1,go,1,1\n",
        "line 3, column 'action_a': got 'go', expected a whole number",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_that_are_no_log(case: str, tmp_path: Path) -> None:
    text, match = TEXTS[case]
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InvalidDataError, match=re.escape(match)):
        read_log(tmp_path / "log.csv")


DICTIONARIES = {
    "a name that means nothing": ({"rewards": "r"}, "rewards: got a name that means nothing here, .*nearest match: reward"),
    "another kind": ({"state": "x"}, "state: got 'x', expected a list of names"),
    "a column that is not there": ({"reward": "pay"}, "header: reward: got no column 'pay'"),
    "two roles": ({"state": ["time"], "time": "time"}, "header: state: got 'time', which is time already"),
    "a pattern without a column": ({"state": ["z*"]}, r"header: state: got no column z\*"),
    "an identifier that is no feature": ({"ids": ["time"]}, "ids: time: got no feature"),
    "another layout": ({"layout": "tall"}, "layout: got 'tall', expected wide or long"),
    "an agent's own column": ({"agents": {"north": {"colour": "x"}}}, "agents.north.colour: got a name that means nothing"),
    "shared columns in the wide layout": ({"observation": ["x"]}, r"dictionary: observation: got .*\[agents.NAME\]"),
}


@pytest.mark.parametrize("case", DICTIONARIES)
def test_dictionaries_that_do_not_fit(case: str, tmp_path: Path) -> None:
    given, match = DICTIONARIES[case]
    path = write(tmp_path / "log.csv", wide_rows(sample_log()))
    with pytest.raises(InvalidDataError, match=match):
        read_log(path, columns=given)


SIMPLE = "episode,time,state,action_a,action_b,reward,terminated\n0,0,0.5,1,2,1.5,0\n0,1,0.25,2,1,0,1\n"
ODD = {
    "semicolons and decimal commas": (SIMPLE.replace(",", ";").replace(".", ","), "columns separated by commas; write it with"),
    "a spreadsheet": ("PK\x03\x04" + SIMPLE, "got an archive, such as a spreadsheet, .*; save the sheet as CSV"),
    "JSON": ('[{"episode": 0}]', "got JSON, as it seems: .*; write it as CSV, a row per step"),
    "Parquet": ("PAR1" + SIMPLE, "got a Parquet file, .*; import it as parquet"),
    "no names": (SIMPLE.partition("\n")[2], "got the column '0' twice, .*; the first line must name the columns"),
    "capitals": (SIMPLE.upper(), r'e\.g\. episode = "EPISODE", time = "TIME", reward = "REWARD", terminated = "TERMINATED"\)'),
    "words of one's own": (
        SIMPLE.replace("episode,time", "Episode ID,t_step"),
        r'e\.g\. episode = "Episode ID", time = "t_step"\)',
    ),
    "a clock": (SIMPLE.replace("0,0,0.5", "0,12:30,0.5"), "clocks are no times of steps"),
    "no number": (SIMPLE.replace("1.5", "high"), "got 'high', expected a finite number; mend the cell"),
    "a dead agent": (SIMPLE.replace("1,2,1.5", "1,-1,1.5"), "got '-1', .*; for an agent that has died"),
    "a short line": (SIMPLE + "1,0\n", "got 2 cells, .*; fill up the line"),
    "a step twice": (SIMPLE + "0,1,0.25,2,1,0,1\n", "time 1 again, .*; leave one of them out"),
    "a mark that is none": (SIMPLE.replace("0,1\n", "0,yes\n"), "got 'yes', .*; mend the cell"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_newcomers_bring_is_told_what_to_do(case: str, tmp_path: Path) -> None:
    text, words = ODD[case]
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InvalidDataError, match=words) as found:
        read_log(tmp_path / "log.csv")
    assert "\n" not in str(found.value)


def test_other_encodings_are_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(SIMPLE.encode("utf-16"))
    with pytest.raises(InvalidDataError, match=r"not UTF-8.*; save it as UTF-8"):
        read_log(tmp_path / "log.csv")


def test_actions_that_count_from_1(tmp_path: Path) -> None:
    """Are kept as they are, with a note that says how to name them; named, they are two."""
    (tmp_path / "log.csv").write_text(SIMPLE)
    assert read_log(tmp_path / "log.csv").n_actions == (3, 3)
    notes = " ".join(read_log(tmp_path / "log.csv").notes)
    assert 'a never takes action 0; if the log counts them from 1, a dictionary says so: actions = ["1", "2"]' in notes
    named = read_log(tmp_path / "log.csv", columns={"agents": {name: {"actions": ["1", "2"]} for name in "ab"}})
    assert named.n_actions == (2, 2)
    assert named.actions.tolist() == [[0, 1], [1, 0]]
    assert "action 0" not in " ".join(named.notes)


def test_a_log_beyond_the_memory_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "log.csv", wide_rows(sample_log()))
    monkeypatch.setattr("alberdice.datasets.formats.log_cells.memory_limit", lambda: 1000)
    with pytest.raises(ResourceError, match="at most the memory"):
        read_log(path)


def test_the_command_stores_or_says_what_it_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, root = write(tmp_path / "log.csv", wide_rows(sample_log())), tmp_path / "store"
    for code, *arguments in ((0, "--dry-run"), (2,), (0, "--id", "lab/x-v0", "--environment", "my:make")):
        with pytest.raises(SystemExit) as stop:
            main(["datasets", "import", "csv", str(path), "--root", str(root), *map(str, arguments)])
        assert stop.value.code == code
        said = capsys.readouterr()
        if arguments == ["--dry-run"]:
            assert not root.exists()
            for words in (
                "action of south_east",
                "availability of action 3 of south_east",
                "state feature 1",
                "5 (3 terminated",
                "2, 3, 4",
            ):
                assert words in said.out
            assert "Nothing was stored" in said.err
    stored = open_dataset("lab/x-v0", root=root)
    assert_same(stored, sample_log())
    assert stored.header.agents == NAMES
    assert set(understand_log(path).roles) == set(wide_rows(sample_log())[0])
