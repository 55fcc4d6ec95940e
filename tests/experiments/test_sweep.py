"""Sweeps: the plan that a file asks for, wrong files, early stopping, resuming, reports."""

from __future__ import annotations

import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reproduce_stubs import Failing, Quick

from alberdice.cli.deep import main
from alberdice.deep import learner
from alberdice.deep.training import preparation
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.work import make_run
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.sweep import search
from alberdice.experiments.sweep.file import read_sweep
from alberdice.experiments.sweep.make import make_sweep
from alberdice.experiments.sweep.plan import plan_sweep

SETTINGS = """
[settings]
updates = 12
batch_size = 8
evaluate_every = 3
evaluate_episodes = 20
hidden = [4]
pictures = false
"""
FILE = 'title = "Two"\nalgorithms = ["bc", "icq"]\ndatasets = ["matrix-b", "matrix-d"]\nseeds = 2\n' + SETTINGS


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[tuple[PlannedRun, float]]:
    """Runs of stubs in this process, one after another; lists them with their shares."""
    for name in ("bc", "icq"):
        monkeypatch.setitem(learner.ALGORITHMS, name, "reproduce_stubs")
        monkeypatch.setitem(learner._REGISTERED, name, Quick)
    made: list[tuple[PlannedRun, float]] = []

    def execute(self, runs, step, share=1.0):
        made.extend((run, share) for run in runs)
        return {run: make_run(run, lambda note: None, share) for run in runs}

    monkeypatch.setattr(LocalExecutor, "execute", execute)
    monkeypatch.setattr(preparation, "load_dataset", cache(preparation.load_dataset))
    return made


def write(folder: Path, text: str) -> Path:
    path = folder / "sweep.toml"
    path.write_text(text)
    return path


def planned(folder: Path, text: str) -> list[PlannedRun]:
    return plan_sweep(read_sweep(write(folder, text)), Path("out"))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


# ---- plan ------------------------------------------------------------------------------------------------------------


def test_the_plan(here: list[Any], tmp_path: Path) -> None:
    text = FILE + "[settings.icq]\npush = 0.5\n[grid]\nlearning_rate = [0.1, 0.01]\n[grid.icq]\nbatch_size = [4, 16, 64]\n"
    runs = planned(tmp_path, text)
    assert len(runs) == 2 * 2 * (2 + 2 * 3) == len({r.folder for r in runs})
    assert str(runs[0].folder) == "out/matrix-b/bc/learning_rate=0.1/seed-0"
    assert str(runs[0]) == "matrix-b, bc learning_rate=0.1, seed 0"
    last = runs[-1].config
    assert (last.dataset, last.algorithm, last.seed, last.batch_size, last.learning_rate) == ("matrix-d", "icq", 1, 64, 0.01)
    assert {(r.config.algorithm, r.config.push) for r in runs} == {("bc", 0.01), ("icq", 0.5)}
    assert {r.seed for r in runs[:16]} == {0}  # first seeds first


def test_draws(here: list[Any], tmp_path: Path) -> None:
    """Within their ranges, the same for the same seed, and each independent of what else is drawn."""
    random = "[random]\ndraws = 40\nseed = 3\n[random.settings]\npush = { low = 1e-4, high = 1e-1, log = true }\n"
    own = '"batch_size" = { low = 4, high = 6 }\n"standardise" = [true, false]\n'
    one = 'algorithms = ["bc"]\ndatasets = ["matrix-b"]\nseeds = [7]\n' + SETTINGS
    few, many = planned(tmp_path, one + random), planned(tmp_path, one + random + own)
    pushes = np.array([r.config.push for r in few])
    assert ((pushes > 1e-4) & (pushes < 1e-1)).all()
    assert 8 < (pushes < 10**-2.5).sum() < 32  # half of a logarithmic range
    assert [r.config.push for r in many] == pushes.tolist()
    assert {r.config.batch_size for r in many} == {4, 5, 6}
    assert {r.config.standardise for r in many} == {True, False}
    assert [r.folder for r in planned(tmp_path, one + random + own)] == [r.folder for r in many]
    assert [r.config.push for r in planned(tmp_path, (one + random).replace("seed = 3", "seed = 4"))] != pushes.tolist()


