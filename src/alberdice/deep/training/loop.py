"""A training run: settings and data become a learner, ``fit`` runs it, and a folder (where there is one) keeps everything.

    train(config, out)               a fresh run; the folder must not hold one
    train(config, out, resume=True)  goes on from the checkpoint, bit for bit as if never stopped (on one CPU thread)
    train(config, out, origin=...)   goes on from a state that another run kept, in a folder of its own
    torchrun ... train ...           each of these by several processes, of which the first has the folder; see ``ranks``
    run_training(config, None, ...)  the same without a folder, on data and environments in memory

Every random draw of the training comes from one generator whose state is in the checkpoint; evaluations draw from generators
of their own, seeded by seed and update, so that evaluating more or less often changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alberdice.console import explain, tell
from alberdice.datasets import OfflineDataset
from alberdice.deep.config import TrainConfig
from alberdice.deep.play.venue import venue_of
from alberdice.deep.training import callbacks as ours
from alberdice.deep.training import run_state
from alberdice.deep.training.device import arithmetic_of, check_captured
from alberdice.deep.training.fit import Callback, Evaluator, Fitting, Logger, fit
from alberdice.deep.training.held_out import held_out_note
from alberdice.deep.training.loggers import MetricsFile, Narrator, TensorBoard
from alberdice.deep.training.preparation import loaded, prepared, steps_per_episode
from alberdice.deep.training.ranks import Together, hand_over, joined, updating
from alberdice.deep.training.result import TrainedRun, finished, judged
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_state import Origin, Run, check_folder, state_of
from alberdice.deep.training.tracking import WandB
from alberdice.environments import Environment, PlayOptions
from alberdice.errors import SolverError

__all__ = ["run_training", "train"]

Progress = Callable[[str], None]


@dataclass
class Extras:
    """What a caller adds to a run: evaluators, loggers and callbacks of one's own."""

    evaluators: Sequence[Evaluator] = ()
    loggers: Sequence[Logger] = ()
    callbacks: Sequence[Callback] = ()
    wandb: str = ""  # the project of Weights & Biases that the run is logged to, too
    name: str = ""  # what it is called there; by default as its folder
    #: told before the first update how many fewer than the settings' are to be made: done before, or the data choose so
    fewer: Callable[[int], None] | None = None


