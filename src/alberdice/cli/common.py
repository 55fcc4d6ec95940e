"""What every command shares: parsing, one line per error, exit codes, pictures.

An error is one line on standard error that begins with the program's name, wherever it was raised: while the parser was built,
while the arguments were parsed, in the work itself or in a process that does a part of it.

    0   done
    1   the work failed: no room, no memory, no package, a solver or a training that stopped, an interrupt, a fault of our own
    2   the request was wrong: an argument, a file, data or a model that do not fit
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro

from alberdice import __version__
from alberdice.console import LEVELS, explain, verbosity, warn
from alberdice.errors import AlberDICEError, InvalidArgumentError, RoundingWarning
from alberdice.machine import cores, place
from alberdice.texts import one_line


class Command(Protocol):
    """A parsed command."""

    def run(self) -> int | None:
        """Do the work, and return the exit code, 0 unless told; raises AlberDICEError."""


@dataclass(frozen=True, kw_only=True)
class Verbosity:
    """What every command takes: how much it says on standard error."""

    verbose: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-v"])] = False
    """Say what is decided and why, with the seconds since the start."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-q"])] = False
    """Results, warnings and errors only."""


#: the options of ``Verbosity``; they may stand before the command, too
_FLAGS = ("-v", "--verbose", "-q", "--quiet")
#: the program with the deep layer's commands
DEEP_PROGRAM = "alberdice-deep"
#: of the system, about a path of the request
_NAMES = (errno.ENAMETOOLONG, errno.ELOOP)
#: set to anything, it shows where an unforeseen error comes from
TRACEBACK = "ALBERDICE_TRACEBACK"


def run_command(
    program: str, commands: Callable[[Sequence[str]], Any], arguments: Sequence[str] | None, description: str
) -> int:
    """Parse and run one of the commands; returns the exit code.

    Args:
        program: its name.
        commands: what the arguments are parsed into, told the arguments.
        arguments: those of the process unless given.
        description: for ``--help``.
    """
    given, command, first = list(sys.argv[1:] if arguments is None else arguments), None, place().rank == 0
    try:
        if given[:1] == ["--version"]:
            print(f"{program} {__version__}")
            return 0
        _check_words(given)
        given = _flags_last(given)
        plain = [each for each in given if each not in _FLAGS]
        command = parse(program, commands(plain), given, f"{description}  --version prints the version.")
        if command is None:
            return 0
        with _notes(program), verbosity(_chosen(given) if first else "silent"), _timed(program):
            return command.run() or 0
    except BrokenPipeError:
        # The reader of standard output has gone (e.g. ``| head``); nothing is left to say to it.
        sys.stdout = io.TextIOWrapper(io.BytesIO())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        words, code = _told(error)
        silent = getattr(error, "told_elsewhere", False) or not (first or command)  # arguments are the same in all processes
        if not silent:
            complain(program, words)
        return code


def _check_words(given: Sequence[str]) -> None:
    """Refuse empty arguments: as a path they would mean the current folder, and mostly they come of an unset variable."""
    for at, word in enumerate(given):
        if not word or re.fullmatch(r"--[\w-]+=", word):
            where = f"argument {at + 1}" + (f", after {given[at - 1]}" if at and not word else "")
            expected = "a name or a value"
            raise InvalidArgumentError(where, got=repr(word), expected=expected, remedy="leave it out, or say what is meant")


def _flags_last(given: list[str]) -> list[str]:
    """Flags that stand before the command, after everything."""
    first = next((place for place, each in enumerate(given) if each not in _FLAGS), len(given))
    return [*given[first:], *given[:first]]


def _chosen(given: Sequence[str]) -> str:
    """Which of ``console.LEVELS`` the flags ask for.

    Raises:
        InvalidArgumentError: both.
    """
    verbose, quiet = (any(each in _FLAGS[place : place + 2] for each in given) for place in (0, 2))
    if verbose and quiet:
        raise InvalidArgumentError("--verbose and --quiet", got="both", expected="one of them")
    names = list(LEVELS)
    return names[0] if quiet else names[2] if verbose else names[1]


@contextlib.contextmanager
def _timed(program: str) -> Iterator[None]:
    """Where the work is done, and how long it took, for who wants to know."""
    python = ".".join(map(str, sys.version_info[:3]))
    explain(f"{program} {__version__}, Python {python}, {cores()} core(s), in {os.getcwd()}")
    began = time.perf_counter(), time.process_time()
    yield
    whole, own = time.perf_counter() - began[0], time.process_time() - began[1]
    explain(f"done in {whole:.2f} s, of which {own:.2f} s of this process's processor time")


def complain(program: str, words: object) -> None:
    """One line about what went wrong, on standard error."""
    print(f"{program}: {one_line(words)}", file=sys.stderr)


def _told(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    if isinstance(error, AlberDICEError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 1
    if isinstance(error, FileNotFoundError | FileExistsError | NotADirectoryError | IsADirectoryError | PermissionError):
        return str(error), 2  # a path of the request
    if isinstance(error, OSError):
        return str(error), 2 if error.errno in _NAMES else 1
    if isinstance(error, MemoryError):
        return f"memory: got {str(error) or 'none left'}, expected room for the work; ask for less, or use a larger machine", 1
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
    return f"a fault of the program, {type(error).__name__} ({place}): {error}; {TRACEBACK}=1 shows where", 1


@contextlib.contextmanager
def _notes(program: str) -> Iterator[None]:
    """Warnings about mended numbers, and NumPy's, as a line each on standard error."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, RoundingWarning):
            warn(f"{program}: note: {message}")
        elif issubclass(category, RuntimeWarning) and len(place) > 1:  # NumPy's: what came of it is judged by certificates
            words = f"{one_line(message)} ({os.path.basename(str(place[0]))}, line {place[1]})"
            warn(f"{program}: note: numbers at the edge of what floats hold: {words}")
        else:
            usual(message, category, *place, **more)

    with warnings.catch_warnings():
        usual, warnings.showwarning = warnings.showwarning, show
        warnings.simplefilter("default", RoundingWarning)
        yield


def parse(program: str, commands: Any, arguments: Sequence[str], description: str) -> Command | None:
    """The command that the arguments ask for; None after --help.

    Raises:
        InvalidArgumentError: arguments that do not parse, in one line.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parsed: Command = tyro.cli(
                commands,
                args=list(arguments),
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
    if suggestion is None:
        return plain
    words, match = re.sub(r" Arguments are applied to .* can matter\.", "", suggestion[1]), suggestion[2]
    known = match in words.split()
    return f"{words} ({'an option of other commands or algorithms' if known else f'nearest match: {match}'})"


def check_picture_path(path: Path | None) -> None:
    """Refuse a picture that could not be written, before the work is done."""
    if path is None:
        return
    if path.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise InvalidArgumentError("--plot", got=str(path), expected="a file name ending in .png, .pdf or .svg")
    if not path.parent.is_dir():
        raise InvalidArgumentError("--plot", got=str(path), expected="an existing folder", remedy=f"create {path.parent} first")
