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

import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from alberdice.console import explain, tell, warn
from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.datasets.horizon import mean_return_within
from alberdice.deep import sums
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.weights import weight_warning
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import Learner, learner_class
from alberdice.deep.play.episodes import check_policies
from alberdice.deep.play.out_of_data import OutOfData
from alberdice.deep.play.returns import default_episodes
from alberdice.deep.play.venue import Venue, venue_of
from alberdice.deep.policies import load_policies
from alberdice.deep.training import callbacks as ours
from alberdice.deep.training import run_state
from alberdice.deep.training.device import arithmetic_of, capture_updates, check_captured, device_of
from alberdice.deep.training.evaluators import Returns, ShareOutOfData
from alberdice.deep.training.fit import Callback, Evaluator, Fitting, Logger, fit
from alberdice.deep.training.held_out import held_out_note, split_of
from alberdice.deep.training.loggers import MetricsFile, Narrator, TensorBoard
from alberdice.deep.training.played import played_beside, words_of
from alberdice.deep.training.ranks import Ranks, Together, hand_over, joined, updating
from alberdice.deep.training.result import TrainedRun, result_of
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_pictures import try_to_draw
from alberdice.deep.training.run_state import Origin, Run, check_folder, state_of
from alberdice.deep.training.second_opinion import second_opinion
from alberdice.deep.training.selection import UNSCORED, Selector, plain_numbers, scores_for
from alberdice.deep.training.tracking import WandB
from alberdice.environments import Environment, PlayOptions
from alberdice.errors import InvalidArgumentError, SolverError

__all__ = ["run_training", "train"]

#: what to do where policies are below the data
_TRY = (
    "more updates of cloning or of rounds, a larger alpha_end, more starts, a memory where agents see less than the state "
    "(policy = transformer), sharper play where episodes are long (play = sharp); until then keep what played the data "
    "(docs/trust.md)"
)

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
            data = dataset or load_dataset(config.dataset, seed=config.dataset_seed, memory_share=config.memory_share)
            options, where = PlayOptions.of(config.agents, config.flatten, config.max_steps), environment or config.environment
            with closing(venue_of(where, data, workers=config.workers if leads else 0, options=options)) as venue:
                run = _prepare(config, folder, data, venue, ranks)
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


def _prepare(
    config: TrainConfig, folder: RunDirectory | None, dataset: OfflineDataset, venue: Venue, ranks: Ranks | None
) -> Run:
    """Draw a fresh learner; the first of several processes judges it."""
    device = device_of(config)
    maker = learner_class(config.algorithm)
    if not isinstance(config, maker.settings):
        got, expected = type(config).__name__, f"settings of {config.algorithm}, {maker.settings.__name__}"
        raise InvalidArgumentError("config", got=got, expected=expected)
    split = split_of(dataset, config.held_out, config.seed)
    pieces, scored = (cut_episodes(part, _steps_per_episode(config, venue)) for part in (split.learned, split.scored))
    data = TrainingData.of_run(pieces, config, device)
    with sums.shared_by(ranks):
        learner = maker(data, config, torch.Generator().manual_seed(config.seed))
    capture_updates(learner, config, data, 1 if ranks is None else ranks.count)
    if venue.environment is not None:
        check_policies(learner.policies, venue.environment.spec)  # of somebody's own learner, too, before hours of training
    paced = getattr(learner, "config", config)  # a learner may choose its length by the data
    fitting = Fitting(learner, torch.Generator(device).manual_seed(config.seed + 1), paced.total, paced.pretraining)
    leads = ranks is None or ranks.place == 0
    selector = _selector(config, scored, learner) if leads else Selector(None, UNSCORED)
    judges = _evaluators(config, dataset, venue) if leads else (None, None)
    names = {"algorithm": config.algorithm, "dataset": config.dataset}
    return Run(config, names, folder, split, venue, device, fitting, selector, *judges, ranks=ranks)


def _steps_per_episode(config: TrainConfig, venue: Venue) -> int:
    """At how many steps the learner's episodes are cut; 0: not at all."""
    return config.steps_per_episode(venue.game.horizon if venue.game is not None else 0)


def _selector(config: TrainConfig, dataset: OfflineDataset, learner: Learner) -> Selector:
    """What keeps the run's best policies, by scores or, where there are none, the last ones."""
    if config.select == "last":
        return Selector(None, "as asked for (select = last)")
    discount, later = getattr(config, "discount", 0.99), getattr(config, "remembers_at_last", False)
    return Selector(scores_for(dataset, config.seed, discount, learner.policies, memory=later), UNSCORED)


def _evaluators(config: TrainConfig, dataset: OfflineDataset, venue: Venue) -> tuple[Returns | None, ShareOutOfData | None]:
    """What the run is judged by, where it is played at all."""
    where = venue.environment
    if where is None:
        return None, None
    episodes = config.evaluate_episodes or default_episodes(where.spec, config.evaluate_every, venue.longest)
    returns = Returns(where, episodes, seed=config.seed, play=config.play, data_return=_data_return(dataset, venue))
    shown = OutOfData.of(venue.game, dataset)
    return returns, None if shown is None else ShareOutOfData(shown, episodes, seed=config.seed, play=config.play)


