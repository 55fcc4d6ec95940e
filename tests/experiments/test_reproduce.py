"""Tables by training: parts and their merging, interruptions, changed settings, runs that go wrong, statistics, reports."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from deep_samples import equal
from reproduce_stubs import Diverging, Exploding, Hopeless, Quick, StubConfig
from run_samples import Killed, kill_at

from alberdice.cli.deep import main
from alberdice.cli.training import train_command
from alberdice.deep import learner
from alberdice.deep.play.out_of_data import RandomPrior
from alberdice.deep.training import preparation
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.experiments import words
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.work import make_run
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.reproduce import report, statistics
from alberdice.experiments.reproduce.cells import _actions, cells_of, pooled_of
from alberdice.experiments.reproduce.make import make_table
from alberdice.experiments.reproduce.pictures import full_grid
from alberdice.experiments.reproduce.plan import plan_runs
from alberdice.experiments.reproduce.records import Record
from alberdice.experiments.reproduce.tables import PAPER_NAMES, TABLES

SETTINGS = """
updates = 12
batch_size = 8
evaluate_every = 5
evaluate_episodes = 20
checkpoint_every = 5
hidden = [4]
pictures = false
"""
STUBS = "reproduce_stubs:"
HERE = LocalExecutor()


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(autouse=True)
def _quick_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = RandomPrior.fit
    monkeypatch.setattr(RandomPrior, "fit", lambda data: fit(data, updates=60, hidden=(16,), batch_size=32))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[PlannedRun]:
    """The paper's algorithms are stubs, trained one after another in this process; lists the runs that are trained."""
    for name in PAPER_NAMES:
        monkeypatch.setitem(learner.ALGORITHMS, name, "reproduce_stubs")
        monkeypatch.setitem(learner._REGISTERED, name, Diverging if name == "icq" else Quick)
    trained: list[PlannedRun] = []

    def execute(self, runs, step, share=1.0):
        trained.extend(runs)
        return {run: make_run(run, lambda note: None, share) for run in runs}

    monkeypatch.setattr(LocalExecutor, "execute", execute)
    monkeypatch.setattr(preparation, "load_dataset", cache(preparation.load_dataset))
    return trained


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


# ---- plan ------------------------------------------------------------------------------------------------------------


def test_the_plan_is_algorithms_times_datasets_times_seeds(here: list[PlannedRun]) -> None:
    runs = plan_runs(TABLES["table2"], Path("out"), 3)
    assert len(runs) == 6 * 2 * 3 == len({r.folder for r in runs})
    assert str(runs[0].folder) == "out/table2/bridge-optimal/bc/seed-0"
    assert {r.config.seed for r in runs[:12]} == {0}  # first seeds first
    assert {r.config.device for r in runs} == {"cpu"}
    few = plan_runs(TABLES["table6"], Path("out"), 1, algorithms=["icq", STUBS + "Quick"], datasets=["matrix-d", "matrix-b"])
    names = [(r.config.dataset, r.folder.parts[-2]) for r in few]
    assert names == [(d, a) for d in ("matrix-b", "matrix-d") for a in ("icq", "reproduce_stubs-Quick")]


def test_settings_of_all_and_of_one(here: list[PlannedRun]) -> None:
    settings = {"updates": 7, "hidden": [3], "icq": {"push": 0.5}}
    pushes = {r.config.algorithm: r.config for r in plan_runs(TABLES["table1"], Path("out"), 1, settings=settings)}
    assert {name: config.push for name, config in pushes.items() if config.push != 0.01} == {"icq": 0.5}
    assert {(config.updates, config.hidden) for config in pushes.values()} == {(7, (3,))}


@pytest.mark.parametrize("algorithm", [STUBS + "Quick", "bc", "madtkd"])
def test_a_runs_command_makes_that_run(algorithm: str) -> None:
    own = {STUBS + "Quick": {"hidden": [3, 5], "push": 0.5}}
    changes = {"standardise": False, "learning_rate": 0.25, **{k: v for k, v in own.items() if k == algorithm}}
    (planned,) = plan_runs(TABLES["table1"], Path("an out"), 1, algorithms=[algorithm], settings=changes)
    words = shlex.split(planned.command)[1:]
    import tyro

    parsed = tyro.cli(tyro.conf.OmitArgPrefixes[train_command(words)], args=words[1:])
    assert parsed.settings == planned.config
    assert parsed.out == planned.folder


# ---- parts, merging, resuming ----------------------------------------------------------------------------------------


