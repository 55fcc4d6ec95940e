"""Test-wide settings: the Hypothesis profile and its seed (``strategies.load_profile``), printed in the header.

Without torch, every module that needs it is skipped, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import strategies
from hypothesis import core

HERE = Path(__file__).parent
#: folders and modules whose tests need torch
NEED_TORCH = ("deep", "experiments", "cli/test_deep_command_line.py")


def pytest_configure() -> None:
    strategies.load_profile()


def pytest_report_header() -> str:
    name = strategies.load_profile()
    if name == "dev":
        return "hypothesis profile 'dev': the same examples in every run"
    return f"hypothesis profile '{name}', seed {core.global_force_seed}: HYPOTHESIS_SEED chooses another"


class WithoutTorch(pytest.Module):
    def collect(self) -> list[pytest.Item]:
        pytest.skip("the deep layer needs torch", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    needs = module_path.is_relative_to(HERE) and module_path.relative_to(HERE).as_posix().startswith(NEED_TORCH)
    return WithoutTorch.from_parent(parent, path=module_path) if needs and find_spec("torch") is None else None


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The networks of these tests are too small for more threads."""
    if find_spec("torch") is not None and "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


@pytest.fixture
def football_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A double of gfootball in the place of the engine."""
    from football_samples import DOUBLE, forget

    forget()
    monkeypatch.syspath_prepend(str(DOUBLE))
    yield
    forget()
