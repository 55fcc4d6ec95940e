"""What a run leaves behind, read back: its policies, and how they play."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.datasets.resampled import Estimate
from alberdice.deep.learner import learner_class
from alberdice.deep.play.evaluation import evaluate, find_environment
from alberdice.deep.policies import Policies, load_policies
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.selection import SELECTED, scores_for
from alberdice.errors import InvalidArgumentError

__all__ = ["DEPLOYED", "check_fits", "evaluate_offline", "evaluate_run", "policies_of_run"]

_PLAY = "play them in an environment: evaluate RUN --environment NAME"

#: what the names of the policies' tensors begin with in a checkpoint
DEPLOYED = "deploy."


def policies_of_run(out: Path, update: str = "selected") -> Policies:
    """The policies of a run, from its checkpoint alone.

    Args:
        out: the run's folder.
        update: 'selected' (the last ones where none were selected), or 'last'.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or not one of this package.
    """
    tensors, header = RunDirectory(out).load()
    learner_class(header["algorithm"])  # what reads its policies registers itself
    if update not in ("selected", "last"):
        raise InvalidArgumentError("update", got=repr(update), expected="selected or last")
    selection = header.get("selection") or {}
    if update == "selected" and selection.get("policies"):
        chosen = {name.removeprefix(SELECTED): t for name, t in tensors.items() if name.startswith(SELECTED)}
        return load_policies(chosen, selection["policies"])
    deployed = {name.removeprefix(DEPLOYED): t for name, t in tensors.items() if name.startswith(DEPLOYED)}
    return load_policies(deployed, header["policies"])


def evaluate_offline(out: Path, *, dataset: str = "", models: int = 100, update: str = "selected") -> dict[str, Any]:
    """What data alone say of a run's policies: an estimated return with its interval, beside the data's own.

    Args:
        out: the run's folder.
        dataset: which data; '': those of the training, which flatter the policies that were chosen by them.
        models: resampled models, or networks.
        update: 'selected' or 'last'.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there; data with other agents, actions or observations; policies with a
            memory, which are not scored.
    """
    config = RunDirectory(out).read_json("config.json")
    policies = policies_of_run(out, update)
    data = load_dataset(dataset or config["dataset"], seed=config["dataset_seed"])
    check_fits(policies, data)
    scores = scores_for(data, 0, config.get("discount", 0.99), memory=policies.has_memory, models=models)
    if scores is None:
        raise InvalidArgumentError("offline", got="policies with a memory", expected="policies of observations", remedy=_PLAY)
    found, own = scores.estimate(policies), scores.data_return
    (low, high), (data_low, data_high) = found.interval(), own.interval()
    gain = Estimate(found.returns - own.returns).interval() if scores.comparable else (float("nan"), float("nan"))
    return {
        "run": str(out),
        "policies": update,
        "dataset": data.name,
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
    out: Path, *, environment: str = "auto", episodes: int = 1000, seed: int = 0, update: str = "selected"
) -> dict[str, Any]:
    """Returns of a finished or unfinished run's policies.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, no environment, or one that does not fit.
    """
    config = RunDirectory(out).read_json("config.json")
    policies = policies_of_run(out, update)
    name = config["environment"] if environment == "auto" else environment
    where = find_environment(name, config["dataset"])
    if where is None:
        remedy = "name a game or module:function with --environment"
        raise InvalidArgumentError("environment", got="none", expected="where to play", remedy=remedy)
    found = evaluate(policies, where, episodes, torch.Generator().manual_seed(seed), config["play"])
    return {
        "run": str(out),
        "policies": update,
        **{key: config[key] for key in ("algorithm", "dataset", "seed")},
        **asdict(found),
    }
