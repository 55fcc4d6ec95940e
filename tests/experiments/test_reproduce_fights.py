"""Tables 5 and 7 and Figure 5, on small data with masks and without any fight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alberdice.datasets import EpisodeArrays, from_episodes, write_dataset
from alberdice.deep.play.out_of_data import RandomPrior
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.reproduce import fights
from alberdice.experiments.reproduce.cells import cells_of
from alberdice.experiments.reproduce.make import make_table
from alberdice.experiments.reproduce.pictures import pictures
from alberdice.experiments.reproduce.plan import plan_runs
from alberdice.experiments.reproduce.records import Record
from alberdice.experiments.reproduce.report import Report, markdown, notes, sections
from alberdice.experiments.reproduce.sampled import uncertainty_at_the_data
from alberdice.experiments.reproduce.tables import TABLES


def test_the_papers_numbers_stand_beside_the_right_map() -> None:
    assert fights.printed("table5", "alberdice", "8m_vs_9m") == {"mean": 0.67, "stderr": None}
    assert fights.printed("table5", "bc", "3s5z") == {"mean": 0.30, "stderr": None}
    assert fights.printed("table5", "bc", "3m") is None
    assert fights.printed("table7", "alpha = 1", "3s5z") == {"mean": 0.97, "stderr": None}
    assert fights.printed("table7", "alpha = 0.01", "CA-Hard") == {"mean": 0.08, "stderr": None}
    assert tuple(TABLES["table7"].missing) == ("CA-Hard",)
    assert fights.printed("figure5", "icq", "8m_vs_9m") == {"mean": 0.547, "stderr": None}
    assert fights.printed("figure5", "icq", "3s5z") is None
    for name in ("table5", "table7", "figure5"):
        assert "not SMAC" in TABLES[name].title


def test_alpha_takes_seven_powers_of_ten() -> None:
    runs = plan_runs(TABLES["table7"], Path("out"), 2)
    assert len(runs) == 7 * 2 * 2
    assert [r.config.alpha_start for r in runs[:7]] == [10.0**k for k in range(-3, 4)]  # type: ignore[attr-defined]
    assert {(r.config.alpha_start == r.config.alpha_end, r.config.algorithm) for r in runs} == {(True, "alberdice")}  # type: ignore[attr-defined]
    assert str(runs[0]) == "smax-3s5z-conventions, alpha = 0.001, seed 0"
    assert runs[0].folder == Path("out/table7/3s5z/alpha-0.001/seed-0")
    with pytest.raises(InvalidArgumentError, match="expected none: table7 is AlberDICE's alone"):
        make_table("table7", Path("out"), 1, LocalExecutor(), algorithms=["bc"])


def test_every_cell_is_measured_or_not_run_with_the_reason() -> None:
    table = TABLES["table5"]
    runs = plan_runs(table, Path("out"), 3)
    result = {"status": "done", "train_seconds": 7.0, "data_return": 1.5}
    records = [
        Record(run, {**result, "return_mean": 1.0, "battle_won_mean": 0.4 + 0.1 * run.config.seed}, None, None, 0.02)
        for run in runs
        if (run.algorithm, run.dataset) == ("bc", "smax-3s5z-conventions")
    ]
    report = Report(table, "", runs, records, cells_of(table, records), [], {})
    first, second, third, fourth, *lacking = sections(report)
    assert [section.title for section in lacking] == list(fights.MISSING) == ["5m_vs_6m", "corridor"]
    assert (third.title, fourth.title) == ("8m_vs_9m: smax-8m_vs_9m-tactics", "3s5z_vs_3s6z: smax-3s5z_vs_3s6z-tactics")
    assert [row[1:3] for row in third.rows] == [("not run", x) for x in ("0.48", "0.12", "0.45", "0.14", "0.47", "0.67")]
    assert first.title == "3s5z: smax-3s5z-conventions"
    assert first.rows[0] == ("BC", "0.50 ± 0.06", "0.30", "1.00 ± 0.00", "2.00 ± 0.00%", "7", "3")
    assert [row[1] for row in (*first.rows[1:], *second.rows)] == ["not run"] * 11
    assert [row[2] for row in second.rows] == ["0.11", "0.00", "0.15", "0.09", "0.13", "0.21"]
    told = notes(report)
    assert any(line.startswith("corridor: not run: no scripted fighter wins") for line in told)
    assert "69 of 72 runs of the whole table are not finished and not in it." in told
    assert "not SMAC" in markdown(report)
    ((name, figure),) = pictures(report, {}, {})
    (axes,) = figure.axes
    assert (name, axes.get_title(), axes.get_xlabel()) == ("table5", "3s5z", "battle_won")
    assert list(axes.lines[0].get_xdata()) == pytest.approx([0.4, 0.5, 0.6])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean ± standard error", "one seed"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two agents, three actions, of which the first is open to nobody; both always choose alike."""
    rng, episodes = np.random.default_rng(0), []
    for _ in range(12):
        length = int(rng.integers(5, 9))
        both = 1 + rng.integers(2, size=length)
        states = rng.normal(size=(length + 1, 3)).astype(np.float32)
        masks = np.broadcast_to([False, True, True], (length + 1, 2, 3)).copy()
        seen = np.repeat(states[:, None], 2, axis=1)
        episodes.append(EpisodeArrays(states, seen, np.stack([both, both], axis=1), both * 0.5, True, False, masks))
    return write_dataset(from_episodes("pairs", (3, 3), episodes), "lab/pairs-v0", root=tmp_path_factory.mktemp("store"))


