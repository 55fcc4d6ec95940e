"""Callbacks of a run: signals, the choice of policies by data alone, checkpoints, kept policies, words of progress."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from alberdice.console import explain, tell, warn
from alberdice.deep.config import TrainConfig
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.selection import Selector

__all__ = ["SIGNALLED", "Checkpoints", "KeptPolicies", "Notes", "Remarks", "Selection", "Signals", "stoppable", "survivors"]

#: why a loop ends that a signal stopped
SIGNALLED = "a signal"


class Signals:
    """Stops the loop once a signal has come.

    Args:
        came: whether one has.
    """

    def __init__(self, came: Callable[[], bool]) -> None:
        self.came = came

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``; the last update ends by itself."""
        if self.came() and not fitting.over:
            fitting.stop(SIGNALLED)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM are noted instead of obeyed; the yielded function tells whether one came."""
    came: list[int] = []
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            before[number] = signal.signal(number, lambda got, frame: came.append(got))
        except ValueError:  # not the main thread: whoever runs this one decides
            break
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Selection:
    """Scores the policies by data alone when the settings say so, see ``selection``."""

    def __init__(self, config: TrainConfig, selector: Selector) -> None:
        self.config, self.selector = config, selector

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``; where a callback ends the run, its last policies are scored, too."""
        ended = self.config.select == "auto" and fitting.stopped not in ("", SIGNALLED)
        if ended or self.config.selects_after(fitting.done):
            cloned = 0 < fitting.done == fitting.pretraining
            self.selector.consider(fitting.policies, fitting.done, cloned=cloned)
            explain(self.selector.words())


class Remarks:
    """Says on stderr what the learner has to say once its pretraining is over, where it has such ``notes``."""

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        if fitting.trained == 1:
            for line, alarming in getattr(fitting.learner, "notes", list)():
                (warn if alarming else tell)(f"{'warning' if alarming else 'note'}: {line}")


class Checkpoints:
    """Saves every so many updates, and at the end.

    Args:
        every: updates between checkpoints.
        save: what saves.
    """

    def __init__(self, every: int, save: Callable[[Fitting], None]) -> None:
        self.every, self.save = every, save

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        if fitting.over or fitting.done % self.every == 0:
            self.save(fitting)
            explain(f"checkpoint after update {fitting.done}{', the last' if fitting.over else ''}")


def survivors(updates: Iterable[int], most: int) -> set[int]:
    """Which evaluations' policies are kept: whenever there are too many, every second one before the newest goes."""
    kept: list[int] = []
    for update in updates:
        kept.append(update)
        if len(kept) > most:
            del kept[-2::-2]
    return set(kept)


class KeptPolicies:
    """Keeps the policies of evaluations in a run's folder, as ``survivors`` says: of a run that was stopped, the same ones.

    Args:
        folder: the run's.
        most: how many are kept; 0: none.
        save_state: keeps what training needs to go on from there, too; None: nothing does.
    """

    def __init__(self, folder: RunDirectory, most: int, save_state: Callable[[Fitting], None] | None = None) -> None:
        self.folder, self.most, self.save_state = folder, most, save_state

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        if not (self.most and fitting.judged):
            return
        self.folder.save_policies(fitting.done, *fitting.policies.save())
        if self.save_state is not None:
            self.save_state(fitting)
        keep = survivors((int(row["update"]) for row in fitting.history), self.most)
        for update in {*self.folder.kept_updates(), *self.folder.kept_updates("states")} - keep:
            self.folder.drop(update)


class Notes:
    """Tells how it goes: the last evaluation's return and its gap to the data's, and the effective sample size in rows.

    Args:
        tell: called after every update with the words.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        words = []
        if fitting.history and "return_mean" in fitting.history[-1]:
            row = fitting.history[-1]
            words.append(f"return {row['return_mean']:.3f}")
            if "gap_to_data" in row:
                words.append(f"gap {row['gap_to_data']:+.3f}")
        if fitting.numbers:
            rows = fitting.numbers.get("effective_rows")
            words.append(f"update {fitting.done}" if rows is None else f"rows {rows:.0f}")
        self.tell(", ".join(words))
