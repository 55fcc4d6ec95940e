"""The command line ``alberdice``: ``table6`` and ``solve``.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 the work failed, 2 the request was
wrong, with one line that says what, where and what to do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from alberdice.cli.common import run_command

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``alberdice``; exits with the code above."""
    import tyro

    from alberdice.cli.solve import Solve
    from alberdice.cli.table6 import Table6

    commands = Annotated[Table6, tyro.conf.subcommand("table6")] | Annotated[Solve, tyro.conf.subcommand("solve")]
    sys.exit(run_command("alberdice", commands, arguments, "AlberDICE, solved exactly on finite games."))