@pytest.mark.slow
def test_a_users_data_take_a_column_and_figure_5_shows_table_5s_runs(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"data": {"5m_vs_6m": str(stored)}, "quick": True, "datasets": [str(stored)], "algorithms": ["bc"]}
    report = make_table("table5", tmp_path, 1, LocalExecutor(), **given)  # type: ignore[arg-type]
    assert not report.failed
    shown = next(s for s in sections(report) if s.title.startswith("5m_vs_6m"))
    assert shown.rows[0][0] == "BC"
    assert shown.rows[0][1] == "-"  # nothing was played: the data name no environment
    assert shown.rows[0][2] == "0.23"
    assert shown.rows[0][4].endswith("%")
    assert (tmp_path / "table5" / "uncertainty-5m_vs_6m.png").exists()
    assert "5m_vs_6m" not in report.table.missing
    monkeypatch.setattr("alberdice.experiments.reproduce.make._train", lambda runs, jobs, title: dict.fromkeys(runs))
    again = make_table("figure5", tmp_path, 1, LocalExecutor(), **given)  # type: ignore[arg-type]
    assert again.failed == {}
    row = next(s for s in sections(again) if s.title.startswith("5m_vs_6m")).rows[0]
    assert row[1] == shown.rows[0][4]
    assert (tmp_path / "figure5" / "figure5.md").exists()
    with pytest.raises(InvalidArgumentError, match=r"--data: got '5m', expected one of .*; nearest match: 5m_vs_6m"):
        make_table("table5", tmp_path, 1, LocalExecutor(), data={"5m": "x"})


def test_joint_actions_at_the_datas_states_are_judged_by_what_the_data_show(stored: Path, tmp_path: Path) -> None:
    """Cloned apart, two agents choose differently half of the time, which these data never show."""
    import alberdice.deep as deep
    from alberdice.datasets import load_dataset

    data = load_dataset(stored)
    prior = RandomPrior.fit(data, updates=400)
    for algorithm in ("bc", "madtkd"):
        small = {"updates": 30, "evaluate_every": 30, "batch_size": 32, "select": "last", "device": "cpu", "pictures": False}
        deep.train(data, algorithm, environment="none", out=tmp_path / algorithm, **small)
        policies = policies_of_run(tmp_path / algorithm)
        found = uncertainty_at_the_data(policies, data, prior, 0)
        assert len(found) == data.n_steps
        own = np.median(prior.uncertainties(data.states, data.actions))
        assert 0.2 < (found > 10 * own).mean() < 0.8, algorithm
        np.testing.assert_array_equal(found, uncertainty_at_the_data(policies, data, prior, 0))
        assert (found != uncertainty_at_the_data(policies, data, prior, 1)).any()
