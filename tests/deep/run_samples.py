"""Runs that are stopped, what they leave behind, and commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alberdice.cli.deep import main
from alberdice.deep.training.run_directory import RunDirectory


class Killed(BaseException):
    """As if the process had ended: nothing catches it."""


def kill_at(update: int):
    seen = iter(range(1, 10_000))

    def progress(note: str) -> None:
        if next(seen) == update:
            raise Killed

    return progress


def final_state(out: Path) -> dict[str, torch.Tensor]:
    return RunDirectory(out).load()[0]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def curves(out: Path) -> dict[str, list[tuple[int, float]]]:
    """A run's steps and values by name, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(out / "tensorboard"), {"scalars": 0})
    read.Reload()
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
