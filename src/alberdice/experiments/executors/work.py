"""What every executor does with one run: train it in its folder, fresh or from where it was stopped, and say how it ended."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from alberdice.deep.training.callbacks import SIGNALLED
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.loop import Extras, run_training
from alberdice.errors import AlberDICEError, SolverError
from alberdice.experiments.planned import PlannedRun

__all__ = ["ONE_THREAD", "Ended", "Executor", "make_run", "single_threaded"]

#: what makes a process that is started with it compute with one thread: many runs side by side share a machine's cores
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Ended:
    """How a run ended: 'done', 'diverged', 'failed', 'stopped' or 'paused'; why, if it failed."""

    status: str
    reason: str = ""


class Executor(Protocol):
    """Takes folders of runs to be made, and leaves them made."""

    def execute(self, runs: Sequence[PlannedRun], step: Callable[..., None], share: float = 1.0) -> dict[PlannedRun, Ended]:
        """Train these runs, each from where its folder stands; no run that goes wrong stops another.

        Args:
            runs: that are not finished.
            step: called with a note, how many updates were made since the last call, and how many fewer are to be made than
                the runs' settings say.
            share: of their updates; below 1 a run pauses at its first evaluation from there on, to be continued later.

        Returns:
            How each of them ended.

        Raises:
            KeyboardInterrupt: stopped; what was under way is saved.
        """


def make_run(
    run: PlannedRun, progress: Callable[[str], None], share: float = 1.0, fewer: Callable[[int], None] | None = None
) -> Ended:
    """Train one run; whatever goes wrong in it is told, not raised, but for a ``progress`` whose listener is gone.

    Args:
        run: what to make, and where.
        progress: called after every update.
        share: as in ``Executor.execute``.
        fewer: see ``loop.Extras``.
    """
    pause = _Pause(share)
    looking = [*run.callbacks(), *([pause] if share < 1 else [])]
    extras = Extras(callbacks=looking, wandb=run.wandb, name=str(run), fewer=fewer)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # one progress bar and one report speak for all runs
            run_training(run.config, run.folder, resume=True, progress=progress, extras=extras)
    except SolverError as error:
        return Ended("diverged", str(error))
    except KeyboardInterrupt:
        return Ended("paused" if pause.came else "stopped")
    except BrokenPipeError:
        raise
    except AlberDICEError as error:
        return Ended("failed", str(error))
    except Exception as error:
        return Ended("failed", " ".join(f"{type(error).__name__}: {error}".split()))
    return Ended("done")


class _Pause:
    """Stops a run as a signal would, saved and to be continued bit for bit, at its first evaluation from a share on."""

    def __init__(self, share: float) -> None:
        self.share, self.came = share, False

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        if fitting.judged and fitting.done >= self.share * fitting.total and not fitting.over:
            self.came = True
            fitting.stop(SIGNALLED)


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Processes started in the block compute with one thread each."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
