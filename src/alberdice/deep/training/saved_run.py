"""What a run leaves behind, read back: its policies, and how they play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alberdice.console import explain
from alberdice.datasets import OfflineDataset
from alberdice.datasets.subset import Split
from alberdice.deep.learner import learner_of_file
from alberdice.deep.play.returns import default_episodes, evaluate
from alberdice.deep.play.venue import data_of, venue_of_run
from alberdice.deep.policies import Policies, read_policies
from alberdice.deep.training.export import Origins
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.second_opinion import second_opinion
from alberdice.deep.training.selection import SELECTED, UNSCORED, scores_for
from alberdice.environments import PlayOptions
from alberdice.environments.registry import find_environment, is_game, with_arguments
from alberdice.errors import InvalidArgumentError, InvalidDataError

__all__ = ["DEPLOYED", "check_fits", "check_header", "evaluate_offline", "evaluate_run", "origins_of_run", "policies_of_run"]


_NOTHING = type(None)
#: of a checkpoint's header: types, and whether every release wrote it
_HEADER: dict[str, tuple[tuple[type, ...], bool]] = {
    "algorithm": ((str,), True),
    "policies": ((dict,), True),
    "update": ((int,), True),
    "total": ((int,), False),
    "train_seconds": ((int, float), True),
    "selection": ((dict, _NOTHING), False),
    "history": ((list, _NOTHING), False),
    "data": ((str,), False),
    "held_out": ((dict,), False),
    "fingerprint": ((str,), False),
    "venue": ((dict, _NOTHING), False),
    "evaluation": ((dict, _NOTHING), False),
    "origin": ((dict, _NOTHING), False),
}
#: what the names of the policies' tensors begin with in a checkpoint
DEPLOYED = "deploy."


def policies_of_run(out: Path, update: str = "selected", *, trust: bool = False) -> Policies:
    """The policies of a run, from its checkpoint alone.

    Args:
        out: the run's folder.
        update: 'selected' (the last ones where none were selected), 'last', or the number of updates of a kept evaluation.
        trust: import an algorithm or networks of somebody's own that the checkpoint names.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or not one of this package.
    """
    return _policies_and_header(out, update, trust)[0]


def origins_of_run(out: Path, update: str = "selected") -> Origins:
    """What a run knows of its policies' agents and actions, and of where they come from.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or not one of this package.
    """
    folder = RunDirectory(out)
    config, facts = folder.read_settings(), folder.load()[1].get("venue") or {}
    header = facts.get("header", {})
    name = str(facts.get("environment") or config["environment"])
    if name in ("auto", "none"):  # nothing was played; the data may know where they come from
        name = with_arguments(str(header.get("environment", "")), header.get("environment_arguments", {}))
    game = find_environment(name).game if is_game(name) else None
    more = {key: config[key] for key in ("algorithm", "dataset", "seed", "play")} | {"environment": name, "update": update}
    named = tuple(tuple(own) for own in header.get("action_names", ()))
    return Origins(tuple(header.get("agents", ())), game.action_names if game else named, more)


def _policies_and_header(out: Path, update: str, trust: bool) -> tuple[Policies, dict[str, Any]]:
    folder = RunDirectory(out)
    tensors, header = folder.load()
    check_header(str(out / "checkpoint.safetensors"), header)
    learner_of_file(header["algorithm"], str(out), trust=trust)  # what reads its policies registers itself
    if update.isdecimal():
        return read_policies(str(out), *folder.load_policies(int(update)), trust=trust), header
    if update not in ("selected", "last"):
        raise InvalidArgumentError("update", got=repr(update), expected="selected, last or a number of updates")
    selection = header.get("selection") or {}
    kept = update == "selected" and selection.get("policies")
    prefix, shape = (SELECTED, kept) if kept else (DEPLOYED, header["policies"])
    chosen = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    return read_policies(str(out / "checkpoint.safetensors"), chosen, shape, trust=trust), header


def check_header(where: str, header: dict[str, Any]) -> None:
    """Raises InvalidDataError unless what a checkpoint's header says is of the types that runs write."""
    for name, (kinds, needed) in _HEADER.items():
        if name in header or needed:
            value = header.get(name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise InvalidDataError(f"{where}: {name}", got=repr(value)[:200], expected=expected)
    if not all(isinstance(row, dict) and isinstance(row.get("update"), int) for row in header.get("history") or []):
        raise InvalidDataError(f"{where}: history", got="another thing", expected="a row per evaluation")


def evaluate_offline(
    out: Path, *, dataset: str = "", models: int = 100, update: str = "selected", trust: bool = False
) -> dict[str, Any]:
    """What data alone say of a run's policies: an estimated return with its interval, the data's own, and a second opinion.

    Args:
        out: the run's folder.
        dataset: which data; '': the episodes that the run held out, or else those of its training, which flatter the policies
            that were chosen by them.
        models: resampled models, or networks.
        update: 'selected' or 'last'.
        trust: as of ``policies_of_run``.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there; data with other agents, actions or observations.
    """
    config = RunDirectory(out).read_settings()
    policies, header = _policies_and_header(out, update, trust)
    split = Split.read(data_of(config, dataset), {} if dataset else header.get("held_out", {}))
    data = split.scored
    check_fits(policies, data)
    scores = scores_for(data, 0, config.get("discount", 0.99), policies, models=models)
    if scores is None:
        raise InvalidArgumentError(
            "evaluate --offline", got=UNSCORED, expected="policies and data of which an estimate is known"
        )
    explain(f"{update} policies of {out} on {data.name}, {data.n_steps:,} steps: {scores.method}")
    found, own = scores.estimate(policies), scores.data_return
    (low, high), (data_low, data_high) = found.interval(), own.interval()
    gain = found.less(own.returns).interval() if scores.comparable else (float("nan"), float("nan"))
    return {
        "run": str(out),
        "policies": update,
        "dataset": data.name,
        "held_out": split.as_json(),
        "method": scores.method,
        "return": found.mean,
        "low": low,
        "high": high,
        "level": 0.9,
        "data_return": own.mean,
        "data_low": data_low,
        "data_high": data_high,
        "gain_low": gain[0],
        "gain_high": gain[1],
        "second_opinion": second_opinion(scores, (low, high), policies, 0),
    }


def check_fits(policies: Policies, data: OfflineDataset) -> None:
    """Raises InvalidArgumentError unless the data have the policies' agents, actions and observations."""
    expected = policies.n_actions, policies.features.mean.shape[-1]
    got = data.n_actions, data.observation_size
    if got != expected:
        where = f"dataset {data.name!r}"
        words = [f"actions {actions} and {size} features" for actions, size in (got, expected)]
        raise InvalidArgumentError(where, got=words[0], expected=words[1])


def evaluate_run(
    out: Path,
    *,
    environment: str = "auto",
    episodes: int = 0,
    seed: int = 0,
    play: str = "",
    workers: int = 0,
    update: str = "selected",
    options: PlayOptions | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """Returns of a finished or unfinished run's policies.

    Args:
        out: the run's folder.
        environment: where; 'auto': where the run was evaluated.
        episodes: how many; 0: so many that they cost about a tenth of the training, see ``play.returns``.
        seed: decides all of them.
        play: 'sample', 'sharp' or 'greedy'; '': as in the run's evaluations.
        workers: processes among which an environment's slots are divided.
        update: 'selected' (the policies chosen by data alone) or 'last'.
        options: how the environment is read; what they leave open is as in the run.
        trust: import and run what the run's folder names as module:function or module:Class.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, no environment, or one that does not fit.
    """
    config = RunDirectory(out).read_settings()
    policies, header = _policies_and_header(out, update, trust)
    where = venue_of_run(config, header.get("venue"), environment, workers=workers, options=options, trust=trust)
    if where.environment is None:
        remedy = f"name a game or module:function with --environment ({where.notes[0]})"
        raise InvalidArgumentError("environment", got="none", expected="where to play", remedy=remedy)
    with where.environment as opened:
        count = episodes or default_episodes(opened.spec, config["updates"], where.longest)
        why = "as asked for" if episodes else "about a tenth of the training's cost"
        explain(f"{update} policies of {out} in {opened.spec.name}: {count:,} episodes, {why}")
        found = evaluate(policies, opened, count, seed, play=play or config["play"])
    return {
        "run": str(out),
        "policies": update,
        **{key: config[key] for key in ("algorithm", "dataset", "seed")},
        **found.summary(),
    }
