"""Tables 5 and 7 and Figure 5: what is asked of StarCraft-like fights, and what the paper prints of SMAC.

The data here are of SMAX, which is not SMAC, and of scripted fighters; numbers are set beside the paper's, not measured against
them.  A user's own data, SMAC's among them, take a column with ``--data 5m_vs_6m=ID``.
"""

from __future__ import annotations

from typing import Any

from alberdice.reference import paper_tables

__all__ = ["PAPER_NAMES", "TABLES", "printed"]

#: the algorithms of the paper in its tables' order, and what it calls them
PAPER_NAMES = {
    "bc": "BC",
    "icq": "ICQ",
    "omar": "OMAR",
    "madtkd": "MADTKD",
    "optidice": "OptiDICE",
    "alberdice": "AlberDICE",
}

METRIC = "battle_won"
_LACKING = "no scripted fighter wins there on SMAX, and no policy was trained here; give data of your own with --data"
#: the paper's maps without data of ours
MISSING = dict.fromkeys(("5m_vs_6m", "corridor"), _LACKING)
CONVENTIONS = {"smax-3s5z-conventions": "3s5z", "smax-6h_vs_8z-conventions": "6h_vs_8z"}
COLUMNS = {**CONVENTIONS, "smax-8m_vs_9m-tactics": "8m_vs_9m", "smax-3s5z_vs_3s6z-tactics": "3s5z_vs_3s6z"}
#: minutes, to see that all of it works
QUICK = {"updates": 20, "pretrain_updates": 20, "batch_size": 256, "pretrain_batch_size": 256, "evaluate_episodes": 32}
ALPHAS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)

_COMMON: dict[str, Any] = {
    "datasets": tuple(COLUMNS),
    "shows": "returns",
    "preset": "smax",
    "quick": QUICK,
    "metric": METRIC,
    "columns": COLUMNS,
    "missing": MISSING,
}
TABLES: dict[str, dict[str, Any]] = {
    "table5": {"title": "Table 5: win rates in SMAX fights (not SMAC), data of scripted fighters", **_COMMON},
    "table7": {
        "title": "Table 7: AlberDICE's win rates in SMAX fights (not SMAC) over seven powers of ten of alpha",
        **_COMMON,
        "datasets": tuple(CONVENTIONS),
        "columns": CONVENTIONS,
        "beside": "SMAC; CA-Hard: football",
        "missing": {"CA-Hard": "it is a scenario of football, of which no data are made here"},
        "variants": {f"alpha = {alpha:g}": {"alpha_start": alpha, "alpha_end": alpha} for alpha in ALPHAS},
    },
    "figure5": {
        "title": "Figure 5: joint actions outside the data in SMAX fights (not SMAC), by the random prior at the data's states",
        **_COMMON,
        "runs": "table5",
    },
}
"""Per name, the fields of its ``PaperTable``."""


def printed(table: str, algorithm: str, column: str) -> dict[str, Any] | None:
    """What the paper prints of SMAC: ``mean`` is a win rate, of Figure 5 a share; None where it prints nothing."""
    if table == "table7":
        numbers = paper_tables()["table7_alpha"]
        known = [f"alpha = {alpha:g}" for alpha in numbers["alpha"]]
        row = numbers["CA-Hard" if column == "CA-Hard" else "corridor"]
        return {"mean": row[known.index(algorithm)], "stderr": None} if algorithm in known else None
    numbers = paper_tables()["table5_smac" if table == "table5" else "figure5b_ood_percent"]
    name = PAPER_NAMES.get(algorithm)
    if name is None or column not in numbers["columns"]:
        return None
    value = numbers[name][numbers["columns"].index(column)]
    return {"mean": value if table == "table5" else value / 100, "stderr": None}
