"""Which runs a folder holds, and the page about them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alberdice import __version__
from alberdice.console import explain
from alberdice.datasets import load_dataset
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.report import page
from alberdice.experiments.report.run import read_run, run_sections
from alberdice.experiments.report.sweep import comparison
from alberdice.files import check_replaceable, is_file, write_atomically

__all__ = ["runs_in", "write_report"]

#: a page with more runs than this would be too large to open
_MOST = 400
#: runs of a sweep that are told whole, one below the other; of more, the table says enough
_WHOLE = 12
#: by which a page of ours is known
_WRITTEN_BY = "Written by alberdice"


def runs_in(folder: Path) -> list[Path]:
    """The folders of runs: this one, or those below it, in the order of their names.

    Raises:
        InvalidArgumentError: none there, or more than a page can hold.
    """
    if is_file(folder / "config.json"):
        return [folder]
    found = sorted(file.parent for file in folder.rglob("config.json") if not file.parent.is_symlink())
    if not 0 < len(found) <= _MOST:
        expected = f"the folder of a run, or one with 1 to {_MOST} runs below it"
        raise InvalidArgumentError(str(folder), got=f"{len(found)} runs", expected=expected)
    return found


def write_report(folder: Path, out: Path | None = None, *, overwrite: bool = False, trust: bool = False) -> Path:
    """Write the page about a run or several, and return its path.

    Args:
        folder: a run's, or one with runs below it (of ``compare`` or ``reproduce``).
        out: NAME.html; None: report.html in the folder.
        overwrite: replace a report of that name; report.html in the folder is replaced anyway, if it is one.
        trust: import and run what the runs' folders name as module:function or module:Class.

    Raises:
        InvalidArgumentError: no run there, another kind of file, a place that is taken.
        InvalidDataError, ResourceError: the place cannot be written.
    """
    target = folder / "report.html" if out is None else out
    if target.suffix.lower() not in (".html", ".htm"):
        raise InvalidArgumentError("--out", got=str(target), expected="a file name ending in .html")
    if out is not None and target.exists() and (target.is_dir() or not overwrite):
        expected, remedy = "nothing there", "choose another, or --overwrite"
        raise InvalidArgumentError(str(target), got="something is there already", expected=expected, remedy=remedy)
    check_replaceable(target, "report", _stranger)
    places = runs_in(folder)
    explain(f"{len(places)} run(s) in {folder}{f', more than {_WHOLE}: a table alone' if len(places) > _WHOLE else ''}")
    runs, data_of = [read_run(place) for place in places], lru_cache(maxsize=1)(load_dataset)  # runs on the same data share it
    if places == [folder]:
        title, parts = runs[0].name, run_sections(runs[0], data_of=data_of, trust=trust)
    else:
        title, parts = f"Runs in {folder.resolve().name}", comparison(runs, folder)
        for run in runs if len(runs) <= _WHOLE else []:
            parts.append(page.details(str(run.path.relative_to(folder)), *run_sections(run, data_of=data_of, trust=trust)))
    parts.append(page.paragraph(f"{_WRITTEN_BY} {__version__}."))
    write_atomically(target, page.page(title, parts).encode())
    return target


def _stranger(path: Path) -> str:
    """What a file is that is no report, in words."""
    return "" if f"<p>{_WRITTEN_BY} ".encode() in path.read_bytes() else "a file that is no report of this package"