def train(
    config: TrainConfig,
    out: Path,
    *,
    resume: bool = False,
    origin: Origin | None = None,
    progress: Progress | None = None,
    wandb: str = "",
    fewer: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Train in a folder, and return what ``result.json`` holds; see ``run_training``; ``wandb``, ``fewer``: see ``Extras``."""
    extras = Extras(wandb=wandb, fewer=fewer)
    return run_training(config, out, resume=resume, origin=origin, progress=progress, extras=extras).result


def run_training(
    config: TrainConfig,
    out: Path | None,
    *,
    dataset: OfflineDataset | None = None,
    environment: Environment | None = None,
    resume: bool = False,
    origin: Origin | None = None,
    progress: Progress | None = None,
    extras: Extras | None = None,
) -> TrainedRun:
    """Train.

    Args:
        config: the settings.
        out: the run's folder; None: nothing is written.
        dataset: the data; None: those that the settings name.
        environment: where to evaluate; None: what the settings name.
        resume: continue the run that the folder holds, with the same settings on the same data.
        origin: the run, and the update of it, to begin from; not where a run is resumed.
        progress: called after every update with a note: the last evaluation's return and its gap to the data's, and the
            effective sample size in rows (or the number of updates, where the learner has no such).
        extras: further evaluators, loggers and callbacks.

    Raises:
        InvalidArgumentError, InvalidDataError: settings, data or a folder that do not fit.
        SolverError: training collapsed; the message says what to change, and ``result.json`` says so too.
        KeyboardInterrupt: stopped by SIGINT or SIGTERM, after saving.
    """
    with joined(config) as ranks:
        leads = ranks is None or ranks.place == 0
        folder = RunDirectory(out) if out is not None and leads else None
        with nullcontext() if folder is None else folder.locked():
            if folder is not None:
                check_folder(folder, config, resume)
            data = dataset or loaded(config)
            options, where = PlayOptions.of(config.agents, config.flatten, config.max_steps), environment or config.environment
            with closing(venue_of(where, data, workers=config.workers if leads else 0, options=options)) as venue:
                run = prepared(config, folder, data, venue, ranks)
                if leads:
                    _go_on(run, resume, origin)
                if ranks is not None:
                    hand_over(ranks, run.fitting, data.digest)
                return _run(run, progress or (lambda note: None), extras or Extras())


def _go_on(run: Run, resume: bool, origin: Origin | None) -> None:
    """From where the folder's run, or another one, was left."""
    folder = run.folder
    if folder is not None and resume and folder.has_checkpoint:
        run_state.resume(run, folder)
    elif origin is not None:
        run_state.begin_from(run, origin)
        if folder is not None:
            folder.save(*run_state.state_of(run))  # before the settings: a folder that has those can be resumed


def _run(run: Run, progress: Progress, extras: Extras) -> TrainedRun:
    """Begin or continue, to the end; what callers add is the first process's."""
    config, folder, extras = run.config, run.folder, extras if run.leads else Extras()
    if folder is not None and run.before is not None:
        explain(f"the run in {folder.path} is finished: nothing is done, and nothing written")
        if extras.fewer is not None:
            extras.fewer(config.total)
        return TrainedRun(config, run.before, run.fitting, run.selector, run.venue, folder.path)
    if folder is not None:
        folder.write_json("config.json", asdict(config))
    for note in (*run.venue.notes, *held_out_note(run.split)):
        tell(note)
    _explain(run)
    if extras.fewer is not None:
        extras.fewer(config.total - (run.fitting.total - run.fitting.done))
    loggers = [Narrator(), *_loggers(run, extras)]
    try:
        with arithmetic_of(config, run.device) as arithmetic, ours.stoppable() as came:
            fit(
                run.learner,
                config.updates,
                run.fitting.generator,
                evaluators=[*_present(run.returns, run.outside), *extras.evaluators],
                loggers=[*loggers, *extras.loggers],
                callbacks=[ours.Signals(came), *extras.callbacks, *_callbacks(run), ours.Notes(progress)],
                evaluate_every=config.evaluate_every,
                arithmetic=updating(run.ranks, arithmetic),
                going=run.fitting,
            )
    except SolverError as error:
        finished(run, "diverged", str(error))
        raise
    if run.fitting.stopped == ours.SIGNALLED:
        where = "nothing is saved" if folder is None else f"saved in {folder.path}; --resume continues"
        tell(f"stopped at update {run.fitting.done}, {where}")
        raise KeyboardInterrupt
    return finished(run, *judged(run))


def _explain(run: Run) -> None:
    """What was decided before the first update."""
    config, data, where = run.config, run.dataset, run.venue.environment
    explain(f"{data.name}: {data.n_steps:,} steps of {data.n_episodes:,} episodes, agents with {data.n_actions} actions")
    cut = steps_per_episode(config, run.venue)
    explain(f"episodes are {f'cut at {cut} steps' if cut else 'taken whole'}; evaluated every {config.evaluate_every} updates")
    if where is not None:
        chosen = "as asked for" if config.evaluate_episodes else "which costs about a tenth of the training"
        explain(f"played in {where.spec.name}, {run.returns.episodes if run.returns else 0} episodes each time, {chosen}")
    explain(f"{run.device}, {config.precision}, {config.threads} thread(s); updates {run.fitting.done} to {run.fitting.total}")
    for name, choice in getattr(run.learner, "choices", {}).items():
        explain(f"{run.names['algorithm']} chose {name}: {choice}")


def _present(*evaluators: Evaluator | None) -> list[Evaluator]:
    return [each for each in evaluators if each is not None]


def _loggers(run: Run, extras: Extras) -> list[Logger]:
    if run.folder is None:
        return []
    board = TensorBoard(run.folder.path / "tensorboard", run.fitting.done, asdict(run.config))
    found: list[Logger] = [MetricsFile(run.folder, run.fitting.history), board]
    if extras.wandb:
        given: dict[str, Any] = {"done": run.fitting.done, "settings": asdict(run.config), "name": extras.name}
        found.append(WandB(run.folder.path / "wandb", extras.wandb, **given))
    return found


def _callbacks(run: Run) -> list[Callback]:
    """What every run does beside learning; the checkpoint comes last, since it holds what the others found."""
    together: list[Callback] = [] if run.ranks is None else [Together(run.ranks)]
    if not run.leads:
        return together
    found: list[Callback] = [ours.Remarks(), ours.Selection(getattr(run.learner, "config", run.config), run.selector)]
    if run.config.capture == "on":
        found.insert(0, _Captured(run.config))
    if run.folder is not None:
        folder, config = run.folder, run.config
        keep = (lambda fitting: folder.save_state(fitting.done, *state_of(run))) if config.keep_states else None
        found.append(ours.KeptPolicies(folder, config.keep_policies, keep))
        found.append(ours.Checkpoints(config.checkpoint_every, lambda fitting: folder.save(*state_of(run))))
    return [*together, *found]


class _Captured:
    """Refuses learners that were to be recorded and are not."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        check_captured(fitting.learner, self.config)
