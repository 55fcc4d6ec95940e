"""``alberdice-deep``: the command line of the deep layer.

``datasets`` loads no torch; the other commands load it when they run.  Exit codes: 0 done, 1 the work failed, 2 the request was
wrong; an error is one line on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any

import tyro

from alberdice.cli.collect import Collect
from alberdice.cli.common import run_command
from alberdice.cli.compare import Compare
from alberdice.cli.datasets import Datasets
from alberdice.cli.reproduce import Reproduce
from alberdice.cli.traffic import Traffic
from alberdice.cli.training import Evaluate, train_command
from alberdice.errors import AlberDICEError
from alberdice.texts import one_line

__all__ = ["command_class", "main"]

PROGRAM = "alberdice-deep"


def command_class(arguments: Sequence[str]) -> Any:
    """What the arguments are parsed into; the settings of ``train`` are those of the algorithm that they name."""
    train: Any = train_command(arguments)
    commands: Any = (
        Annotated[train, tyro.conf.subcommand("train")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Compare, tyro.conf.subcommand("compare")]
        | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
        | Annotated[Collect, tyro.conf.subcommand("collect")]
        | Annotated[Traffic, tyro.conf.subcommand("traffic")]
        | Annotated[Datasets, tyro.conf.subcommand("datasets")]
        | Annotated[None, tyro.conf.subcommand("version")]
    )
    return make_dataclass("Command", [("command", commands)], bases=(_Command,), frozen=True)


@dataclass(frozen=True)
class _Command:
    """Offline multi-agent learning with networks: datasets, training, evaluation, the paper's tables."""

    def run(self) -> None:
        """Run the command; those that return an exit code exit with it."""
        command: Any = self.command  # type: ignore[attr-defined]
        if command is None:
            from alberdice import __version__

            print(__version__)
            return
        code = command.run()
        if code:
            sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``alberdice-deep`` with these arguments (by default the process's) and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        commands = command_class(given)
    except AlberDICEError as error:
        print(f"{PROGRAM}: {one_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    plain: Any = tyro.conf.OmitSubcommandPrefixes[tyro.conf.OmitArgPrefixes[commands]]  # type: ignore[misc, valid-type]
    sys.exit(run_command(PROGRAM, plain, given, _Command.__doc__ or ""))


if __name__ == "__main__":
    main()
