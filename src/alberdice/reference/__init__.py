"""The numbers printed in the paper (Matsunaga et al., NeurIPS 2023), as data to compare with; nothing computes from them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def paper_tables() -> dict[str, Any]:
    """Tables 1 to 7 and Figure 5b as published, and the published counts of the matrix-game data sets."""
    text = resources.files(__name__).joinpath("paper_tables.json").read_text(encoding="utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables


def half_up(value: float, digits: int = 2) -> float:
    """Round half up, as the paper's tables do; rounding errors below 1e-12 do not decide a half."""
    from decimal import ROUND_HALF_UP, Decimal

    return float(Decimal(f"{value:.12f}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
