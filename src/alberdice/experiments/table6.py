"""Table 6 of the paper: six algorithms on four Penalty XOR data sets, computed from the published counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alberdice._checks import FloatArray
from alberdice.games import PAPER_COUNTS, penalty_xor
from alberdice.reference import half_up, paper_tables
from alberdice.tabular import ALGORITHMS

__all__ = ["Table6Entry", "table6"]

#: cells that rest on a convention, and which
TIE_BREAKS = {
    ("ICQ", "b"): "rests on a tie-break: AA and BB are tied for every symmetric estimator; ties go to the lowest action index "
    "(A), as the paper's cell shows; a trained ICQ ends on AA or on BB, each about half of the time",
    ("OMAR", "b"): "both rewards are 1, so the conservative term alone decides: the more frequent action of each agent wins",
}


@dataclass(frozen=True)
class Table6Entry:
    """One algorithm on one data set.

    Attributes:
        algorithm: the paper's name.
        data: 'a', 'b', 'c' or 'd'.
        exact: joint policy ``(2, 2)``, ``[[AA, AB], [BA, BB]]``.
        rounded: at two decimals, half up.
        paper: the printed cells.
        note: what the cell rests on, if on a convention.
    """

    algorithm: str
    data: str
    exact: FloatArray
    rounded: list[list[float]]
    paper: list[list[float]]
    note: str

    @property
    def differences(self) -> int:
        """How many of the four cells differ from the printed ones."""
        ours, theirs = itertools.chain(*self.rounded), itertools.chain(*self.paper)
        return sum(x != y for x, y in zip(ours, theirs, strict=True))


def table6(progress: Callable[[str], None] | None = None) -> Iterator[Table6Entry]:
    """Compute the table, one entry after another, in the paper's order."""
    game = penalty_xor()
    printed = paper_tables()["table6"]
    for name, algorithm in ALGORITHMS.items():
        for data in PAPER_COUNTS:
            joint = algorithm(game.mmdp, game.data(data, floor=0.0)).joint()[0]
            if progress is not None:
                progress(f"{name} ({data})")
            rounded = [[half_up(float(x)) for x in row] for row in joint]
            yield Table6Entry(name, data, joint, rounded, printed[name][data], TIE_BREAKS.get((name, data), ""))
