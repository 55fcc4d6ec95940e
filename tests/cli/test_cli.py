"""The command ``alberdice``: results, formats, exit codes, and one-line complaints about bad requests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alberdice.cli import main
from alberdice.reference import half_up, paper_tables


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def solve(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code, out, err = run(capsys, "solve", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_table6_equals_the_paper_in_all_96_cells(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "table6", "--json")
    table, paper = json.loads(out), paper_tables()["table6"]
    assert code == 0
    assert list(table) == ["BC", "ICQ", "OMAR", "MADTKD", "OptiDICE", "AlberDICE"]
    cells = 0
    for name, row in table.items():
        assert list(row) == list("abcd")
        for data, cell in row.items():
            assert cell["rounded"] == paper[name][data], (name, data)
            assert [[half_up(x) for x in line] for line in cell["exact"]] == cell["rounded"]
            assert np.sum(cell["exact"]) == pytest.approx(1, abs=1e-12)
            cells += 4
    assert cells == 96
    assert "tie" in table["ICQ"]["b"]["note"]


def test_table6_text_counts_the_equal_cells_and_names_the_tie_break(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alberdice.console.LINE_EVERY", float("inf"))  # no progress on slow machines
    code, out, err = run(capsys, "table6", "--plot", str(tmp_path / "table.png"))
    assert code == 0
    assert err == ""
    check_picture(tmp_path / "table.png")
    assert "96 of 96 cells equal the paper's at two decimals." in out
    assert "ICQ on (b) rests on a tie-break" in out
    assert "*" not in out.replace("marked with *", "")


def test_half_up_rounds_halves_up_and_ignores_rounding_errors() -> None:
    assert [half_up(x) for x in (0.125, 0.135, 0.105 - 1e-15, 0.1049, 1.0)] == [0.13, 0.14, 0.11, 0.1, 1.0]


def check_picture(path: Path) -> None:
    with Image.open(path) as image:
        assert min(image.size) > 200
        assert np.asarray(image.convert("L")).std() > 10


def test_pictures_are_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, arguments in {
        "matrix.png": ("solve", "penalty-xor", "--data", "c"),
        "tables.png": ("solve", "xor-3"),
    }.items():
        assert run(capsys, *arguments, "--plot", str(tmp_path / name))[0] == 0
        check_picture(tmp_path / name)


def test_bridge_pictures_cover_all_six_algorithms(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is announced and written; drawn by the tutorial's command, in tests/test_docs.py, and here by nothing."""
    monkeypatch.setattr("alberdice.plotting.save", lambda figure, path: path.touch())
    monkeypatch.setattr("alberdice.plotting.solutions.draw_policy", lambda *a, **k: None)
    options = ("--data", "optimal", "--alpha", "0.001", "--starts", "1")
    assert run(capsys, "solve", "bridge", *options, "--plot", str(tmp_path / "b.svg"))[0] == 0
    names = {p.stem for p in tmp_path.iterdir()}
    algorithms = ("bc", "icq", "omar", "madtkd", "optidice", "alberdice")
    assert names == {"b"} | {f"b-{a}-agent-{k}" for a in algorithms for k in (1, 2)}


def test_bridge_is_solved_to_the_optimum(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "bridge", "--data", "mix", "--alpha", "0.001")
    assert report["return"] >= -1.2356
    assert report["certificate"]["epsilon"] <= 1e-8
    move, chance = next(iter(report["first_moves"].items()))
    assert move in ("(Left, Left)", "(Right, Right)")
    assert chance > 0.99


