"""Test-wide settings: the Hypothesis profile and its seed (``strategies.load_profile``), printed in the header."""

from __future__ import annotations

import strategies
from hypothesis import core


def pytest_configure() -> None:
    strategies.load_profile()


def pytest_report_header() -> str:
    name = strategies.load_profile()
    if name == "dev":
        return "hypothesis profile 'dev': the same examples in every run"
    return f"hypothesis profile '{name}', seed {core.global_force_seed}: HYPOTHESIS_SEED chooses another"
