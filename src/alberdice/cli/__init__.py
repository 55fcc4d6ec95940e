"""The command line ``alberdice``: ``table6`` and ``solve``.

Results go to standard output, everything else to standard error; ``cli.common`` says which exit code means what.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

from alberdice.cli.common import run_command

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``alberdice``; exits with one of those codes."""
    sys.exit(run_command("alberdice", _commands, arguments, "AlberDICE, solved exactly on finite games."))


def _commands(arguments: Sequence[str]) -> Any:
    import tyro

    from alberdice.cli.solve import Solve
    from alberdice.cli.table6 import Table6

    return Annotated[Table6, tyro.conf.subcommand("table6")] | Annotated[Solve, tyro.conf.subcommand("solve")]