def test_a_saddle_is_left_unless_told_and_reported_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    left = solve(capsys, "xor", "--data", "uniform", "--alpha", "0.1")
    assert max(left["first_moves"]["AB"], left["first_moves"]["BA"]) > 0.99
    assert left["saddles"][0]["escaped"] is True
    kept = solve(capsys, "xor", "--data", "uniform", "--alpha", "0.1", "--no-escape", "--starts", "1")
    assert kept["second_order"]["curvature"] == pytest.approx(0.4)
    assert kept["second_order"]["is_saddle"] is True
    assert kept["second_order"]["gain"] > 0.1
    assert kept["saddles"][0]["escaped"] is False
    _, out, _ = run(capsys, "solve", "xor", "--data", "uniform", "--alpha", "0.1", "--no-escape", "--starts", "1")
    assert "SADDLE" in out


def test_symmetric_data_end_on_one_optimum(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "xor", "--data", "symmetric", "--alpha", "0.1")
    assert max(report["first_moves"]["AB"], report["first_moves"]["BA"]) > 0.99
    assert report["saddles"][0]["curvature"] > 0
    assert report["out_of_data_probability"] < 1e-9


def test_annealing_runs_one_round_per_alpha(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "penalty-xor", "--data", "b", "--anneal", "5", "0.001", "--rounds", "20")
    assert report["rounds"] == 20
    assert len(report["trace"]["objective"]) == 40
    assert report["trace"]["alpha"][0] == 5
    assert report["first_moves"]["BA"] > 0.99


def test_several_starts_find_both_optima_and_take_the_better(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "penalty-xor", "--data", "b", "--alpha", "0.1", "--starts", "12", "--seed", "3")
    assert [next(iter(e["first_moves"])) for e in report["equilibria"]] == ["BA", "AB"]
    assert sum(e["reached"] for e in report["equilibria"]) == 12
    assert report["equilibria"][0]["objective"] > report["equilibria"][1]["objective"]
    assert report == solve(capsys, "penalty-xor", "--data", "b", "--alpha", "0.1", "--starts", "12", "--seed", "3")