def test_parts_are_merged_and_nothing_is_trained_twice(here: list[PlannedRun], tmp_path: Path, settings: Path) -> None:
    options = {"config": settings}
    first = make_table("table6", tmp_path, 2, HERE, algorithms=["icq"], datasets=["matrix-b"], **options)
    assert len(here) == len(first.records) == 2
    here.clear()
    second = make_table("table6", tmp_path, 1, HERE, algorithms=["bc", "icq"], datasets=["matrix-a", "matrix-b"], **options)
    assert [str(r) for r in here] == ["matrix-a, bc, seed 0", "matrix-a, icq, seed 0", "matrix-b, bc, seed 0"]
    assert {(c.dataset, c.algorithm): c.seeds for c in second.cells} == {
        (d, a): (0,) for d in ("matrix-a", "matrix-b") for a in ("bc", "icq")
    }
    here.clear()
    third = make_table("table6", tmp_path, 2, HERE, algorithms=["icq"], datasets=["matrix-b"], **options)
    assert not here
    assert next(c for c in third.cells if (c.dataset, c.algorithm) == ("matrix-b", "icq")).seeds == (0, 1)
    assert len(third.records) == 5
    assert "43 of 48 runs of the whole table are not finished" in (tmp_path / "table6" / "table6.md").read_text()


def test_an_unfinished_run_goes_on(here: list[PlannedRun], tmp_path: Path, settings: Path) -> None:
    whole = make_table("table1", tmp_path / "whole", 1, HERE, algorithms=["bc"], config=settings)
    run_of_parts = replace(whole.records[0].run, folder=tmp_path / "parts" / "table1" / "matrix-c" / "bc" / "seed-0")
    with pytest.raises(Killed):
        train(run_of_parts.config, run_of_parts.folder, progress=kill_at(8))
    assert RunDirectory(run_of_parts.folder).load()[1]["update"] == 5
    parts = make_table("table1", tmp_path / "parts", 1, HERE, algorithms=["bc"], config=settings)
    saved = [RunDirectory(report.records[0].run.folder).load()[0] for report in (whole, parts)]
    assert equal(*saved)
    assert parts.records[0].result["return_mean"] == whole.records[0].result["return_mean"]


