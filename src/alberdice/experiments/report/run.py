"""What a run's folder holds, as sections of a page; a folder that lacks something gives what it has, and says what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.datasets.statistics import summarise
from alberdice.deep.learner import learner_class
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_pictures import figures_of_run
from alberdice.experiments.report import page

__all__ = ["Read", "ReportedRun", "read_run", "run_sections", "status_in_words"]

#: the data of a name, with the ``seed`` of its recipe
Read = Callable[..., OfflineDataset]

#: what the words in result.json mean
_STATUS = {
    "done": "The run came to its end.",
    "below_behaviour": "It came to its end, but its policies are below the data or its clone, by the data alone or in play.",
    "diverged": "Training collapsed: the numbers are those of the last good evaluation.",
    "unfinished": "The run has no result yet: it is in progress, or it was stopped; train --resume goes on with it.",
    "unreadable": "The run has a result, but its file is damaged.",
}
_PICTURES = {
    "learning-curve": "What was measured during training: the return in play, and what the algorithm says of itself.",
    "win-rate": "Share of fights that were won.",
    "policy": "The learned policy beside the data.",
    "joint-actions": "How likely the data find the joint actions that the policies play; 0 is what they never show.",
}


@dataclass(frozen=True)
class ReportedRun:
    """A run as its folder tells it.

    Attributes:
        path: the folder.
        told: its settings, as words to show.
        result: what came out; {} if it is not finished.
        rows: of metrics.csv.
        missing: why something could not be read, a sentence each.
    """

    path: Path
    told: dict[str, Any]
    result: dict[str, Any]
    rows: list[dict[str, float]]
    missing: list[str] = field(default_factory=list)

    @property
    def algorithm(self) -> str:
        """By which it learned."""
        return str(self.told.get("algorithm"))

    @property
    def dataset(self) -> str:
        """From what it learned."""
        return str(self.told.get("dataset"))

    @property
    def name(self) -> str:
        """For headings."""
        return f"{self.algorithm} on {self.dataset}, seed {self.told.get('seed')}"

    @property
    def status(self) -> str:
        """That of the result, or 'unfinished'."""
        return str(self.result.get("status", "unfinished"))


def read_run(path: Path) -> ReportedRun:
    """What the folder holds.

    Raises:
        InvalidArgumentError: no settings there, so that it is no run.
    """
    folder = RunDirectory(path)
    found = ReportedRun(path, folder.read_json("config.json"), {}, [])
    if (path / "result.json").exists():
        with _noted(found.missing, "the result"):
            found.result.update(folder.read_result())
        if not found.result:
            found.result["status"] = "unreadable"
    with _noted(found.missing, "the metrics"):
        found.rows.extend(folder.checked_metrics())
    return found


@contextmanager
def _noted(missing: list[str], what: str) -> Iterator[None]:
    """An error of the block as a sentence in the report."""
    try:
        yield
    except Exception as problem:  # a folder can hold anything; the page says what it could not read
        missing.append(f"Not shown: {what}: {problem}")


def status_in_words(run: ReportedRun) -> str:
    """What the run's status means, with its reason."""
    words = _STATUS.get(run.status, f"Status: {run.status}.")
    reason = run.result.get("reason")
    return f"{words} Why: {reason}." if reason else words


