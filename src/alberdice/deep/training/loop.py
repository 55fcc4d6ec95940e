"""The training loop: a learner's updates, evaluations, checkpoints, and what happens when something stops it.

    train(config, out)               a fresh run; the folder must not hold one
    train(config, out, resume=True)  goes on from the checkpoint, bit for bit as if never stopped (on one CPU thread)

Every random draw of the training comes from one generator whose state is in the checkpoint; evaluations draw from generators
of their own, seeded by seed and update, so that evaluating more or less often changes nothing else.
"""

from __future__ import annotations

import json
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import alberdice
from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.deep.algorithms.weights import weight_warning
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import Learner, learner_class
from alberdice.deep.play.episodes import check_policies
from alberdice.deep.play.out_of_data import OutOfData
from alberdice.deep.play.returns import Evaluation, default_episodes, evaluate
from alberdice.deep.play.venue import Venue, venue_of
from alberdice.deep.policies import load_policies
from alberdice.deep.training.device import Arithmetic, arithmetic_of, capture_updates, check_captured, device_of
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_pictures import try_to_draw
from alberdice.deep.training.saved_run import DEPLOYED
from alberdice.deep.training.selection import (
    SCORES,
    SELECTED,
    OfflineScores,
    Selector,
    plain_numbers,
    scores_for,
    split_selection,
)
from alberdice.errors import InvalidArgumentError, SolverError

__all__ = ["train"]

#: updates between looks at the metrics
_LOOK_EVERY = 100

#: what to do where policies are below the data
_TRY = "raise alpha_end, train for more updates, or use the data's own policies (docs/trust.md)"

Progress = Callable[[str], None]


@dataclass
class _Run:
    """A run under way."""

    config: TrainConfig
    folder: RunDirectory
    dataset: OfflineDataset
    learner: Learner
    generator: torch.Generator
    venue: Venue
    device: str
    progress: Progress
    selector: Selector
    curves: Any = None
    done: int = 0
    train_seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    latest: Evaluation | None = None
    shown: OutOfData | None = None
    out_of_data: dict[str, Any] | None = None
    notes: dict[str, str] = field(default_factory=lambda: {"played": "", "looked": ""})