def test_order_decides_on_data_c(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("penalty-xor", "--data", "c", "--anneal", "5", "0.001")
    assert solve(capsys, *options)["first_moves"]["AB"] > 0.99
    assert solve(capsys, *options, "--order", "2", "1")["first_moves"]["BA"] > 0.99


def test_cvxpy_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("penalty-xor", "--data", "d", "--alpha", "0.5")
    slow = solve(capsys, *options, "--method", "cvxpy", "--tolerance", "1e-6")
    assert slow["objective"] == pytest.approx(solve(capsys, *options)["objective"], abs=1e-5)


def test_logged_data_are_solved_and_judged_in_the_true_game(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "--dataset", "matrix-b", "--alpha", "0.01")
    assert max(report["first_moves"].get("AB", 0), report["first_moves"].get("BA", 0)) > 0.99
    assert report["true_return"] == pytest.approx(1, abs=0.01)
    assert any("never occur" in note for note in report["notes"])


def test_logged_bridge_comes_close_to_the_optimum(capsys: pytest.CaptureFixture[str]) -> None:
    report = solve(capsys, "--dataset", "bridge-mix", "--alpha", "0.01")
    assert report["true_return"] >= -1.25


GAME = {"payoff": [[1, 0, 0], [0, 2, 0]]}
MODEL = {
    "transition": np.full((2, 2, 3, 2), 0.5).tolist(),
    "reward": np.arange(12.0).reshape(2, 2, 3).tolist(),
    "initial": [1, 0],
    "discount": 0.9,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_games_and_data_from_files(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "game.json").write_text(json.dumps(GAME))
    (folder / "game.csv").write_text("1,0,0\n0,2,0\n")
    (folder / "model.json").write_text(json.dumps(MODEL))
    np.savez(folder / "model.npz", **{k: np.asarray(v) for k, v in MODEL.items()})
    (folder / "counts.json").write_text(json.dumps({"AA": 5, "B B": 7}))
    (folder / "counts.csv").write_text("joint_action,count\nAA,5\nBB,7\n")
    (folder / "agents.csv").write_text("agent_1,agent_2\n" + "A,A\n" * 5 + "1,1\n" * 7)
    (folder / "states.csv").write_text("state,agent_1,agent_2,count\n0,0,0,3\nstate 1,1,2,4\n")
    np.savez(folder / "counts.npz", counts=np.ones((2, 2, 3)))
    answers = [
        solve(capsys, game, "--data", data, "--alpha", "0.2")["policies"]
        for game in ("game.json", "game.csv")
        for data in ("counts.json", "counts.csv", "agents.csv")
    ]
    assert all(a == answers[0] for a in answers)
    assert solve(capsys, "model.json")["policies"] == solve(capsys, "model.npz", "--data", "counts.npz")["policies"]
    assert solve(capsys, "model.json", "--data", "states.csv", "--alpha", "1")["states"] == 2


FILES = {
    "ragged.json": '{"payoff": [[1, 2], [3]]}',
    "nan.json": '{"payoff": [[1, NaN], [3, 4]]}',
    "text.json": '{"payoff": [["x", 2], [3, 4]]}',
    "broken.json": '{"payoff": [[1, 2]',
    "list.json": "[1, 2]",
    "empty.json": "{}",
    "twice.json": '{"AB": 1, "AB": 2}',
    "fields.json": '{"transition": [], "reward": []}',
    "discount.json": json.dumps({**MODEL, "discount": 1.5}),
    "discounts.json": json.dumps({**MODEL, "discount": [0.5, 0.5]}),
    "transition.json": json.dumps({**MODEL, "transition": np.full((2, 2, 3, 2), 0.4).tolist()}),
    "ragged.csv": "1,2\n3\n",
    "word.csv": "1,2\n3,x\n",
    "void.csv": "",
    "game.txt": "1 2",
    "unknown.json": '{"AC": 3}',
    "long.json": '{"ABA": 3}',
    "negative.json": '{"AB": -3}',
    "infinite.json": '{"AB": Infinity}',
    "textual.json": '{"AB": "many"}',
    "zero.json": '{"AB": 0}',
    "shape.json": '{"counts": [[1, 2, 3]]}',
    "minus.json": '{"counts": [[[1, -2], [3, 4]]]}',
    "header.csv": "a,b\nA,B\n",
    "row.csv": "joint_action,count\nAB\n",
    "extra.csv": "joint_action,count\nAB,1,2\n",
    "action.csv": "joint_action,count\nAB,1\nAZ,1\n",
    "agent.csv": "agent_1,agent_2\nA,Q\n",
    "count.csv": "joint_action,count\nAB,x\n",
    "minus.csv": "joint_action,count\nAB,-1\n",
    "none.csv": "joint_action,count\n",
    "state.csv": "state,agent_1,agent_2\n7,A,B\n",
}

#: arguments -> what the complaint must say
BAD_REQUESTS: list[tuple[str, str]] = [
    ("", "Missing subcommand"),
    ("tabel6", "tabel6"),
    ("table6 --jsn", "--jsn.*nearest match: --json"),
    ("table6 --plot x.txt", r"--plot: got x.txt, expected a file name ending in .png, .pdf or .svg"),
    ("table6 --plot nowhere/x.png", "--plot: got nowhere.x.png, expected an existing folder; create nowhere"),
    ("solve", "GAME: got nothing, expected a game, or --dataset"),
    ("solve xor --data three --dataset matrix-a", "--data and --dataset: got both"),
    ("solve --dataset matrix-z", "dataset 'matrix-z': got nothing of that name"),
    ("solve xor-3 --dataset matrix-a", r"GAME: got xor-3 with actions \(2, 2, 2\), expected actions \(2, 2\)"),
    ("solve --dataset matrix-a --discount 1", "--discount: got 1"),
    ("solve xor --discount nan", "--discount: got nan, expected nothing without --dataset"),
    ("solve xor --floor-mass 0.5", "--floor-mass: got 0.5, expected nothing without --dataset"),
    ("solve xor --unseen-reward -1", "--unseen-reward: got -1.0, expected nothing without --dataset"),
    ("solve xorr", "GAME: got 'xorr', expected one of xor, .*nearest match: xor"),
    ("solve xor-1", "n_agents: got 1, expected a whole number from 2 to 12"),
    ("solve xor --data trhee", "--data: got 'trhee', expected one of .*nearest match: three"),
    ("solve xor --alpha -1", "--alpha: got -1"),
    ("solve xor --alpha nan", "--alpha: got nan, expected a number in"),
    ("solve xor --alpha inf", "--alpha: got inf"),
    ("solve xor --alpha much", "much"),
    ("solve xor --alpha 1 --anneal 5 1", "--alpha and --anneal: got both, expected one of them"),
    ("solve xor --anneal 1 5", "--anneal: got 1 5, expected HI LO with HI >= LO > 0"),
    ("solve xor --anneal 5 0", "--anneal: got 0"),
    ("solve xor --rounds 0", "--rounds: got 0, expected a whole number >= 1"),
    ("solve xor --floor -1e-3", "--floor: got -0.001"),
    ("solve xor --floor 2", "--floor: got 2"),
    ("solve xor --order 1 1", r"--order: got \(1, 1\), expected every agent from 1 to 2 once"),
    ("solve xor --order 1", "--order"),
    ("solve xor --starts 0", "--starts: got 0, expected a whole number >= 1"),
    ("solve xor --starts 3 --order 2 1", "--order: got together with --starts"),
    ("solve xor --seed -1", "--seed: got -1, expected a whole number >= 0"),
    ("solve xor --tolerance -1", "tolerance: got -1"),
    ("solve xor --method newton", "newton"),
    ("solve penalty-xor --data b --floor 0", "best response of agent 1 at state 0: got objective -infinity.*floor the data"),
    ("solve ragged.json", "ragged.json: payoff: got a ragged nest"),
    ("solve nan.json", r"nan.json: payoff\[0, 1\]: got nan, expected a finite number"),
    ("solve text.json", "text.json: payoff: got dtype"),
    ("solve broken.json", "broken.json: line 1, column"),
    ("solve list.json", "list.json: got a list, expected a JSON object"),
    ("solve empty.json", "empty.json: got fields \\[\\], expected 'payoff', or"),
    ("solve fields.json", "fields.json: got fields .*expected 'payoff', or"),
    ("solve discount.json", r"discount: got 1.5, expected a number in \(0, 1\)"),
    ("solve discounts.json", "discounts.json: discount: got shape"),
    ("solve transition.json", r"transition\[s=0, a=\(0, 0\)\]: got a sum of 0.8, expected 1 within 1e-09"),
    ("solve ragged.csv", "ragged.csv: line 2: got 1 cells, expected 2, as in the first line"),
    ("solve word.csv", "word.csv: line 2, column 2: got 'x', expected a number"),
    ("solve void.csv", "void.csv: got an empty file"),
    ("solve game.txt", "game.txt: got a .txt file, expected a .json, .csv or .npz file"),
    ("solve objects.npz", "objects.npz: payoff: got .*pickle"),
    ("solve notzip.npz", "notzip.npz: got"),
    ("solve xor --data twice.json", "twice.json: AB: got the field twice, expected once"),
    ("solve xor --data unknown.json", "unknown.json: joint action 'AC', agent 2: got 'C', expected one of A, B"),
    ("solve xor --data long.json", "long.json: joint action 'ABA': got 3 actions, expected 2, one per agent"),
    ("solve xor --data negative.json", r"counts\['AB'\]: got -3, expected a finite number >= 0"),
    ("solve xor --data infinite.json", r"counts\['AB'\]: got inf"),
    ("solve xor --data textual.json", r"counts\['AB'\]: got 'many'"),
    ("solve xor --data zero.json", "zero.json: counts: got no data"),
    ("solve xor --data shape.json", r"shape.json: counts: got shape \(1, 3\), expected shape \(1, 2, 2\)"),
    ("solve xor --data minus.json", r"counts\[s=0, a=\(0, 1\)\]: got -2"),
    ("solve xor --data header.csv", "header.csv: header: got a,b, expected joint_action"),
    ("solve xor --data row.csv", "row.csv: line 2: got 1 cells, expected 2"),
    ("solve xor --data extra.csv", "extra.csv: line 2: got 3 cells"),
    ("solve xor --data action.csv", "action.csv: line 3: joint action 'AZ', agent 2: got 'Z'"),
    ("solve xor --data agent.csv", "agent.csv: line 2: agent_2: got 'Q', expected one of A, B, or 0 to 1"),
    ("solve xor --data count.csv", "count.csv: line 2: count: got 'x'"),
    ("solve xor --data minus.csv", "minus.csv: line 2: count: got '-1'"),
    ("solve xor --data none.csv", "none.csv: got no data"),
    ("solve xor --data state.csv", "state.csv: line 2: state: got '7'"),
]


@pytest.mark.parametrize(("request_line", "complaint"), BAD_REQUESTS, ids=[line or "nothing" for line, _ in BAD_REQUESTS])
def test_bad_requests(capsys: pytest.CaptureFixture[str], folder: Path, request_line: str, complaint: str) -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    np.savez(folder / "objects.npz", payoff=np.array([[print, 1]], dtype=object))
    (folder / "notzip.npz").write_bytes(b"PK\x03\x04 nothing")
    code, out, err = run(capsys, *request_line.split())
    assert code == 2, err
    assert out == ""
    assert err.startswith("alberdice: ")
    assert err.count("\n") == 1, "one line"
    assert "got" in err
    assert "expected" in err
    assert re.search(complaint, err), err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "solve", "--help")
    assert code == 0
    assert "--anneal" in out


def test_a_solver_without_certificate_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(
        capsys, "solve", "bridge", "--method", "cvxpy", "--alpha", "0.0001", "--tolerance", "1e-9", "--rounds", "1"
    )
    assert code in (0, 1)
    assert code == 0 or "expected a gap of at most" in err


def test_thirty_agents_are_solved_from_observed_joint_actions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """3^30 joint actions; all agents must play the plan of the episodes that pay."""
    from alberdice.datasets import EpisodeArrays, from_episodes, write_dataset

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    rng = np.random.default_rng(0)
    plans = rng.integers(3, size=(4, 30))
    episodes = [
        EpisodeArrays(np.zeros((1, 1)), np.zeros((1, 30, 1)), plans[[k % 4]], np.array([float(k % 4)]), terminated=True)
        for k in range(40)
    ]
    write_dataset(from_episodes("thirty", (3,) * 30, episodes), "thirty-v0", root=tmp_path)
    report = solve(capsys, "--dataset", "thirty-v0", "--alpha", "0.0001")
    chosen = [int(np.argmax(table[0])) for table in report["policies"]]
    assert chosen == plans[3].tolist()
    assert report["below_data"] is False
    assert report["bound"]["gap"] < 1e-3
    assert report["out_of_data_probability"] < 1e-3


def test_below_the_data_is_said_loudly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From the data's marginals alone the run ends at .5 a step, the data earn .71; by default further starts find 1."""
    game, data = tmp_path / "game.json", tmp_path / "data.json"
    game.write_text(json.dumps({"payoff": [[1.0, -9.0, -9.0], [-9.0, 0.5, 0.5], [-9.0, 0.5, 0.5]]}))
    data.write_text(json.dumps({"counts": [[[60, 0, 0], [0, 20, 20], [0, 20, 20]]]}))
    _, once, _ = run(capsys, "solve", str(game), "--data", str(data), "--starts", "1")
    assert "THIS POLICY EARNS LESS THAN THE DATA DO" in once
    assert "no policy at all has an objective above 0.99152" in once
    _, default, _ = run(capsys, "solve", str(game), "--data", str(data))
    assert "EARNS LESS" not in default
    assert "AA 1.0000" in default
