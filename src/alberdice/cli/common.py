"""What every command shares: parsing with one-line errors, exit codes, pictures."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from alberdice.errors import AlberDICEError, InvalidArgumentError, RoundingWarning
from alberdice.texts import one_line


class Command(Protocol):
    """A parsed command."""

    def run(self) -> None:
        """Do the work; raises AlberDICEError."""


def run_command(program: str, commands: Any, arguments: Sequence[str] | None, description: str) -> int:
    """Parse and run one of ``commands``; returns the exit code."""
    try:
        command = parse(program, commands, arguments, description)
        if command is None:
            return 0
        with _notes(program):
            command.run()
    except AlberDICEError as error:
        print(f"{program}: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of standard output has gone (e.g. ``| head``); nothing is left to say to it.
        sys.stdout = io.TextIOWrapper(io.BytesIO())
        return 1
    except OSError as error:
        print(f"{program}: {one_line(str(error))}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _notes(program: str) -> Iterator[None]:
    """Warnings about mended numbers as a line on standard error."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, RoundingWarning):
            print(f"{program}: note: {one_line(message)}", file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    with warnings.catch_warnings():
        usual, warnings.showwarning = warnings.showwarning, show
        warnings.simplefilter("default", RoundingWarning)
        yield


def parse(program: str, commands: Any, arguments: Sequence[str] | None, description: str) -> Command | None:
    """The command that the arguments ask for; None after --help.

    Raises:
        InvalidArgumentError: arguments that do not parse, in one line.
    """
    import tyro

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parsed: Command = tyro.cli(
                commands,
                args=None if arguments is None else list(arguments),
                prog=program,
                description=description,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            print(complaint.getvalue(), end="", file=sys.stderr)
            return None
        text = complaint.getvalue()
        raise InvalidArgumentError(
            "arguments", got=_without_frame(text), expected="a known command and options", remedy=f"see {program} --help"
        ) from None
    return parsed


def _without_frame(text: str) -> str:
    """The words of tyro's framed message, up to the nearest match that it suggests."""
    plain = re.sub(r"\x1b\[[0-9;]*m|[╭╮╰╯│─]+|-{3,}", " ", text)
    plain = one_line(re.sub(r"For full helptext.*", "", plain, flags=re.DOTALL))
    plain = re.sub(r"^(Parsing error|Unrecognized options|Missing argument) ", "", plain)
    suggestion = re.search(r"^(.*?) Perhaps you meant: (\S+)", plain)
    return f"{suggestion[1]} (nearest match: {suggestion[2]})" if suggestion else plain


def check_picture_path(path: Path | None) -> None:
    """Refuse a picture that could not be written, before the work is done."""
    if path is None:
        return
    if path.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise InvalidArgumentError("--plot", got=str(path), expected="a file name ending in .png, .pdf or .svg")
    if not path.parent.is_dir():
        raise InvalidArgumentError("--plot", got=str(path), expected="an existing folder", remedy=f"create {path.parent} first")
