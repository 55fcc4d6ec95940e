"""What a run leaves behind, read back: its policies, and how they play."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from alberdice.deep.data import Features
from alberdice.deep.evaluation import evaluate, find_environment
from alberdice.deep.learner import Policies
from alberdice.deep.networks import StackedMLP
from alberdice.deep.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError

__all__ = ["evaluate_run", "load_policies"]


def load_policies(out: Path) -> Policies:
    """The policies of a run, from its checkpoint alone."""
    tensors, header = RunDirectory(out).load()
    features = Features(tensors["deploy.mean"], tensors["deploy.scale"])
    base = None if header["base"] is None else (_network(header["base"]), tensors["deploy.base"])
    return Policies(_network(header["network"]), tensors["deploy.policies"], features, tuple(header["n_actions"]), base)


def _network(shape: dict[str, Any]) -> StackedMLP:
    return StackedMLP(**{**shape, "hidden": tuple(shape["hidden"])})


def evaluate_run(out: Path, *, environment: str = "auto", episodes: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Returns of a finished or unfinished run's policies.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, no environment, or one that does not fit.
    """
    config = RunDirectory(out).read_json("config.json")
    policies = load_policies(out)
    name = config["environment"] if environment == "auto" else environment
    where = find_environment(name, config["dataset"])
    if where is None:
        remedy = "name a game or module:function with --environment"
        raise InvalidArgumentError("environment", got="none", expected="where to play", remedy=remedy)
    found = evaluate(policies, where, episodes, torch.Generator().manual_seed(seed))
    return {"run": str(out), **{key: config[key] for key in ("algorithm", "dataset", "seed")}, **asdict(found)}
