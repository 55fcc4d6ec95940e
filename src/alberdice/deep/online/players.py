"""Policies that play recordings, by name: scripts, and what runs have learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alberdice.deep.online.folder import is_mat_run, mat_player
from alberdice.deep.play.episodes import PolicyPlayer
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments.contract import EnvironmentSpec
from alberdice.environments.play import MakePlayer
from alberdice.environments.scripts import find_script
from alberdice.errors import InvalidArgumentError

__all__ = ["find_player"]


def find_player(text: str, spec: EnvironmentSpec, *, trust: bool = False) -> MakePlayer:
    """Who plays under this name.

    Args:
        text: a run's folder, of ``train`` or of MAT, or a script (``environments.scripts``).
        spec: of the environment.
        trust: import an algorithm of somebody's own that a run's checkpoint names.

    Raises:
        InvalidArgumentError: no such folder or script, or a run of other agents, actions or features.
    """
    folder = Path(text)
    if not folder.is_dir():
        return find_script(text, spec)
    if is_mat_run(folder):
        player = mat_player(folder)
        shape = player.network.shape
        _check(text, (shape["n_agents"], shape["choices"], shape["observation"]), spec)
        return lambda numbers: player
    policies = policies_of_run(folder, trust=trust)
    _check(text, (len(policies.n_actions), max(policies.n_actions), int(policies.features.mean.shape[-1])), spec)
    return lambda numbers: PolicyPlayer(policies, policies.actor(len(numbers)))


def _check(text: str, sizes: tuple[Any, Any, Any], spec: EnvironmentSpec) -> None:
    wanted = (spec.n_agents, max(spec.n_actions), spec.observation_size)
    if sizes != wanted:
        words = "{} agents, {} actions, {} features"
        where, expected = f"policy {text!r}", f"{words.format(*wanted)}, as {spec.name} has"
        raise InvalidArgumentError(where, got=words.format(*sizes), expected=expected)