def run_sections(run: ReportedRun, *, data_of: Read = load_dataset, trust: bool = False) -> list[str]:
    """All that is known of a run.

    Args:
        run: which.
        data_of: reads its data, once.
        trust: as in ``write_report``.
    """
    missing = list(run.missing)
    source, data, pictures = None, "", []
    with _noted(missing, "the data"):
        source = data_of(run.told["dataset"], seed=run.told["dataset_seed"])
        data = _data(source)
    with _noted(missing, "the pictures"):
        figures = figures_of_run(run.path, dataset=source, trust=trust)
        pictures = [page.picture(figure, _words(name)) for name, figure in figures]
    notes = [*run.result.get("notes", []), *([run.result["stopped"]] if run.result.get("stopped") else [])]
    say: Callable[[object], str] = page.paragraph if run.status == "done" else page.warning
    return [
        say(status_in_words(run)),
        *map(page.warning, missing),
        *map(page.paragraph, notes),
        page.section("Result", _outcome(run)),
        page.section("Pictures", *pictures),
        page.section(
            "What was chosen",
            _nested(run, "selection", "Policies, by data alone"),
            _nested(run, "second_opinion", "A second opinion on them"),
            _nested(run, "choices", "Settings"),
        ),
        page.section(
            "How far the policies leave the data", _nested(run, "out_of_data", ""), _nested(run, "weights", "Weights")
        ),
        page.section("Data", data),
        page.section("Settings", _settings(run)),
        page.section("Evaluations", page.details(f"{len(run.rows)} rows", _metrics(run)) if run.rows else ""),
        page.section("Versions", _nested(run, "versions", "")),
    ]


def _words(name: str) -> str:
    return _PICTURES.get(name, name.replace("-", " ").replace("policy agent", "The policy of agent"))


def _outcome(run: ReportedRun) -> str:
    names = {
        "return_mean": "return, mean of the evaluation's episodes",
        "return_stderr": "its standard error",
        "episodes": "episodes",
        "return_exact": "exact return, where the model is known",
        "data_return": "return of the data",
        "environment": "played in",
        "play": "actions are",
        "updates": "updates",
        "train_seconds": "seconds of training",
        "device": "device",
    }
    known = [(words, run.result[name]) for name, words in names.items() if name in run.result]
    return page.table(("", ""), known) if known else ""


def _nested(run: ReportedRun, name: str, title: str) -> str:
    value = run.result.get(name)
    if not isinstance(value, Mapping) or not value:
        return ""
    return (f"<h3>{page.plain(title)}</h3>" if title else "") + page.table(("", ""), page.flat(value))


def _settings(run: ReportedRun) -> str:
    """All settings, those that differ from the algorithm's defaults first and pointed out."""
    algorithm, default = run.algorithm, {}
    if ":" not in algorithm:  # a folder decides nothing about which code is run
        maker = learner_class(algorithm)
        default = vars(maker.settings(algorithm=algorithm))
    rows = [(name, value, default.get(name, "")) for name, value in run.told.items()]
    changed = [name in default and page.plain(value) != page.plain(own) for name, value, own in rows]
    order = sorted(range(len(rows)), key=lambda k: not changed[k])
    return page.table(("setting", "value", "default"), [rows[k] for k in order], [changed[k] for k in order])


def _data(dataset: OfflineDataset) -> str:
    found = summarise(dataset)
    rows: list[tuple[str, object]] = [
        ("name", found.name),
        ("episodes, steps", f"{found.episodes:,}, {found.steps:,}"),
        ("agents, actions", f"{found.agents}: {', '.join(map(str, found.n_actions))}"),
        (
            "return",
            f"{found.returns.mean:.4g} ± {found.returns.std:.3g}, {found.returns.minimum:.4g} to {found.returns.maximum:.4g}",
        ),
        ("length", f"{found.lengths.mean:.4g}, {found.lengths.minimum:.4g} to {found.lengths.maximum:.4g}"),
        ("joint actions that occur", f"{found.joint_actions:,} of {found.joint_action_space:,}"),
        ("total correlation of the agents' actions, nats", found.total_correlation),
        ("chance that agents who copy apart leave the data", found.product_outside_support),
        ("SHA-256", found.digest),
    ]
    return "".join([page.table(("", ""), rows), *map(page.warning, found.warnings), *map(page.paragraph, found.notes)])


def _metrics(run: ReportedRun) -> str:
    names = list(dict.fromkeys(name for row in run.rows for name in row))
    return page.table(names, [[row.get(name) for name in names] for row in run.rows])
