"""Table 4: what is asked of football, and what the paper prints of it.

The data of RPS and 3vs1 are of scripts (``datasets.matches``), not of transformers that learned online as the paper's are; the
other columns wait for a user's own: ``--data Corner=ID``.
"""

from __future__ import annotations

from typing import Any

from alberdice.datasets.matches import PLAYED
from alberdice.experiments.reproduce.fights import PAPER_NAMES, QUICK
from alberdice.reference import paper_tables

__all__ = ["COLUMNS", "METRIC", "TABLE", "printed"]

METRIC = "success"
COLUMNS = tuple(paper_tables()["table4_grf"]["columns"])
#: by dataset
MADE = {f"football-{name}-medium-expert": column for name, column in zip(PLAYED, COLUMNS, strict=False)}
_LACKING = "no script scores often there, and no expert was trained here; give data of your own with --data"

TABLE: dict[str, Any] = {
    "title": "Table 4: success rates in Google Research Football, data of scripted strikers",
    "datasets": tuple(MADE),
    "shows": "returns",
    "preset": "football",
    "quick": QUICK,
    "metric": METRIC,
    "beside": "football",
    "columns": MADE,
    "missing": dict.fromkeys(COLUMNS[len(MADE) :], _LACKING),
}
"""The fields of its ``PaperTable``."""


def printed(algorithm: str, column: str) -> dict[str, Any] | None:
    """What the paper prints, ``mean`` a success rate; None where it prints nothing."""
    numbers, name = paper_tables()["table4_grf"], PAPER_NAMES.get(algorithm)
    if name is None or column not in COLUMNS:
        return None
    return {"mean": numbers[name][COLUMNS.index(column)], "stderr": None}
