"""What all pictures share: colours, a figure that needs no display, and saving.

The colours are from the palette of Okabe and Ito (2008), made to be told apart with any kind of colour vision.
"""

from __future__ import annotations

import io
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alberdice.errors import InvalidArgumentError, ResourceError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["AGENT_COLOURS", "INK", "PALE", "WALL", "new_figure", "save"]

#: agent 1, agent 2: vermilion and blue
AGENT_COLOURS = ("#D55E00", "#0072B2")
#: text, pale lines, walls
INK, PALE, WALL = "#222222", "#C8C8C8", "#5A5A5A"
#: formats that ``save`` writes
FORMATS = ("png", "pdf", "svg")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure of ``width x height`` inches, known to nobody else; notebooks show it by itself."""
    return _figure_class()(figsize=(width, height), facecolor="white")


@cache
def _figure_class() -> type[Figure]:
    """Matplotlib's figure, with its picture for whoever shows objects, such as notebooks."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """See above."""

        def _repr_png_(self) -> bytes:
            content = io.BytesIO()
            self.savefig(content, format="png", dpi=100)
            return content.getvalue()

    return ShownFigure


def save(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 160) -> Path:
    """Write the figure to ``path`` (.png, .pdf or .svg); the same figure gives the same bytes.

    Raises:
        InvalidArgumentError: another ending, or a folder that does not exist.
        ResourceError: the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix[1:].lower()
    if kind not in FORMATS:
        raise InvalidArgumentError("path", got=repr(str(path)), expected=f"a name that ends in .{', .'.join(FORMATS)}")
    if not target.parent.is_dir():
        raise InvalidArgumentError("path", got=f"{str(target.parent)!r}, which is no folder", expected="an existing folder")
    from matplotlib import rc_context

    undated = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    try:
        with rc_context({"svg.hashsalt": "alberdice"}):
            figure.savefig(target, dpi=dpi, format=kind, metadata=undated)
    except OSError as exc:
        raise ResourceError(str(target), got=exc.strerror or str(exc), expected="a file that can be written") from exc
    return target