def _data_return(dataset: OfflineDataset, venue: Venue) -> float:
    """Mean return of the data's episodes over as many steps as the policies play."""
    return mean_return_within(dataset, venue.horizon)


def _run(run: Run, progress: Progress, extras: Extras) -> TrainedRun:
    """Begin or continue, to the end; what callers add is the first process's."""
    config, folder, extras = run.config, run.folder, extras if run.leads else Extras()
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
        _finish(run, "diverged", str(error))
        raise
    if run.fitting.stopped == ours.SIGNALLED:
        where = "nothing is saved" if folder is None else f"saved in {folder.path}; --resume continues"
        tell(f"stopped at update {run.fitting.done}, {where}")
        raise KeyboardInterrupt
    return _finish(run, *_judged(run))


def _explain(run: Run) -> None:
    """What was decided before the first update."""
    config, data, where = run.config, run.dataset, run.venue.environment
    explain(f"{data.name}: {data.n_steps:,} steps of {data.n_episodes:,} episodes, agents with {data.n_actions} actions")
    cut = _steps_per_episode(config, run.venue)
    explain(f"episodes are {f'cut at {cut} steps' if cut else 'taken whole'}; evaluated every {config.evaluate_every} updates")
    if where is not None:
        chosen = "as asked for" if config.evaluate_episodes else "which costs about a tenth of the training"
        explain(f"played in {where.spec.name}, {run.returns.episodes if run.returns else 0} episodes each time, {chosen}")
    explain(f"{run.device}, {config.precision}, {config.threads} thread(s); updates {run.fitting.done} to {run.fitting.total}")
    for name, choice in getattr(run.learner, "choices", {}).items():
        explain(f"{config.algorithm} chose {name}: {choice}")


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


def _judged(run: Run) -> tuple[str, str]:
    """The status of a run that came to its end, and the reason where it is not 'done'."""
    where = run.venue.environment
    if run.leads and run.selector.scores is None and run.returns is not None and where is not None:
        run.played = played_beside(run.learner, run.returns, where, run.dataset, run.fitting.done)
    if fall := run.selector.fall():
        tell(f"note: {fall}")
    if run.selector.scores is not None and (caveat := run.selector.scores.caveat):
        tell(f"note: {caveat}")
    reason = run.selector.shortfall() or words_of(run.played)
    if not reason:
        return "done", ""
    warn(f"warning: {reason}; {_TRY}")
    return "below_behaviour", f"{reason}; {_TRY}"


def _finish(run: Run, status: str, reason: str) -> TrainedRun:
    """Write what came out, and only then draw it; but for the first process, nothing came out."""
    weights = plain_numbers(_weights(run))
    if not run.leads:
        return TrainedRun(run.config, {}, run.fitting, run.selector, run.venue, None)
    result = result_of(
        run.config,
        run.fitting,
        run.selector,
        run.venue,
        returns=run.returns,
        status=(status, reason),
        data_return=_data_return(run.dataset, run.venue),
        own={
            "episode_steps": _steps_per_episode(run.config, run.venue),
            "out_of_data": _outside(run),
            "weights": weights,
            "second_opinion": plain_numbers(_second_opinion(run)),
            "choices": getattr(run.learner, "choices", {}),
            "played": plain_numbers(run.played),
            "held_out": run.split.as_json(),
            "origin": run.origin,
            "agreement": plain_numbers(getattr(run.learner, "agreement", {})),
            "wall_seconds": round(time.perf_counter() - run.begun, 3),
            "device": run.device,
            "processes": 1 if run.ranks is None else run.ranks.count,
        },
    )
    if run.folder is not None:
        run.folder.write_result(result)
        if run.config.pictures:
            try_to_draw(run.folder.path, run.dataset)
    return TrainedRun(run.config, result, run.fitting, run.selector, run.venue, None if run.folder is None else run.folder.path)


def _outside(run: Run) -> dict[str, Any] | None:
    """How far the policies that are kept leave the data, and the last ones' share; None where that is not known."""
    if run.outside is None or run.outside.latest is None or run.selector.kept is None:
        return None if run.outside is None else run.outside.latest
    share = run.outside.latest["share"]
    return {**run.outside.measured(load_policies(*run.selector.kept), run.fitting.done), "last_share": share}


def _second_opinion(run: Run) -> dict[str, Any]:
    """What stationary distribution corrections say of the policies that are kept; a note where the scores say otherwise."""
    selector = run.selector
    if selector.scores is None or selector.best is None or selector.kept is None:
        return {}
    found = second_opinion(selector.scores, selector.best.interval, load_policies(*selector.kept), run.config.seed)
    if words := found["disagreement"]:
        tell(f"note: {words}")
    return found


def _weights(run: Run) -> dict[str, float]:
    """On how much of the data the learner's last weights rest, where it has such; a warning where that is little."""
    with sums.shared_by(run.ranks):
        report: dict[str, float] = getattr(run.learner, "weight_report", dict)()
    warning = weight_warning(report, run.split.learned.n_steps, run.split.learned.n_episodes) if report else ""
    if warning:
        warn(f"warning: {warning}, at the end of the last round")
    return report
