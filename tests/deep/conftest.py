"""Without torch, every module of this folder is skipped, with the reason."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


class WithoutTorch(pytest.Module):
    def collect(self) -> list[pytest.Item]:
        pytest.skip("the deep layer needs torch", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    missing = find_spec("torch") is None and Path(__file__).parent in module_path.parents
    return WithoutTorch.from_parent(parent, path=module_path) if missing else None


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The networks of these tests are too small for more."""
    import torch

    torch.set_num_threads(1)
