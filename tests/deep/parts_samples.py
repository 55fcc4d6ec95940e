"""Devices that share a minibatch's rows, as threads of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from alberdice.deep import sums


class Threads:
    """One of the parts; all meet at a barrier."""

    def __init__(self, count: int, place: int, barrier: threading.Barrier, told: dict[int, torch.Tensor]) -> None:
        self.count, self.place, self.barrier, self.told = count, place, barrier, told

    def everyone(self, x: torch.Tensor) -> list[torch.Tensor]:
        self.told[self.place] = x.detach().clone()
        self.barrier.wait()
        found = [self.told[place] for place in range(self.count)]
        self.barrier.wait()
        return found

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.everyone(x)).sum(0)

    def greatest(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.everyone(x)).amax(0)


def shared(count: int, work: Callable[[], Any]) -> list[Any]:
    """What each of so many parts finds."""
    barrier, told = threading.Barrier(count, timeout=60), dict[int, torch.Tensor]()

    def one(place: int) -> Any:
        try:
            with sums.shared_by(Threads(count, place, barrier, told)):
                return work()
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