def test_environments_of_datasets(here: list[Any], tmp_path: Path) -> None:
    text = FILE.replace("seeds = 2", 'seeds = 1\nenvironment = "none"') + '[environments]\nmatrix-d = "bridge"\n'
    assert {r.dataset: r.config.environment for r in planned(tmp_path, text)} == {"matrix-b": "none", "matrix-d": "bridge"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('algoritms = ["bc"]', ["sweep.toml: algoritms", "an unknown key", "nearest match: algorithms"]),
        ("algorithms = []", ["algorithms", "one or more"]),
        ('algorithms = ["bc", "bc"]', ["algorithms", "different"]),
        ('algorithms = ["bx"]', ["algorithm", "nearest match: bc"]),
        ("seeds = 0", ["seeds"]),
        ("seeds = [1, 1]", ["seeds"]),
        ("environment = 3", ["environment"]),
        ('[environments]\nmatrix-c = "none"', ["environments.matrix-c", "nearest match: matrix-"]),
        ("[settings]\nupates = 3", ["upates", "nearest match: updates"]),
        ("[settings]\nseed = 3", ["seed"]),
        ("[settings]\nupdates = 0", ["updates"]),
        ("[grid]\nlerning_rate = [1]", ["grid.lerning_rate", "nearest match: learning_rate"]),
        ("[grid]\nlearning_rate = 1", ["grid.learning_rate", "a list of values"]),
        ("[grid]\nlearning_rate = [7]", ["learning_rate"]),
        ("[grid]\nseed = [1]", ["grid.seed", "decides itself"]),
        ("[grid.bc]\npsh = [1]", ["grid.bc.psh", "nearest match: push"]),
        ("[grid.omar]\npush = [1]", ["grid.omar", "another algorithm"]),
        ("[random]\ndraws = 3", ["random.settings"]),
        ("[random]\ndrws = 3", ["random.drws", "nearest match: draws"]),
        ("[random.settings]\npush = { low = 1, high = 0 }", ["random.settings.push", "low < high"]),
        ("[random.settings]\npush = { low = 1, hgh = 2 }", ["random.settings.push"]),
        ("[stop]\nafter = [0.5, 0.2]", ["stop.after", "ascending"]),
        ("[stop]\nafter = 1.0", ["stop.after"]),
        ("[stop]\nkep = 0.2", ["stop.kep", "nearest match: keep"]),
        ("[stop]\nmetric = 3", ["stop.metric"]),
        ("[optuna]\ntrials = 3", ["optuna.settings"]),
        ("[optuna]\ntrails = 3", ["optuna.trails", "nearest match: trials"]),
        ("[optuna]\ntrials = 0\n[optuna.settings]\npush = [1]", ["optuna.trials"]),
        ("[optuna.settings]\npsh = [1]", ["optuna.settings.psh", "nearest match: push"]),
        ("[optuna.settings]\nupdates = { low = 0, high = 4, log = true }", ["optuna.settings.updates", "0 < low"]),
        ("[optuna.settings]\npush = [1]\n[grid]\npush = [1]", ["[grid]", "beside [optuna]"]),
        ("[optuna]\nmetric = 3\n[optuna.settings]\npush = [1]", ["optuna.metric"]),
        ("[[[", ["TOML"]),
    ],
)
def test_wrong_files(
    here: list[Any], tmp_path: Path, change: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    key = change.partition(" ")[0]
    kept = "".join(line + "\n" for line in FILE.partition("[settings]")[0].splitlines() if not line.startswith(key))
    path = write(tmp_path, change + "\n" + kept if not change.startswith("[") else kept + change)
    assert run("sweep", path, "--out", tmp_path / "runs") == 2
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    assert all(word in printed.err for word in words), printed.err
    assert not here
    assert not (tmp_path / "runs").exists()


# ---- runs and reports ------------------------------------------------------------------------------------------------


def test_a_sweep_is_made_once(here: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FILE + "[grid]\npush = [0.01, 0.1]\n")
    assert run("sweep", path, "--out", tmp_path / "runs") == 0
    assert len(here) == 16
    printed = capsys.readouterr().out
    assert "bc push=0.1" in printed
    found = json.loads((tmp_path / "runs" / "sweep.json").read_text())
    assert len(found["cells"]) == 8
    cell = found["cells"][0]
    own = [r for r in found["runs"] if r["run"].startswith(f"{cell['dataset']}, {cell['name']}, ")]
    values = [json.loads((Path(r["folder"]) / "result.json").read_text())["return_exact"] for r in own]
    assert cell["values"] == values
    assert cell["mean"] == pytest.approx(np.mean(values))
    assert cell["iqm_interval" if "iqm_interval" in cell else "low"] <= cell["mean"] + 1e-12
    assert {p.name for p in (tmp_path / "runs").glob("*.png")} == {"sweep.png", "curves-matrix-b.png", "curves-matrix-d.png"}
    assert "The best of 4 looks better than it is" in (tmp_path / "runs" / "sweep.md").read_text()
    here.clear()
    assert run("sweep", path, "--out", tmp_path / "runs", "--json") == 0
    assert not here
    assert json.loads(capsys.readouterr().out)["cells"] == found["cells"]
    path.write_text(path.read_text().replace("batch_size = 8", "batch_size = 9"))
    assert run("sweep", path, "--out", tmp_path / "runs") == 2
    assert "got a run with batch_size = 8, expected 9" in capsys.readouterr().err


def test_losers_stop_and_the_report_says_so(here: list[Any], tmp_path: Path) -> None:
    """Of four settings two go on after a third, one after two thirds; the winner is as if nobody had been stopped."""
    one = 'algorithms = ["bc"]\ndatasets = ["matrix-d"]\nseeds = 2\n' + SETTINGS + "[grid]\npush = [0.01, 0.1, 0.5, 2.0]\n"
    whole = make_sweep(write(tmp_path, one), tmp_path / "whole", LocalExecutor())
    here.clear()
    halved = write(tmp_path, one + "[stop]\nafter = [0.3, 0.6]\n")
    report = make_sweep(halved, tmp_path / "halved", LocalExecutor())
    assert [share for _, share in here] == [0.3] * 8 + [0.6] * 4 + [1.0] * 2
    assert [len(each.runs) for each in report.stopped] == [2, 2, 2]
    assert {each.share for each in report.stopped[:2]} == {0.3}
    (cell,) = report.cells
    (alone,) = [c for c in whole.cells if c.name == cell.name]
    assert cell.values == alone.values
    for each in report.stopped:
        assert each.value <= each.bound
        assert str(each).startswith(f"Stopped after {100 * each.share:g}% of the updates: {each.name} on matrix-d (seeds 0, 1)")
    here.clear()
    again = make_sweep(halved, tmp_path / "halved", LocalExecutor())
    assert not here
    assert [str(each) for each in again.stopped] == [str(each) for each in report.stopped]


def test_failures_stop_no_other(here: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(learner._REGISTERED, "icq", Failing)
    assert run("sweep", write(tmp_path, FILE + "[stop]\nafter = 0.5\n"), "--out", tmp_path / "runs") == 1
    assert capsys.readouterr().err.count("RuntimeError: a bug in two lines") == 4
    found = json.loads((tmp_path / "runs" / "sweep.json").read_text())
    assert {cell["name"] for cell in found["cells"]} == {"bc"}
    assert len(found["failed"]) == 4


def test_a_metric_that_is_none(here: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", write(tmp_path, FILE + '[stop]\nmetric = "retrn_mean"\n'), "--out", tmp_path / "runs") == 2
    assert "stop.metric: got 'retrn_mean'" in (error := capsys.readouterr().err)
    assert "nearest match: return_mean" in error


# ---- Optuna ----------------------------------------------------------------------------------------------------------

SEARCH = """
[optuna]
trials = 40
parallel = 2
seed = 5

[optuna.settings]
updates = { low = 1, high = 200, log = true }
push = { low = 1e-4, high = 1.0, log = true }
hidden = [[4], [8]]
"""
ONE = 'algorithms = ["bc"]\ndatasets = ["matrix-d"]\nseeds = 1\n' + SETTINGS.replace("updates = 12\n", "")


def searched(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, value: Any) -> list[PlannedRun]:
    """What is chosen where a setting comes to ``value(its first run)``; nothing is trained."""
    monkeypatch.setattr(search, "mean_of", lambda runs, share, metric, table: value(runs[0]))
    (study,) = search.studies_of(read_sweep(write(folder, text)), Path("out"))
    chosen = []
    while asked := study.ask():
        chosen += asked
        study.tell()
    return chosen


def test_settings_that_optuna_chooses(here: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger ones where the largest wins, smaller ones where the lowest does; the same from the same seed."""
    pytest.importorskip("optuna")
    found = {}
    for lowest, seed in ((False, 5), (True, 5), (False, 6)):
        text = ONE + SEARCH.replace("seed = 5", f"seed = {seed}\nlowest = {str(lowest).lower()}")
        runs, again = (searched(tmp_path, text, monkeypatch, lambda run: float(run.config.updates)) for _ in range(2))
        assert runs == again
        updates = [run.config.updates for run in runs]
        assert len(runs) == 40
        assert all(1 <= each <= 200 for each in updates)
        assert {run.config.hidden for run in runs} == {(4,), (8,)}
        assert all(float(f"{run.config.push:.6g}") == run.config.push for run in runs)
        found[lowest, seed] = updates
    assert np.mean(found[False, 5][20:]) > 100 > 20 > np.mean(found[True, 5][20:])  # of a median of 14 at random
    assert found[False, 5][:10] == found[True, 5][:10] != found[False, 6][:10]
    failed = searched(tmp_path, ONE + SEARCH, monkeypatch, lambda run: math.nan)
    assert len(failed) == 40


def test_a_search_goes_on_from_its_folders(here: list[Any], tmp_path: Path) -> None:
    """What was finished is not made again, and what is chosen next is what would have been."""
    pytest.importorskip("optuna")
    text = (ONE + SEARCH).replace("high = 200", "high = 9")
    few, more = text.replace("trials = 40", "trials = 2"), text.replace("trials = 40", "trials = 5")
    first = make_sweep(write(tmp_path, few), tmp_path / "parts", LocalExecutor())
    parts = make_sweep(write(tmp_path, more), tmp_path / "parts", LocalExecutor())
    assert len(here) == len(parts.runs) == 5
    assert list(parts.runs[:2]) == list(first.runs)
    assert len({run.folder for run in parts.runs}) == 5
    whole = make_sweep(write(tmp_path, more), tmp_path / "whole", LocalExecutor())
    assert [run.algorithm for run in whole.runs] == [run.algorithm for run in parts.runs]
    assert [cell.values for cell in whole.cells] == [cell.values for cell in parts.cells]


def test_without_optuna(here: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run("sweep", write(tmp_path, ONE + SEARCH), "--out", tmp_path / "runs") == 1
    assert "pip install 'alberdice[sweep]'" in capsys.readouterr().err
    assert not here


@pytest.mark.slow
def test_without_an_environment_returns_are_estimated(tmp_path: Path) -> None:
    text = 'algorithms = ["bc"]\ndatasets = ["bridge-mix"]\nseeds = 1\nenvironment = "none"\n' + SETTINGS
    (cell,) = make_sweep(write(tmp_path, text), tmp_path / "runs", LocalExecutor()).cells
    assert cell.estimated
    assert np.isfinite(cell.mean)
