"""Test-wide settings: the Hypothesis profile and its seed, printed in the header.

The seed of the profiles 'ci' and 'slow' is HYPOTHESIS_SEED, or the one below: one number for the controller and all workers,
so that a run's examples can be had again.
"""

from __future__ import annotations

import os

import pytest
import strategies
from hypothesis import core

SEED = 20231210


def pytest_configure(config: pytest.Config) -> None:
    if strategies.load_profile() != "dev" and config.getoption("--hypothesis-seed", None) is None:
        core.global_force_seed = int(os.environ.get("HYPOTHESIS_SEED", SEED))


def pytest_report_header() -> str:
    name = strategies.load_profile()
    if name == "dev":
        return "hypothesis profile 'dev': the same examples in every run"
    return f"hypothesis profile '{name}', seed {core.global_force_seed}: HYPOTHESIS_SEED chooses another"
