"""``alberdice-deep compare``: the table, the picture, runs that are kept, and the optimum beside them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from run_samples import run

import alberdice as ad
from alberdice.deep.training.saved_run import evaluate_offline, evaluate_run
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.experiments.compare import _best_moves, compare, comparison_figure

OWN = "alberdice.deep.algorithms.alberdice:AlberDICE"
SMALL = {"pretrain_updates": 10, "updates": 8, "batch_size": 32, "hidden": (8,), "evaluate_episodes": 20, "pictures": False}


def quiet(label: str, total: int) -> nullcontext:
    return nullcontext(lambda *said: None)


@pytest.mark.slow
def test_every_algorithm_has_its_run_beside_the_optimum(tmp_path: Path) -> None:
    found = compare(("alberdice", OWN), "bridge-mix", tmp_path, quiet, **SMALL)
    assert {path.name for path in tmp_path.iterdir()} == {"alberdice", OWN.replace(":", "-")}
    assert found.optimum == pytest.approx(-1.2354525995574739, abs=1e-12)
    assert found.best_moves == ["(Right, Right)", "(Left, Left)"]
    for name, result in found.results.items():
        assert json.loads((tmp_path / name.replace(":", "-") / "result.json").read_text())["algorithm"] == name
        assert result["return_exact"] <= found.optimum
        joint = found.policies[name].joint()[int(found.game.mmdp.initial.argmax())]
        assert result["first_move_probability"] == pytest.approx(joint.max())
    figure = comparison_figure(found)
    assert figure is not None
    names = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert f"alberdice\n{found.results['alberdice']['return_mean']:.3f}" in names
    assert {"an optimum\n-1.235", "the data's\nmarginals"} <= set(names)


def test_finished_runs_are_kept(tmp_path: Path) -> None:
    first = compare(("alberdice",), "matrix-c", tmp_path, quiet, **SMALL).results["alberdice"]
    said: list[tuple[object, ...]] = []
    again = compare(("alberdice",), "matrix-c", tmp_path, lambda *a: nullcontext(lambda *what: said.append(what)), **SMALL)
    assert len(said) == 1  # how many updates fewer are to be made: none is
    again = again.results["alberdice"]
    assert again["return_mean"] == first["return_mean"]
    assert evaluate_run(tmp_path / "alberdice", episodes=10)["return_exact"] == pytest.approx(first["return_exact"])
    with pytest.raises(InvalidArgumentError, match="seed: got 1, expected 0, as the run began"):
        compare(("alberdice",), "matrix-c", tmp_path, quiet, **SMALL, seed=1)


@pytest.mark.parametrize(
    ("algorithms", "dataset", "message"),
    [
        ((), "matrix-c", r"algorithms: got \[\], expected one or more"),
        (("alberdice", "alberdice"), "matrix-c", "expected one or more different ones"),
        (("alberdise",), "matrix-c", "nearest match: alberdice"),
        (("alberdice",), "lab/warehouse-v0", "dataset 'lab/warehouse-v0': got nothing of that name"),
    ],
)
def test_wrong_requests(tmp_path: Path, algorithms: tuple[str, ...], dataset: str, message: str) -> None:
    with pytest.raises((InvalidArgumentError, InvalidDataError), match=message):
        compare(algorithms, dataset, tmp_path, quiet)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_data_without_a_game_are_compared_by_estimates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers are those of ``evaluate --offline``; kept runs give them again."""
    data = ad.datasets.make_builtin("matrix-c").with_header(environment="", environment_arguments={}, recipe="")
    path = ad.datasets.write_dataset(data, "lab/c-v0", root=tmp_path / "store")
    command = (
        "compare",
        "--dataset",
        path,
        "--algorithms",
        "bc",
        "alberdice",
        "--updates",
        20,
        "--out",
        tmp_path / "runs",
        "--pretrain-updates",
        20,
    )
    for _ in range(2):
        assert run(*command, "--plot", tmp_path / "x.png") == 0
        said = capsys.readouterr()
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if line.startswith("│")]
        assert "estimated from data alone" in said.out
        assert [row[0] for row in rows] == ["the data", "bc", "alberdice"]
        told = evaluate_offline(tmp_path / "runs" / "alberdice")
        assert rows[2][1:3] == [f"{told['return']:.4f}", f"{told['low']:.4f} to {told['high']:.4f}"]
        assert rows[0][1] == f"{told['data_return']:.4f}"
        assert "not drawn: policies of data without a game" in said.err


@pytest.mark.slow
def test_the_data_return_over_as_many_steps_as_the_policies(tmp_path: Path) -> None:
    """Bridge's data go on for 50 steps, play stops after 20: by a plain loop over the episodes."""
    found = compare(("bc",), "bridge-mix", tmp_path, quiet, **SMALL)
    data = ad.datasets.make_builtin("bridge-mix")
    returns = [float(sum(episode.rewards[:20])) for episode in data.episodes]
    own = sum(returns) / len(returns)
    assert own == pytest.approx(-4.37, abs=0.01)
    assert data.returns.mean() < -9
    result = found.results["bc"]
    assert found.data_return == pytest.approx(own)
    assert result["data_return"] == pytest.approx(own)
    rows = [line.split(",") for line in (tmp_path / "bc" / "metrics.csv").read_text().splitlines()]
    last = dict(zip(rows[0], rows[-1], strict=True))
    assert float(last["return_mean"]) - float(last["gap_to_data"]) == pytest.approx(own, abs=1e-3)


def test_where_policies_are_evaluated_can_be_said(tmp_path: Path) -> None:
    """Not at all, and so by estimates; or in the game that another name opens."""
    apart = compare(("bc",), "matrix-c", tmp_path / "apart", quiet, **SMALL, environment="none")
    assert apart.game is None
    assert "offline" in apart.results["bc"]
    named = compare(("bc",), "matrix-c", tmp_path / "named", quiet, **SMALL, environment="xor")
    assert named.game is not None
    assert named.game.name == ad.games.xor().name != "penalty-xor"


def test_best_first_moves() -> None:
    assert _best_moves(ad.games.penalty_xor()) == ["AB", "BA"]
    assert _best_moves(ad.games.climbing_game()) == ["AA"]


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, picture = tmp_path / "runs", tmp_path / "deep.png"
    command = ("compare", "--dataset", "matrix-c", "--algorithms", "alberdice", "--updates", 20, "--out", out)
    assert run(*command, "--plot", picture) == 0
    printed = capsys.readouterr()
    rows = [line.split("│")[1:-1] for line in printed.out.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows] == ["the data", "alberdice", "optimum"]
    assert [cell.strip() for cell in rows[2][1:4]] == ["", "1.0000", "AB or BA"]
    result = json.loads((out / "alberdice" / "result.json").read_text())
    assert rows[1][1].strip() == f"{result['return_mean']:.4f} ± {result['return_stderr']:.4f}"
    assert printed.err.endswith(f"wrote {picture}\n")
    assert picture.stat().st_size > 5000
    assert run(*command, "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs"]["alberdice"]["return_mean"] == result["return_mean"]


@pytest.mark.parametrize(("extra", "word"), [(["--plot", "no.txt"], "--plot"), (["--updates", "0"], "--updates")])
def test_wrong_options_exit_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], word: str) -> None:
    assert run("compare", "--algorithms", "alberdice", "--out", tmp_path / "runs", *extra) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
