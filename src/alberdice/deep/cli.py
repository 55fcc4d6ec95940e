"""``alberdice-deep``: the command line of the deep layer.

``datasets`` loads no torch; ``train`` and ``evaluate`` load it when they run.  Exit codes: 0 done, 1 the work failed, 2 the
request was wrong; an error is one line on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from alberdice.cli.common import run_command
from alberdice.datasets.command_line import Datasets
from alberdice.deep.training_commands import Evaluate, Train, use_config_file
from alberdice.errors import AlberDICEError

__all__ = ["Command", "main"]

PROGRAM = "alberdice-deep"


@dataclass(frozen=True)
class Command:
    """Offline multi-agent learning with networks: datasets, training, evaluation."""

    command: (
        Annotated[Train, tyro.conf.subcommand("train")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Datasets, tyro.conf.subcommand("datasets")]
        | Annotated[None, tyro.conf.subcommand("version")]
    )

    def run(self) -> None:
        """Run the command; those that return an exit code exit with it."""
        if self.command is None:
            from alberdice import __version__

            print(__version__)
            return
        code = self.command.run()
        if code:
            sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``alberdice-deep`` with these arguments (by default the process's) and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        use_config_file(given if given[:1] == ["train"] else [])
    except AlberDICEError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    commands = tyro.conf.OmitSubcommandPrefixes[tyro.conf.OmitArgPrefixes[Command]]
    sys.exit(run_command(PROGRAM, commands, given, Command.__doc__ or ""))


if __name__ == "__main__":
    main()