def test_a_run_of_another_version_is_refused(
    here: list[PlannedRun], tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that it did not have may have been anything; one that decides nothing may be missing."""
    make_table("table1", tmp_path, 1, HERE, algorithms=["bc"], config=settings)
    saved = tmp_path / "table1" / "matrix-c" / "bc" / "seed-0" / "config.json"
    config = json.loads(saved.read_text())
    del config["pictures"]
    saved.write_text(json.dumps(config))
    arguments = ("reproduce", "table1", "--out", tmp_path, "--seeds", 1, "--config", settings, "--algorithms", "bc")
    assert run(*arguments) == 0
    del config["standardise"]
    saved.write_text(json.dumps(config))
    capsys.readouterr()
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert "seed-0: got a run of another version, without standardise, expected a run of this one; choose another" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("finished", [True, False])
def test_changed_settings_are_refused_before_anything_runs(
    here: list[PlannedRun], tmp_path: Path, settings: Path, finished: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    make_table("table1", tmp_path, 1, HERE, algorithms=["bc"], config=settings)
    if not finished:
        (tmp_path / "table1" / "matrix-c" / "bc" / "seed-0" / "result.json").unlink()
    settings.write_text(SETTINGS.replace("batch_size = 8", "batch_size = 9"))
    here.clear()
    assert run("reproduce", "table1", "--out", tmp_path, "--seeds", 1, "--config", settings) == 2
    error = capsys.readouterr().err
    assert "seed-0: got a run with batch_size = 8, expected 9, as asked for; choose another --out" in error
    assert len(error.strip().splitlines()) == 1
    assert not here
    settings.write_text(SETTINGS.replace("evaluate_every = 5", "evaluate_every = 4"))  # changes nothing that is learned
    assert run("reproduce", "table1", "--out", tmp_path, "--seeds", 1, "--config", settings, "--algorithms", "bc") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["table8"], ["table8"]),
        (["table2", "--quick"], ["--quick", "table3"]),
        ([], ["table"]),
        (["table2", "--seeds", "0"], ["--seeds", ">= 1"]),
        (["table2", "--jobs", "0"], ["--jobs", ">= 1"]),
        (["table2", "--datasets", "bridge-max"], ["--datasets", "nearest match: bridge-mix"]),
        (["table2", "--algorithms", "icp"], ["algorithm", "'icp'", "nearest match: icq"]),
        (["table1", "--config", "{out}/none.toml"], ["No such file"]),
        (["table1", "--config", "{out}/bad.toml"], ["upates", "nearest match: updates"]),
        (["table1", "--config", "{out}/plan.toml"], ["settings: seed", "the table decides it"]),
        (["table1", "--config", "{out}/flat.toml"], ["settings: icq", "a table [icq]"]),
    ],
)
def test_wrong_requests(
    here: list[PlannedRun], tmp_path: Path, arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("bad", "upates = 3"), ("plan", "seed = 3"), ("flat", "icq = 3")):
        (tmp_path / f"{name}.toml").write_text(text)
    given = [a.format(out=tmp_path) for a in arguments]
    assert run("reproduce", *given, "--out", tmp_path / "runs") == 2
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    assert all(word in printed.err for word in words), printed.err
    assert not here
    assert not (tmp_path / "runs").exists()


# ---- processes -------------------------------------------------------------------------------------------------------


def said(errors: str) -> list[str]:
    """Without the lines of progress that there are on a slow machine."""
    return [line for line in errors.splitlines() if not line.startswith("Table 1: ")]


@pytest.mark.slow
def test_runs_that_go_wrong_stop_no_other(tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In two processes: one run diverges, one has a bug, one takes its process along, one is well."""
    names = [STUBS + name for name in ("Dying", "Failing", "Diverging", "Quick")]
    out = tmp_path / "runs"
    arguments = ["--algorithms", *names, "--seeds", 1, "--jobs", 2, "--config", settings, "--out", out]
    assert run("reproduce", "table1", *arguments) == 1
    printed = capsys.readouterr()
    assert sorted(said(printed.err)) == [
        f"alberdice-deep: matrix-c, {STUBS}Dying, seed 0: its process ended with exit code 3",
        f"alberdice-deep: matrix-c, {STUBS}Failing, seed 0: RuntimeError: a bug in two lines",
    ]
    assert "1 diverged†" in printed.out.replace("(", "").replace(")", "").replace("1 1", "1")
    found = json.loads((out / "table1" / "table1.json").read_text())
    assert {r["algorithm"]: r["status"] for r in found["runs"]} == {
        STUBS + "Diverging": "diverged",
        STUBS + "Quick": "below_behaviour",
    }
    assert {f["status"] for f in found["failed"]} == {"failed"}
    diverged = json.loads((out / "table1" / "matrix-c" / "reproduce_stubs-Diverging" / "seed-0" / "result.json").read_text())
    assert diverged["reason"].startswith("training at update 10: got a loss is not finite")
    assert diverged["updates"] == 10
    assert diverged["return_exact"] is not None  # of update 5


def test_an_interrupt_stops_saves_and_goes_on(tmp_path: Path, settings: Path) -> None:
    endless = SETTINGS.replace("updates = 12", "updates = 10000000")
    settings.write_text(endless.replace("checkpoint_every = 5", "checkpoint_every = 10000000"))
    command = [sys.executable, "-m", "alberdice.cli.deep", "reproduce", "table1", "--algorithms", STUBS + "Quick"]
    options = ["--config", str(settings), "--out", str(tmp_path), "--seeds", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    folder = tmp_path / "table1" / "matrix-c" / "reproduce_stubs-Quick" / "seed-0"
    while not (folder / "metrics.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, complaint = process.communicate()
    assert process.returncode == 1
    assert printed == ""
    assert said(complaint) == [
        "stopping: runs under way save what they have; the same command goes on from there",
        "alberdice-deep: interrupted",
    ]
    assert RunDirectory(folder).load()[1]["update"] >= 5  # saved when it stopped
    assert not (folder / "result.json").exists()
    assert not (tmp_path / "table1" / "table1.json").exists()


# ---- statistics ------------------------------------------------------------------------------------------------------


def record(algorithm: str, dataset: str, seed: int, value: float | None, **result: object) -> Record:
    config = StubConfig(algorithm=algorithm, dataset=dataset, seed=seed)
    found = {"status": "done", "return_mean": value, "return_exact": None, "out_of_data": None, **result}
    return Record(PlannedRun(config, Path(f"{algorithm}-{dataset}-{seed}")), found, None, None, None)


def test_statistics_against_numpy() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=5), 3 + 2 * generator.normal(size=8)
    mean, error = statistics.mean_and_error(first)
    assert mean == pytest.approx(first.sum() / 5)
    assert error == pytest.approx(np.sqrt(((first - mean) ** 2).sum() / 4 / 5))
    assert statistics.interquartile_mean(first) == pytest.approx(np.sort(first)[1:4].mean())
    pooled = np.sort(np.concatenate([first, second]))
    assert statistics.interquartile_mean(first, second) == pytest.approx(pooled[3:10].mean())
    drawn = [sample[generator.integers(len(sample), size=(40_000, len(sample)))] for sample in (first, second)]
    both = np.concatenate(drawn, axis=1)
    slow = np.percentile(np.sort(both, axis=1)[:, 3:10].mean(axis=1), [2.5, 97.5])
    assert statistics.interval([first, second]) == pytest.approx(slow, abs=0.06)
    assert statistics.interval([first, second]) == statistics.interval([first, second])


def test_statistics_of_few_values() -> None:
    assert np.isnan(statistics.mean_and_error([])).all()
    assert statistics.mean_and_error([2.0])[0] == 2.0
    assert np.isnan(statistics.mean_and_error([2.0])[1])
    assert statistics.interquartile_mean([1.0, 2.0, 6.0]) == 3.0
    assert np.isnan(statistics.interval([[1.0, 2.0], [1.0]])).all()
    assert np.isnan(statistics.interquartile_mean([]))
    assert statistics.interval([[1.0, 1.0, 1.0]]) == (1.0, 1.0)


def test_cells() -> None:
    """The exact return where there is one; diverged seeds count with what they had; silent ones do not count."""
    table = TABLES["table2"]
    values = [record("icq", "bridge-mix", seed, -6.0 - seed) for seed in (2, 0)]
    exact = record("icq", "bridge-mix", 1, -99.0, return_exact=-7.5, status="diverged", out_of_data={"share": 0.25})
    silent = record("icq", "bridge-mix", 3, None, status="diverged")
    (cell,) = cells_of(table, [*values, exact, silent])
    assert cell.values == (-6.0, -7.5, -8.0)
    assert (cell.seeds, cell.diverged, cell.silent) == ((0, 1, 2), (1,), (3,))
    assert cell.mean == pytest.approx(-21.5 / 3)
    assert cell.paper == {"mean": -6.01, "stderr": 0.0}
    assert cell.out_of_data[0] == 0.25
    assert not pooled_of(table, [cell])
    other = [record("icq", "bridge-optimal", seed, -1.0 - seed, out_of_data={"share": 0.75}) for seed in range(3)]
    cells = cells_of(table, [*values, exact, *other])
    assert [c.dataset for c in cells] == ["bridge-optimal", "bridge-mix"]
    (pooled,) = pooled_of(table, cells)
    assert pooled.middle == pytest.approx(np.mean([-2.0, -3.0, -6.0, -7.5]))
    assert pooled.low < pooled.middle < pooled.high
    assert pooled.out_of_data == pytest.approx((0.25 + 0.75) / 2)


def test_table_3_shows_shares_of_the_data_and_what_was_not_run() -> None:
    table, data = TABLES["table3"], "rware-small-4ag-conventions"
    records = [record("bc", data, seed, 20.0 + seed, data_return=27.5) for seed in (0, 1)]
    runs = plan_runs(table, Path("out"), 2)
    cells = cells_of(table, records)
    assert cells[0].share == pytest.approx((20.5 / 27.5, 0.5 / 27.5))
    assert not pooled_of(table, cells)
    shown = {s.title: s.rows for s in report.sections(report.Report(table, "", runs, records, cells, [], {}))}
    assert [*shown] == [f"rware-{size}-{n}ag-conventions" for size in ("tiny", "small") for n in (2, 4, 6)]
    assert shown[data][0] == ("BC", "20.50 ± 0.50", "0.75 ± 0.02", "7.88", "0.83", "2")
    assert shown[data][5] == ("AlberDICE", "not run", "-", "8.18", "0.86", "-")
    assert all(row[1] == "not run" for title, rows in shown.items() for row in rows if title != data)
    assert table.printed("alberdice", "rware-tiny-2ag-conventions") == pytest.approx(
        {"mean": 11.15, "stderr": None, "share": 11.15 / 12.77}
    )


def test_table_3_trains_with_the_warehouses_presets() -> None:
    configs = {r.algorithm: r.config for r in plan_runs(TABLES["table3"], Path("out"), 1, settings={"icq": {"updates": 7}})}
    assert {config.levels for config in configs.values()} == {32}
    assert {name for name, config in configs.items() if getattr(config, "remembers", False)} == {"bc", "icq", "optidice"}
    assert (configs["icq"].updates, configs["omar"].updates) == (7, 3000)
    alberdice = asdict(configs["alberdice"])
    assert alberdice["conservatism"] == 0.0
    assert (alberdice["policy"], alberdice["weights"], alberdice["episode_share"]) == ("feed-forward", "episodes", 0.4)
    quick = plan_runs(TABLES["table3"], Path("out"), 1, settings=TABLES["table3"].quick)
    lengths = ("updates", "pretrain_updates", "memory_updates")
    assert max(getattr(each.config, name, 0) for each in quick for name in lengths) == 20


def test_a_quick_table_is_one_seed_of_the_first_dataset(
    here: list[PlannedRun], tmp_path: Path, settings: Path, monkeypatch
) -> None:
    quick = replace(TABLES["table2"], quick={"updates": 5, "batch_size": 8})
    monkeypatch.setitem(TABLES, "table2", quick)
    settings.write_text("updates = 3\nevaluate_episodes = 5\n")
    arguments = ["--out", tmp_path, "--seeds", 3, "--algorithms", "bc", "omar", "--config", settings]
    assert run("reproduce", "table2", *arguments, "--quick") == 0
    assert [str(r) for r in here] == ["bridge-optimal, bc, seed 0", "bridge-optimal, omar, seed 0"]
    assert {(r.config.updates, r.config.batch_size) for r in here} == {(3, 8)}  # what the file says goes before
    assert json.loads((tmp_path / "table2" / "table2.json").read_text())["command"].endswith("--quick")


def test_joint_actions_are_counted() -> None:
    one, two, none = (np.array(j) for j in ([[0, 0.95], [0.05, 0]], [[0.0, 0], [1, 0]], [[0.8, 0.2], [0, 0]]))
    assert _actions([two, one, none, one]) == {"AB": 2, "BA": 1, "mixed": 1}


# ---- reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_report_of_returns(
    here: list[PlannedRun], tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", tmp_path, "--seeds", 2, "--algorithms", "omar", "icq", "--config", settings]
    assert run("reproduce", "table2", *arguments) == 0
    printed = capsys.readouterr()
    folder = tmp_path / "table2"
    found, text = json.loads((folder / "table2.json").read_text()), (folder / "table2.md").read_text()
    assert (
        found["command"]
        == f"alberdice-deep reproduce table2 --out {tmp_path} --seeds 2 --algorithms omar icq --config {settings}"
    )
    assert len(found["runs"]) == 8
    assert {"torch", "numpy", "scipy", "python", "alberdice"} <= found["versions"].keys()
    assert found["machine"]["cores"] >= 1
    for each in found["runs"]:
        assert each["command"].startswith(f"alberdice-deep train --algorithm {each['algorithm']} --out")
        assert each["train_seconds"] >= 0
        assert each["out_of_data"]["how"].startswith("exact")
        assert 0 <= each["out_of_data_estimated"] <= 1
    cells = {(c["name"], c["dataset"]): c for c in found["cells"]}
    mine = [r for r in found["runs"] if (r["algorithm"], r["dataset"]) == ("omar", "bridge-mix")]
    cell = cells["OMAR", "bridge-mix"]
    assert cell["mean"] == pytest.approx(np.mean([r["return_exact"] for r in mine]))
    assert cell["out_of_data"]["mean"] == pytest.approx(np.mean([r["out_of_data"]["share"] for r in mine]))
    assert cell["paper"] == {"mean": -6.01, "stderr": 0.0}
    assert cells["ICQ", "bridge-optimal"]["diverged"] == [0, 1]
    line = next(line for line in text.split("## bridge-mix")[1].splitlines() if line.startswith("| OMAR"))
    row = f"| OMAR | {cell['mean']:.2f} ± {cell['stderr']:.2f} | -6.01 ± 0.00 | {cell['iqm']:.2f} ["
    assert line.startswith(row)
    assert line.endswith("| 2 |")
    assert "| 2 (2 diverged†) |" in text
    assert "## all datasets" in text
    assert "2 (2 diverged†)" in printed.out
    assert f"{cell['mean']:.2f} ± {cell['stderr']:.2f}" in printed.out
    pictures = {p.name for p in folder.glob("*.png")}
    assert pictures == {"table2.png", "uncertainty-bridge-mix.png", "uncertainty-bridge-optimal.png"}


@pytest.mark.slow
def test_a_report_of_policies(here: list[PlannedRun], tmp_path: Path, settings: Path) -> None:
    make_table("table6", tmp_path, 2, HERE, algorithms=["icq", "alberdice"], config=settings)
    folder = tmp_path / "table6"
    found, text = json.loads((folder / "table6.json").read_text()), (folder / "table6.md").read_text()
    cell = next(c for c in found["cells"] if (c["algorithm"], c["dataset"]) == ("icq", "matrix-b"))
    mine = [r["joint"] for r in found["runs"] if (r["algorithm"], r["dataset"]) == ("icq", "matrix-b")]
    np.testing.assert_allclose(cell["joint"], np.mean(mine, axis=0), atol=1e-12)
    assert np.sum(cell["joint"]) == pytest.approx(1)
    assert cell["paper"] == {"joint": [[1.0, 0.0], [0.0, 0.0]]}
    assert sum(cell["seeds_per_joint_action"].values()) == 2
    assert "| 1.00 0.00 / 0.00 0.00 |" in text.split("## matrix-b")[1].split("## matrix-c")[0]
    assert {p.name for p in folder.glob("*.png")} == {"table6.png", *(f"uncertainty-matrix-{k}.png" for k in "abcd")}


def test_pictures_of_parts_have_no_holes() -> None:
    one, two = np.eye(2), np.ones((2, 2))
    assert list(full_grid({"BC": {"a": one, "b": two}, "ICQ": {"b": one}})) == ["BC"]
    assert full_grid({"BC": {"a": one, "b": two}, "ICQ": {"b": one, "c": one}}) == {"BC": {"b": two}, "ICQ": {"b": one}}
    assert full_grid({"BC": {"a": one}, "ICQ": {"b": one, "c": two}}) == {"ICQ": {"b": one, "c": two}}


@pytest.mark.slow
def test_nothing_but_silence_is_reported_too(here: list[PlannedRun], tmp_path: Path, settings: Path, monkeypatch) -> None:
    monkeypatch.setitem(learner._REGISTERED, "bc", Hopeless)
    settings.write_text(SETTINGS.replace("evaluate_every = 5", "evaluate_every = 50"))
    report = make_table("table2", tmp_path, 1, HERE, algorithms=["bc"], datasets=["bridge-mix"], config=settings)
    assert report.cells[0].silent == (0,)
    assert "1 without a value" in (tmp_path / "table2" / "table2.md").read_text()
    assert json.loads((tmp_path / "table2" / "table2.json").read_text())["cells"][0]["mean"] is None


def test_policies_without_numbers_spoil_no_report(here: list[PlannedRun], tmp_path: Path, settings: Path, monkeypatch) -> None:
    """NaN from the ninth update on, saved at the tenth, found out at the twelfth: the evaluation at the seventh stands."""
    monkeypatch.setitem(learner._REGISTERED, "bc", Exploding)
    settings.write_text(SETTINGS.replace("evaluate_every = 5", "evaluate_every = 7"))
    report = make_table("table1", tmp_path, 1, HERE, algorithms=["bc"], config=settings)
    assert report.records[0].result["status"] == "diverged"
    assert report.cells[0].values == (report.records[0].result["return_exact"],)
    assert report.cells[0].joint is None
    assert "| BC | - | 0.45 0.22 / 0.22 0.11 | - |" in (tmp_path / "table1" / "table1.md").read_text()


def test_the_papers_numbers() -> None:
    two = TABLES["table2"]
    assert two.printed("bc", "bridge-optimal") == {"mean": -2.21, "stderr": 0.9}
    assert two.printed("alberdice", "bridge-mix") == {"mean": -1.29, "stderr": 0.0}
    assert two.printed("reproduce_stubs:Quick", "bridge-mix") is None
    for name in PAPER_NAMES:  # Table 1 is (c) of Table 6
        assert TABLES["table1"].printed(name, "matrix-c") == TABLES["table6"].printed(name, "matrix-c")


def test_words_of_the_table() -> None:
    assert words.percent(0.0123, 0.0004) == "1.23 ± 0.04%"
    assert words.percent(0.5, float("nan")) == "50.00%"
    assert words.percent(float("nan"), 0.1) == "-"
    assert words.plus_minus(-1.234, 0.056) == "-1.23 ± 0.06"
    assert words.plus_minus(None, 0.1).startswith("-")
    assert words.span(-2.0, -3.0, -1.0) == "-2.00 [-3.00, -1.00]"
    assert report._matrix([[0.125, 0.5], [0.25, 0.125]]) == "0.12 0.50\n0.25 0.12"
