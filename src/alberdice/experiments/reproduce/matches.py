"""Table 4: what is asked of football, and what the paper prints of it.

No data of the paper's kind are made here (its episodes are played by transformers that learned online), so that every column
waits for a user's own: ``--data RPS=ID``.
"""

from __future__ import annotations

from typing import Any

from alberdice.experiments.reproduce.fights import PAPER_NAMES, QUICK
from alberdice.reference import paper_tables

__all__ = ["COLUMNS", "METRIC", "TABLE", "printed"]

METRIC = "success"
COLUMNS = tuple(paper_tables()["table4_grf"]["columns"])
_LACKING = "no data of expert play are made here; give data of your own with --data"

TABLE: dict[str, Any] = {
    "title": "Table 4: success rates in Google Research Football",
    "datasets": (),
    "shows": "returns",
    "quick": QUICK,
    "metric": METRIC,
    "beside": "football",
    "missing": dict.fromkeys(COLUMNS, _LACKING),
}
"""The fields of its ``PaperTable``."""


def printed(algorithm: str, column: str) -> dict[str, Any] | None:
    """What the paper prints, ``mean`` a success rate; None where it prints nothing."""
    numbers, name = paper_tables()["table4_grf"], PAPER_NAMES.get(algorithm)
    if name is None or column not in COLUMNS:
        return None
    return {"mean": numbers[name][COLUMNS.index(column)], "stderr": None}
