"""A table from beginning to end: plan, train what is missing, read everything back, write the report and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alberdice.console import explain, json_text, progress_bar
from alberdice.deep.config import read_toml
from alberdice.deep.learner import ALGORITHMS
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.executors.work import Ended, Executor
from alberdice.experiments.planned import PlannedRun, check_settings, is_finished
from alberdice.experiments.reproduce.cells import cells_of, pooled_of
from alberdice.experiments.reproduce.plan import plan_runs
from alberdice.experiments.reproduce.records import Prior, priors_of, read_records
from alberdice.experiments.reproduce.report import Report, as_json, markdown
from alberdice.experiments.reproduce.sampled import Sampled, sampled_of
from alberdice.experiments.reproduce.tables import PAPER_NAMES, TABLES
from alberdice.files import write_atomically

__all__ = ["make_table"]


def make_table(
    name: str,
    out: Path,
    seeds: int,
    executor: Executor,
    *,
    algorithms: Sequence[str] = (),
    datasets: Sequence[str] = (),
    config: Path | None = None,
    quick: bool = False,
    data: Mapping[str, str] | None = None,
    command: str = "",
    wandb: str = "",
) -> Report:
    """Train the runs asked for that are not finished, and report on all finished runs of the table with these seeds.

    ``quick``: the table's quick settings under those of ``config``, one seed, and the first dataset unless others are named.
    ``data``: datasets by the paper's column, in the place of those that the table has or lacks.
    ``wandb``: the project of Weights & Biases that runs are logged to, too.

    Raises:
        InvalidArgumentError: an unknown name or setting, or a folder holding a run with other settings; nothing has run then.
        KeyboardInterrupt: stopped; what was under way is saved, and no report is written.
    """
    table, settings = TABLES[name].with_data(data or {}), read_toml(config) if config else {}
    if table.variants and algorithms:
        raise InvalidArgumentError("--algorithms", got=", ".join(algorithms), expected=f"none: {name} is AlberDICE's alone")
    if quick:
        if not table.quick:
            having = ", ".join(each for each in TABLES if TABLES[each].quick)
            raise InvalidArgumentError("--quick", got=name, expected=f"a table that has quick settings: {having}")
        seeds, datasets, settings = 1, datasets or table.datasets[:1], {**table.quick, **settings}
    wanted = plan_runs(table, out, seeds, algorithms=algorithms, datasets=datasets, settings=settings)
    known = [each for each in PAPER_NAMES if each in ALGORITHMS]
    everybody = list(dict.fromkeys([*known, *(algorithms or PAPER_NAMES)]))
    runs = plan_runs(table, out, seeds, algorithms=everybody, settings=settings)
    for run in runs:
        check_settings(run)
    waiting = [replace(run, wandb=wandb) for run in wanted if not is_finished(run)]
    explain(f"{len(wanted)} runs asked for, {len(wanted) - len(waiting)} finished; {len(waiting)} to train by {executor}")
    failed = _train(waiting, executor, table.title)
    with progress_bar("judging", len(table.datasets)) as step:
        priors = priors_of([run for run in runs if is_finished(run)], step)
        sampled = sampled_of([run for run in runs if is_finished(run)], step) if table.metric else {}
    records = read_records(runs, priors, sampled)
    cells = cells_of(table, records)
    report = Report(table, command, runs, records, cells, pooled_of(table, cells), failed)
    _write(report, out / name, priors, sampled)
    return report


def _train(runs: list[PlannedRun], executor: Executor, title: str) -> dict[PlannedRun, Ended]:
    """Train; those that left no result."""
    with progress_bar(title.partition(":")[0], sum(run.config.total for run in runs)) as step:
        ended = executor.execute(runs, step)
    return {run: how for run, how in ended.items() if how.status in ("failed", "stopped")}


def _write(report: Report, folder: Path, priors: dict[str, Prior], sampled: dict[str, Sampled]) -> None:
    """``table2.md``, ``table2.json``, ``table2.png`` and the histograms."""
    from alberdice.experiments.reproduce.pictures import pictures
    from alberdice.plotting import save

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{report.table.name}.md", markdown(report).encode())
    write_atomically(folder / f"{report.table.name}.json", (json_text(as_json(report)) + "\n").encode())
    for name, figure in pictures(report, priors, sampled):
        save(figure, folder / f"{name}.png")