def train(config: TrainConfig, out: Path, *, resume: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Train, and return what ``result.json`` holds.

    Args:
        config: the settings.
        out: the run's folder.
        resume: continue the run that the folder holds, with the same settings.
        progress: called after every update with a note: the last evaluation's return and its gap to the data's, and the
            effective sample size in rows (or the number of updates, where the learner has no such).

    Raises:
        InvalidArgumentError, InvalidDataError: settings, data or a folder that do not fit.
        SolverError: training collapsed; the message says what to change, and ``result.json`` says so too.
        KeyboardInterrupt: stopped by SIGINT or SIGTERM, after saving.
    """
    folder, begun = RunDirectory(out), time.perf_counter()
    with folder.locked():
        _check_folder(folder, config, resume)
        dataset = load_dataset(config.dataset, seed=config.dataset_seed)
        with closing(venue_of(config.environment, dataset, workers=config.workers)) as venue:
            return _run(_prepare(config, folder, dataset, venue, progress or (lambda note: None)), begun, resume)


def _run(run: _Run, begun: float, resume: bool) -> dict[str, Any]:
    """Begin or continue, to the end."""
    config, folder = run.config, run.folder
    if resume and folder.has_checkpoint:
        _restore(run)
    folder.write_json("config.json", asdict(config))
    for note in run.venue.notes:
        print(note, file=sys.stderr)
    run.curves = _curves(folder.path, run.done)
    try:
        with arithmetic_of(config, run.device) as arithmetic, _stoppable() as stopped:
            _loop(run, arithmetic, stopped)
    except SolverError as error:
        _finish(run, begun, "diverged", str(error))
        raise
    finally:
        run.curves.close()
    return _finish(run, begun, *_judged(run))


def _judged(run: _Run) -> tuple[str, str]:
    """The status of a run that came to its end, and the reason where it is not 'done'."""
    reason = run.selector.shortfall()
    if not reason:
        return "done", ""
    print(f"warning: {reason}; {_TRY}", file=sys.stderr)
    return "below_behaviour", f"{reason}; {_TRY}"


def _finish(run: _Run, begun: float, status: str, reason: str) -> dict[str, Any]:
    """Write what came out, and only then draw it."""
    result = _result(run, begun, status, reason)
    run.folder.write_json("result.json", result)
    if run.config.pictures:
        try_to_draw(run.folder.path, run.dataset)
    return result


def _check_folder(folder: RunDirectory, config: TrainConfig, resume: bool) -> None:
    """Refuse to overwrite a run, or to continue another one."""
    if not (folder.path / "config.json").exists():
        return
    if not resume:
        remedy = "add --resume to continue it, or choose another --out"
        raise InvalidArgumentError(str(folder.path), got="a folder that holds a run", expected="an empty one", remedy=remedy)
    was, now = folder.read_json("config.json"), json.loads(json.dumps(asdict(config)))
    if folder.has_checkpoint and folder.load()[1]["fingerprint"] != config.fingerprint():
        name = next((key for key in now if was.get(key) != now[key]), "a setting")
        remedy = "resume with the settings of config.json, or choose another --out"
        raise InvalidArgumentError(
            name, got=now.get(name), expected=f"{was.get(name, 'no such setting')}, as the run began", remedy=remedy
        )


def _prepare(config: TrainConfig, folder: RunDirectory, dataset: OfflineDataset, venue: Venue, progress: Progress) -> _Run:
    """Draw a fresh learner."""
    device = device_of(config)
    maker = learner_class(config.algorithm)
    if not isinstance(config, maker.settings):
        got, expected = type(config).__name__, f"settings of {config.algorithm}, {maker.settings.__name__}"
        raise InvalidArgumentError("config", got=got, expected=expected)
    pieces = cut_episodes(dataset, _steps_per_episode(config, venue))
    data = TrainingData.build(pieces, standardise=config.standardise, share=config.merges_frames, device=device)
    learner = maker(data, config, torch.Generator().manual_seed(config.seed))
    if config.capture:
        capture_updates(learner, config, data.states.device)
    if venue.environment is not None:
        check_policies(learner.policies, venue.environment.spec)  # of somebody's own learner, too, before hours of training
    generator = torch.Generator(device).manual_seed(config.seed + 1)
    shown = OutOfData.of(venue.game, dataset)
    selector = Selector(_scores(config, pieces, learner))
    return _Run(config, folder, dataset, learner, generator, venue, device, progress, selector, shown=shown)


def _scores(config: TrainConfig, dataset: OfflineDataset, learner: Learner) -> OfflineScores | None:
    """How the run's policies are scored."""
    if config.select == "last":
        return None
    return scores_for(dataset, config.seed, getattr(config, "discount", 0.99), memory=learner.policies.has_memory)


def _steps_per_episode(config: TrainConfig, venue: Venue) -> int:
    """At how many steps the learner's episodes are cut; 0: not at all."""
    return config.steps_per_episode(venue.game.horizon if venue.game is not None else 0)


def _restore(run: _Run) -> None:
    tensors, header = run.folder.load()
    run.generator.set_state(tensors.pop("generator"))
    kept = {name: tensors.pop(name) for name in [*tensors] if name.startswith((SELECTED, SCORES))}
    run.selector.restore(*split_selection(kept), header["selection"])
    run.learner.load_state_dict({name: tensor.to(run.device) for name, tensor in tensors.items()})
    run.done, run.train_seconds = header["update"], header["train_seconds"]
    run.rows = run.folder.read_metrics(run.done)
    if header.get("evaluation"):
        run.latest, run.out_of_data = Evaluation(**header["evaluation"]), header["out_of_data"]


def _loop(run: _Run, arithmetic: Arithmetic, stopped: Callable[[], bool]) -> None:
    """All updates that are left."""
    config, clock = run.config, time.perf_counter()
    while run.done < config.total:
        with arithmetic():
            metrics = run.learner.update(run.generator)
        if config.capture:
            check_captured(run.learner, config)
        run.done += 1
        trained = run.done - config.pretraining
        last = run.done == config.total
        evaluating = last or (trained > 0 and trained % config.evaluate_every == 0)
        if evaluating or run.done % _LOOK_EVERY == 0:
            _look(run, metrics)
        if config.selects_after(run.done):
            run.train_seconds += time.perf_counter() - clock
            run.selector.consider(run.learner.policies, run.done, cloned=0 < run.done == config.pretraining)
            clock = time.perf_counter()
        if evaluating:
            run.train_seconds += time.perf_counter() - clock
            _evaluate(run, metrics)
            clock = time.perf_counter()
        stop = stopped() and not last
        if last or stop or run.done % config.checkpoint_every == 0:
            run.train_seconds += time.perf_counter() - clock
            _save(run)
            clock = time.perf_counter()
        run.progress(", ".join(filter(None, run.notes.values())))
        if stop:
            print(f"stopped at update {run.done}, saved in {run.folder.path}; --resume continues", file=sys.stderr)
            raise KeyboardInterrupt


def _look(run: _Run, metrics: dict[str, Tensor]) -> None:
    """Stop if training has collapsed; otherwise note the effective sample size, or how far it is."""
    plain = {name: float(value) for name, value in metrics.items()}
    complaint = run.learner.complaint(plain)
    if complaint:
        what, _, remedy = complaint.partition(": ")
        raise SolverError(f"training at update {run.done}", got=what, expected="a run that can go on", remedy=remedy)
    for name, value in plain.items():
        run.curves.add_scalar(f"training/{name}", value, run.done)
    rows = plain.get("effective_rows")
    run.notes["looked"] = f"update {run.done}" if rows is None else f"rows {rows:.0f}"


def _evaluate(run: _Run, metrics: dict[str, Tensor]) -> None:
    """Play episodes, write a row of metrics."""
    row = {"update": run.done, "seconds": round(run.train_seconds, 3), **{k: float(v) for k, v in metrics.items()}}
    where = run.venue.environment
    if where is not None:
        seed, config = (run.config.seed << 24) + run.done, run.config
        episodes = _episodes(run)
        run.latest = evaluate(run.learner.policies, where, episodes, seed, play=config.play)
        gap = run.latest.return_mean - _data_return(run)
        row |= {**run.latest.numbers(), "gap_to_data": gap}
        if run.shown is not None:
            run.out_of_data = run.shown.measured(run.learner.policies, episodes, seed, config.play)
            row["out_of_data"] = run.out_of_data["share"]
        run.notes["played"] = f"return {run.latest.return_mean:.3f}, gap {gap:+.3f}"
        run.curves.add_scalar("evaluation/return_mean", run.latest.return_mean, run.done)
    run.rows.append(row)
    run.folder.write_metrics(run.rows)


def _episodes(run: _Run) -> int:
    """How many episodes an evaluation plays."""
    where, config = run.venue.environment, run.config
    assert where is not None
    return config.evaluate_episodes or default_episodes(where.spec, config.evaluate_every, run.venue.longest)


def _data_return(run: _Run) -> float:
    """Mean return of the data's episodes, per step in games of one step."""
    one_shot = run.venue.game is not None and run.venue.game.horizon == 1
    return float(run.dataset.rewards.mean() if one_shot else run.dataset.returns.mean())


def _save(run: _Run) -> None:
    deployed, shape = run.learner.policies.save()
    tensors = {**run.learner.state_dict(), "generator": run.generator.get_state()}
    tensors |= {f"{DEPLOYED}{name}": tensor for name, tensor in deployed.items()}
    selected, selection = run.selector.state()
    tensors |= selected
    header = {
        "update": run.done,
        "train_seconds": run.train_seconds,
        "fingerprint": run.config.fingerprint(),
        "algorithm": run.config.algorithm,
        "dataset": run.config.dataset,
        "policies": shape,
        "selection": selection,
        "venue": run.venue.facts,
        "evaluation": asdict(run.latest) if run.latest else None,
        "out_of_data": run.out_of_data,
    }
    run.folder.save(tensors, header)


def _result(run: _Run, begun: float, status: str, reason: str) -> dict[str, Any]:
    """What came out; of a run that diverged, with its last good evaluation."""
    last = run.latest or Evaluation(float("nan"), float("nan"), 0, float("nan"))
    found, selection = last, run.selector.report()
    where = run.venue.environment
    if run.selector.kept is not None and where is not None:
        seed, config = (run.config.seed << 24) + run.done, run.config
        found = evaluate(load_policies(*run.selector.kept), where, _episodes(run), seed, play=config.play)
    selection |= {"last_return_mean": last.return_mean, "last_return_exact": last.return_exact}
    return {
        "status": status,
        "reason": reason,
        "algorithm": run.config.algorithm,
        "dataset": run.config.dataset,
        "seed": run.config.seed,
        **found.summary(),
        "environment": run.venue.name,
        "notes": list(run.venue.notes),
        "data_return": _data_return(run),
        "episode_steps": _steps_per_episode(run.config, run.venue),
        "out_of_data": run.out_of_data,
        "selection": plain_numbers(selection),
        "weights": _weights(run),
        "updates": run.done,
        "wall_seconds": round(time.perf_counter() - begun, 3),
        "train_seconds": round(run.train_seconds, 3),
        "device": run.device,
        "versions": {
            "alberdice": alberdice.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _weights(run: _Run) -> dict[str, float]:
    """On how much of the data the learner's last weights rest, where it has such; a warning where that is little."""
    report: dict[str, float] = getattr(run.learner, "weight_report", dict)()
    warning = weight_warning(report, run.dataset.n_steps, run.dataset.n_episodes) if report else ""
    if warning:
        print(f"warning: {warning}, at the end of the last round", file=sys.stderr)
    return report


def _curves(out: Path, done: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"), purge_step=done)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM ask the loop to stop after the present update; the yielded function tells whether one came."""
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
