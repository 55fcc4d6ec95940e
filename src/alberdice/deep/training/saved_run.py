"""What a run leaves behind, read back: its policies, and how they play."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from alberdice.deep.learner import learner_class
from alberdice.deep.play.evaluation import evaluate, find_environment
from alberdice.deep.policies import Policies, load_policies
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError

__all__ = ["DEPLOYED", "evaluate_run", "policies_of_run"]

#: what the names of the policies' tensors begin with in a checkpoint
DEPLOYED = "deploy."


def policies_of_run(out: Path) -> Policies:
    """The policies of a run, from its checkpoint alone.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or not one of this package.
    """
    tensors, header = RunDirectory(out).load()
    learner_class(header["algorithm"])  # what reads its policies registers itself
    deployed = {name.removeprefix(DEPLOYED): t for name, t in tensors.items() if name.startswith(DEPLOYED)}
    return load_policies(deployed, header["policies"])


def evaluate_run(out: Path, *, environment: str = "auto", episodes: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Returns of a finished or unfinished run's policies.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, no environment, or one that does not fit.
    """
    config = RunDirectory(out).read_json("config.json")
    policies = policies_of_run(out)
    name = config["environment"] if environment == "auto" else environment
    where = find_environment(name, config["dataset"])
    if where is None:
        remedy = "name a game or module:function with --environment"
        raise InvalidArgumentError("environment", got="none", expected="where to play", remedy=remedy)
    found = evaluate(policies, where, episodes, torch.Generator().manual_seed(seed), config["play"])
    return {"run": str(out), **{key: config[key] for key in ("algorithm", "dataset", "seed")}, **asdict(found)}
