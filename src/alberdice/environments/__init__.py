"""Environments: what plays, many episodes at a time, for evaluation and collection.

contract     what an environment is                     games        any game, by array operations
registry     the one table of names                     pettingzoo   any ParallelEnv, an instance per slot
fit          checks before any work                     vector       slots divided among worker processes
"""

from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.fit import check_environment, check_fit, open_for
from alberdice.environments.registry import (
    ENVIRONMENTS,
    Environment,
    EnvironmentEntry,
    PlayOptions,
    environment_for,
    find_environment,
    known_environments,
    register_environment,
)

__all__ = [
    "ENVIRONMENTS",
    "BatchedEnvironment",
    "Environment",
    "EnvironmentEntry",
    "EnvironmentSpec",
    "Frame",
    "PlayOptions",
    "Step",
    "check_environment",
    "check_fit",
    "environment_for",
    "find_environment",
    "known_environments",
    "open_for",
    "register_environment",
]
