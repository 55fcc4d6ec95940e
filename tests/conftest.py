"""Test-wide settings: the Hypothesis profile, and how to repeat a run's random examples."""

from __future__ import annotations

import secrets

import pytest
import strategies
from hypothesis import core


def pytest_configure(config: pytest.Config) -> None:
    name = strategies.load_profile()
    if name != "dev" and core.global_force_seed is None and config.getoption("--hypothesis-seed", None) is None:
        core.global_force_seed = secrets.randbelow(2**31)


def pytest_report_header() -> str:
    name = strategies.load_profile()
    if name == "dev":
        return "hypothesis profile 'dev': the same examples in every run"
    return (
        f"hypothesis profile '{name}', seed {core.global_force_seed}: repeat with "
        f"HYPOTHESIS_PROFILE={name} pytest --hypothesis-seed={core.global_force_seed}"
    )
