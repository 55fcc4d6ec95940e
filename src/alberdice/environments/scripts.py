"""Policies that are scripts, by name: who plays without having learned.

    "random"                            uniform over the available actions
    "rware-expert(convention=1)"        see ``rware.experts.expert``
    "smax-fighter(target='weakest')"    see ``smax.fighters.fighter``
    "football-runner(passes=0.1)"       see ``football.runners.runner``
    "football-striker(way='wing')"      see ``football.strikers.striker``
    "module:function(argument=2)"       a function of the environment's spec and these arguments

A script gives, for the numbers of B episodes that begin, a player: an object with ``act(frame, uniforms) -> actions``, (B, N)
from what is seen and (B, N) uniform numbers in [0, 1); all that is random should come from these numbers, so that a collection
can be resumed and repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.football.runners import runner
from alberdice.environments.football.strikers import striker
from alberdice.environments.play import MakePlayer
from alberdice.environments.registry import split_arguments
from alberdice.environments.rware.experts import expert
from alberdice.environments.smax.fighters import fighter
from alberdice.errors import AlberDICEError, InvalidArgumentError
from alberdice.names import import_named, nearest

__all__ = ["SCRIPTS", "find_script"]


class _Random:
    """Uniform over what is available."""

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        rank = np.floor(uniforms * frame.masks.sum(axis=2))
        chosen: NDArray[np.int64] = (frame.masks.cumsum(axis=2) > rank[..., None]).argmax(axis=2)
        return chosen


def _random(spec: EnvironmentSpec) -> MakePlayer:
    return lambda numbers: _Random()


SCRIPTS: dict[str, Callable[..., MakePlayer]] = {
    "random": _random,
    "rware-expert": expert,
    "smax-fighter": fighter,
    "football-runner": runner,
    "football-striker": striker,
}
"""All scripts by name."""


def find_script(text: str, spec: EnvironmentSpec) -> MakePlayer:
    """The script of that name, for an environment.

    Args:
        text: see the module.
        spec: of the environment.

    Raises:
        InvalidArgumentError: no such script; arguments that do not fit; code of its own that fails.
    """
    base, given = split_arguments(text)
    if ":" in base:
        script = import_named(base, "policy")
    elif base in SCRIPTS:
        script = SCRIPTS[base]
    else:
        expected = f"one of {', '.join(SCRIPTS)}; a run's folder; or module:function"
        raise InvalidArgumentError("policy", got=repr(base), expected=expected, remedy=nearest(base, SCRIPTS))
    where = f"policy {text!r}"
    try:
        made = script(spec, **given)
    except AlberDICEError:
        raise
    except (Exception, SystemExit) as error:  # code of the script's own
        got = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InvalidArgumentError(where, got=got, expected="a script for this environment") from error
    if not callable(made):
        expected = "a function that gives a player for the numbers of episodes"
        raise InvalidArgumentError(where, got=type(made).__name__, expected=expected)
    maker: MakePlayer = made
    return maker
