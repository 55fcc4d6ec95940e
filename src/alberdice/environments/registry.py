"""The one table of names: games and environments, how to get what they need, and environments of one's own.

    "bridge"                                          a name of the table
    "xor-3"                                           XOR with three agents
    "module:function"                                 a function that makes a PettingZoo ParallelEnv, a Game or an environment
                                                      behind the contract
    "mpe2.simple_spread_v3:parallel_env(N=2)"         either, with arguments: Python's literals by name

``auto`` is the environment that a dataset's header names, with its arguments; a dataset's own name decides nothing.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from alberdice import games
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, PlayOptions
from alberdice.environments.football import HOW, SCENARIOS, football
from alberdice.environments.passwords import passwords_environment
from alberdice.environments.rware import SIZES, TEAMS, warehouse
from alberdice.environments.rware.exact import ring_warehouse
from alberdice.environments.smac import SMAC_MAPS, smac
from alberdice.environments.smax import MAPS, fights
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.games.game import Game
from alberdice.games.zoo import zoo_game
from alberdice.names import import_named, nearest

__all__ = [
    "ENVIRONMENTS",
    "Environment",
    "EnvironmentEntry",
    "PlayOptions",
    "environment_for",
    "find_environment",
    "is_game",
    "known_environments",
    "register_environment",
    "split_arguments",
    "with_arguments",
]


@dataclass(frozen=True)
class EnvironmentEntry:
    """A name of the table.

    Attributes:
        make: gives a ``Game``, a PettingZoo parallel environment or a ``BatchedEnvironment``; a text 'module:function' is
            imported when it is asked for.
        description: one line.
        arguments: what ``make`` takes, with its defaults.
        needs: modules that must be installed, and what installs each, e.g. ``{"rware": "pip install alberdice[rware]"}``.
        game: whether ``make`` gives a ``Game``, whose exact model is known.
    """

    make: Callable[..., Any] | str
    description: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    game: bool = False


#: every name; ``register_environment`` adds to it
ENVIRONMENTS: dict[str, EnvironmentEntry] = {
    "xor": EnvironmentEntry(games.xor, "XOR of two agents, one step", game=True),
    "xor-N": EnvironmentEntry(games.n_agent_xor, "XOR of N agents, one step: xor-3, xor-4, ...", game=True),
    "penalty-xor": EnvironmentEntry(games.penalty_xor, "Penalty XOR, one step: the game of the matrix datasets", game=True),
    "climbing": EnvironmentEntry(games.climbing_game, "the climbing game, one step", game=True),
    "penalty": EnvironmentEntry(games.penalty_game, "the penalty game, one step", game=True),
    "stag-hunt": EnvironmentEntry(games.stag_hunt, "stag hunt, one step", game=True),
    "zoo": EnvironmentEntry(zoo_game, "a game of the zoo: zoo(name='relay'), ...", {"name": "relay"}, game=True),
    "bridge": EnvironmentEntry(games.bridge, "Bridge, hard: both agents begin on it", game=True),
    "bridge-original": EnvironmentEntry(
        partial(games.bridge, hard=False), "Bridge as it was first: the agents begin beside it", game=True
    ),
    "rware-ring": EnvironmentEntry(
        ring_warehouse, "a warehouse so small that its MMDP is known: two agents, a ring", game=True
    ),
    "passwords": EnvironmentEntry(
        passwords_environment,
        "passwords on which any number of agents must agree: passwords(n_agents=32)",
        {"n_agents": 4},
    ),
    **{
        f"rware-{size}-{n}ag": EnvironmentEntry(
            partial(warehouse, size, n), f"robotic warehouse, {size} map, {n} agents, {2 * n} requests, 500 steps"
        )
        for size in SIZES
        for n in TEAMS
    },
    **{
        f"smax-{name}": EnvironmentEntry(
            partial(fights, name),
            f"SMAX (JAX, not SMAC): {battle.n_allies} units against {battle.n_enemies}, 100 steps",
            needs={"jaxmarl": "pip install 'alberdice[starcraft]'"},
        )
        for name, battle in MAPS.items()
    },
    **{
        f"football-{name}": EnvironmentEntry(
            partial(football, name),
            f"Google Research Football: {scenario.level.removeprefix('academy_').replace('_', ' ')}, "
            f"{scenario.n_agents} agents, 401 steps",
            needs={"gfootball": HOW, "pettingzoo": "pip install 'alberdice[games]'"},
        )
        for name, scenario in SCENARIOS.items()
    },
    "smac": EnvironmentEntry(
        smac, "SMAC on any of its maps: smac(map_name='3m', python='/opt/smac/bin/python')", {"map_name": "3m"}
    ),
    **{
        f"smac-{name}": EnvironmentEntry(partial(smac, name), "SMAC itself, where StarCraft II and smac are installed")
        for name in SMAC_MAPS
    },
}
#: names that every process knows
_OURS = frozenset(ENVIRONMENTS)


def register_environment(name: str, entry: EnvironmentEntry) -> None:
    """Make an environment known by a name.

    Raises:
        InvalidArgumentError: a name that is taken by another entry, or that could not be asked for.
    """
    if not re.fullmatch(r"[A-Za-z][\w.\-]*", name) or name in ("auto", "none"):
        expected = "letters, digits, dots, dashes; not auto or none"
        raise InvalidArgumentError("environment name", got=repr(name), expected=expected)
    if ENVIRONMENTS.get(name, entry) != entry:
        raise InvalidArgumentError("environment name", got=repr(name), expected="a name that is not taken")
    ENVIRONMENTS[name] = entry


def known_environments() -> list[tuple[str, str, str]]:
    """Of every name: the name, its description, and what would install what is missing ('' where nothing is)."""
    return [(name, entry.description, "; ".join(_missing(entry).values())) for name, entry in ENVIRONMENTS.items()]


def _missing(entry: EnvironmentEntry) -> dict[str, str]:
    return {module: how for module, how in entry.needs.items() if importlib.util.find_spec(module) is None}


@dataclass(frozen=True)
class Environment:
    """An environment that was found; nothing of it is made before it is opened or its game asked for.

    Attributes:
        name: as it was asked for, without its arguments.
        make: see ``EnvironmentEntry``.
        arguments: what ``make`` is called with.
        findable: whether another process finds it by its name, too.
    """

    name: str
    make: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    findable: bool = False

    def __str__(self) -> str:
        """The text by which ``find_environment`` finds it again."""
        return with_arguments(self.name, self.arguments)

    def made(self) -> Any:
        """A game, a parallel environment, or an environment behind the contract.

        Raises:
            InvalidArgumentError: arguments that do not fit, or code of the environment's own that fails.
        """
        try:
            return self.make(**self.arguments)
        except (InvalidArgumentError, ResourceError):
            raise
        except (Exception, SystemExit) as error:
            got = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            where, expected = f"environment {str(self)!r}", "an environment when it is made"
            raise InvalidArgumentError(where, got=got, expected=expected) from error

    @cached_property
    def game(self) -> Game | None:
        """The game, whose exact model is known; None for other environments."""
        product = self.made()
        if isinstance(product, Game):
            return product
        if callable(getattr(product, "close", None)):
            product.close()
        return None

    def open(self, options: PlayOptions | None = None, *, workers: int = 0) -> BatchedEnvironment:
        """Ready to play; to be closed.

        Args:
            options: how it is read; None: as it is.
            workers: processes among which the slots are divided; 0: this one, as always where all slots are played by array
                operations.

        Raises:
            InvalidArgumentError: what is made is no environment, or not one of the agents and the rule asked for.
        """
        options = options or PlayOptions()
        if workers:
            from alberdice.environments.vector import SideBySide

            beside = SideBySide(self, options, workers)
            if not beside.spec.vectorised:
                return beside
            beside.close()
        product = self.made()
        if isinstance(product, Game):
            from alberdice.environments.games import GameEnvironment

            rule = options.team_reward
            return _as_asked(GameEnvironment(product, max_steps=options.max_steps, team_reward=rule), options)
        if isinstance(getattr(product, "spec", None), EnvironmentSpec):
            return _as_asked(product, replace(options, max_steps=None), "max_steps" if options.max_steps else "")
        from alberdice.environments.pettingzoo import PettingZooEnvironment

        spare = [product]
        return PettingZooEnvironment(
            lambda: spare.pop() if spare else self.made(),
            name=self.name,
            agents=options.agents,
            team_reward=options.team_reward,
            flatten=options.flatten,
            max_steps=options.max_steps,
        )


def _as_asked(environment: BatchedEnvironment, options: PlayOptions, refused: str = "") -> BatchedEnvironment:
    """An environment behind the contract, if its agents and rule are those asked for; closed otherwise."""
    spec, wanted = environment.spec, options.agents
    own = tuple(wanted.values()) if isinstance(wanted, Mapping) else wanted
    where, rules = f"environment {spec.name!r}", {options.team_reward, spec.team_reward}
    try:
        if own is not None and tuple(own) != spec.agents:
            expected = f"{', '.join(own)}, in this order"
            raise InvalidArgumentError(f"{where}, agents", got=", ".join(spec.agents), expected=expected)
        if len(rules) > 1 and not rules <= {"common", "mean"}:
            got, expected = f"the rule {spec.team_reward!r}", repr(options.team_reward)
            raise InvalidArgumentError(f"{where}, team_reward", got=got, expected=expected)
        if refused or options.flatten:
            expected = "nothing: this environment decides it for itself"
            raise InvalidArgumentError(f"{where}, {refused or 'flatten'}", got="a value", expected=expected)
    except InvalidArgumentError:
        environment.close()
        raise
    if isinstance(wanted, Mapping):
        environment.spec = replace(spec, agents=tuple(wanted))
    return environment


def find_environment(name: str, arguments: Mapping[str, Any] | None = None) -> Environment:
    """The environment of that name.

    Args:
        name: see the module.
        arguments: more of them; those in the name are taken where both give one.

    Raises:
        InvalidArgumentError: no such name, module or function; arguments that cannot be read.
        ResourceError: what it needs is not installed.
    """
    base, given = split_arguments(name)
    given = {**(arguments or {}), **given}
    if ":" in base:
        make = import_named(base, "environment")
        if not callable(make):
            got, expected = f"{type(make).__name__}, not a function", "a function that makes an environment"
            raise InvalidArgumentError(f"environment {base!r}", got=got, expected=expected)
        return Environment(base, make, given, findable=True)
    if match := re.fullmatch(r"xor-(\d+)", base):
        return Environment(base, partial(games.n_agent_xor, int(match[1])), given, findable=True)
    entry = ENVIRONMENTS.get(base)
    if entry is None or base == "xor-N":
        expected = f"one of {', '.join(ENVIRONMENTS)}, or module:function"
        raise InvalidArgumentError("environment", got=repr(base), expected=expected, remedy=nearest(base, ENVIRONMENTS))
    for module, how in _missing(entry).items():
        where = f"environment {base!r}"
        raise ResourceError(where, got=f"no module {module!r}", expected="it installed", remedy=how)
    make = import_named(entry.make, "environment") if isinstance(entry.make, str) else entry.make
    return Environment(base, make, given, findable=base in _OURS)


def with_arguments(name: str, arguments: Mapping[str, Any]) -> str:
    """A name and its arguments in one text."""
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    return f"{name}({given})" if given else name


def is_game(text: str) -> bool:
    """Whether a text, with or without arguments, names a game of the table, or XOR of so many agents."""
    base = text.partition("(")[0].strip()
    entry = ENVIRONMENTS.get(base)
    return re.fullmatch(r"xor-\d+", base) is not None or (entry is not None and entry.game and base != "xor-N")


def split_arguments(text: str) -> tuple[str, dict[str, Any]]:
    """A name and the arguments behind it in brackets."""
    match = re.fullmatch(r"([^()]+)\((.*)\)", text.strip(), re.DOTALL)
    if not match:
        return text.strip(), {}
    expected = "literals by name, e.g. name(size=3, hard=True)"
    try:
        call = ast.parse(f"f({match[2]})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args or any(each.arg is None for each in call.keywords):
            raise ValueError
        return match[1], {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        where = f"environment {match[1]!r}, arguments"
        raise InvalidArgumentError(where, got=match[2], expected=expected) from None


def environment_for(name: str, header: Any) -> tuple[Environment | None, str]:
    """The environment of that name, or of a dataset's header, or none; and why there is none.

    Args:
        name: 'auto': the one that the header names; 'none'; else as ``find_environment``.
        header: a dataset's, with ``environment`` and ``environment_arguments``.

    Raises:
        InvalidArgumentError, ResourceError: see ``find_environment``; 'auto' raises nothing but gives the reason.
    """
    if name == "none":
        return None, "no evaluation: environment is none"
    if name != "auto":
        return find_environment(name), ""
    if not header.environment:
        return None, "no evaluation: the data name no environment; name one with --environment"
    if ":" in header.environment:  # a file decides nothing about which code is run
        return None, f"no evaluation: the data come from {header.environment}; name it with --environment to play there"
    try:
        return find_environment(header.environment, header.environment_arguments), ""
    except (InvalidArgumentError, ResourceError) as error:
        return None, f"no evaluation: the data name an environment that is not found here: {error}"
