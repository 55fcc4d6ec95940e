"""``alberdice-deep``: the command line of the deep layer.

``datasets`` loads no torch; the other commands load it when they run.  ``cli.common`` says what exit codes mean.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any

import tyro

from alberdice import __version__
from alberdice.cli.collect import Collect
from alberdice.cli.common import DEEP_PROGRAM, Verbosity, run_command
from alberdice.cli.compare import Compare
from alberdice.cli.datasets import Datasets
from alberdice.cli.fight import Fight
from alberdice.cli.match import Match
from alberdice.cli.report import Report
from alberdice.cli.reproduce import Reproduce
from alberdice.cli.scale import Scale
from alberdice.cli.sweep import Sweep
from alberdice.cli.traffic import Traffic
from alberdice.cli.training import Evaluate, Export, Train, train_command
from alberdice.errors import InvalidArgumentError
from alberdice.machine import place

__all__ = ["command_class", "main"]


@dataclass(frozen=True)
class Version(Verbosity):
    """Print the version."""

    def run(self) -> None:
        """Print it."""
        print(__version__)


def command_class(arguments: Sequence[str]) -> Any:
    """What the arguments are parsed into; the settings of ``train`` are those of the algorithm that they name."""
    train: Any = train_command(arguments)
    commands: Any = (
        Annotated[train, tyro.conf.subcommand("train")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Compare, tyro.conf.subcommand("compare")]
        | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
        | Annotated[Sweep, tyro.conf.subcommand("sweep")]
        | Annotated[Scale, tyro.conf.subcommand("scale")]
        | Annotated[Report, tyro.conf.subcommand("report")]
        | Annotated[Collect, tyro.conf.subcommand("collect")]
        | Annotated[Traffic, tyro.conf.subcommand("traffic")]
        | Annotated[Fight, tyro.conf.subcommand("fight")]
        | Annotated[Match, tyro.conf.subcommand("match")]
        | Annotated[Datasets, tyro.conf.subcommand("datasets")]
        | Annotated[Version, tyro.conf.subcommand("version")]
    )
    return make_dataclass("Command", [("command", commands)], bases=(_Command,), frozen=True)


@dataclass(frozen=True)
class _Command:
    """Offline multi-agent learning with networks: datasets, training, evaluation, the paper's tables."""

    def run(self) -> int | None:
        """Run the command; its exit code."""
        command: Any = self.command  # type: ignore[attr-defined]
        if place().count > 1 and not isinstance(command, Train):
            got, expected = f"{place().count} processes", "one: train alone divides its work among them"
            raise InvalidArgumentError(
                type(command).__name__.lower(), got=got, expected=expected, remedy="start it without torchrun"
            )
        code: int | None = command.run()
        return code


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``alberdice-deep`` with these arguments (by default the process's) and exit with its code."""
    sys.exit(run_command(DEEP_PROGRAM, _commands, arguments, _Command.__doc__ or ""))


def _commands(arguments: Sequence[str]) -> Any:
    return tyro.conf.OmitSubcommandPrefixes[tyro.conf.OmitArgPrefixes[command_class(arguments)]]  # type: ignore[misc]


if __name__ == "__main__":
    main()
