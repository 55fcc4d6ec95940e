"""How a learner's steps reach the device: operation by operation, or recorded once and replayed as one CUDA graph.

    direct      step(generator, *numbers), each time
    captured    the first few times as above; then the step is recorded, and from then on one call replays all its operations

A small network's update is some hundred operations of a few microseconds each, and asking a GPU for one takes as long as that.
A graph asks once.  It repeats the same operations on the same memory, so a step may be captured if

    it never needs a value on the CPU, and its shapes do not depend on values
    what changes from update to update is in tensors that it changes in place, in ``numbers``, or drawn from the generator
    whatever else is decided on the CPU (which step is due, whether copies are refreshed) is decided outside of it

``numbers`` (learning rates) are floats to a direct step and tensors of no dimension, filled before every replay, to a captured
one.  All built-in learners' steps are like that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Captured", "CudaGraphs", "Direct", "Execution", "Graphs"]

#: times that a step runs before it is recorded: libraries set themselves up in their first calls, which cannot be recorded
_WARM_UP = 3

Metrics = dict[str, Tensor]
#: takes the generator and numbers
Step = Callable[..., Metrics]


class Execution(Protocol):
    """Runs a step: ``Direct``, or ``Captured``."""

    def __call__(self, step: Step, generator: torch.Generator, *numbers: float) -> Metrics:
        """What the step gives for these numbers."""

    def forget(self) -> None:
        """Drop recordings, as the steps are about other tensors from now on."""


class Direct:
    """Operation by operation."""

    def __call__(self, step: Step, generator: torch.Generator, *numbers: float) -> Metrics:
        """As ``Execution``."""
        return step(generator, *numbers)

    def forget(self) -> None:
        """Nothing is recorded."""


class Graphs(Protocol):
    """Where steps are recorded: ``CudaGraphs``."""

    def warming_up(self) -> Any:
        """A context for the calls before a recording, where it will be made."""

    def record(self, step: Callable[[], Metrics], generator: torch.Generator) -> tuple[Callable[[], None], Metrics]:
        """The replay of a step, which has not run yet, and the tensors in which each replay leaves its results."""


class CudaGraphs:
    """CUDA graphs of the present device, on one stream; draws continue the generator's sequence as direct steps would."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """On the stream of the recordings."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, step: Callable[[], Metrics], generator: torch.Generator) -> tuple[Callable[[], None], Metrics]:
        """As ``Graphs``."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        with torch.cuda.graph(graph, stream=self.stream):
            metrics = step()
        return graph.replay, metrics


@dataclass
class _Held:
    """One step: its numbers on the device, the generator it draws from, how often it ran, and its recording."""

    numbers: list[Tensor]
    generator: torch.Generator
    runs: int = 0
    replay: Callable[[], None] | None = None
    metrics: Metrics = field(default_factory=dict)


class Captured:
    """See the module; one per learner, as recordings are known by the names of its steps.

    Args:
        device: where the learner is.
        graphs: where steps are recorded.
    """

    def __init__(self, device: torch.device, graphs: Graphs) -> None:
        self.device, self.graphs = device, graphs
        self._steps: dict[str, _Held] = {}

    def __call__(self, step: Step, generator: torch.Generator, *numbers: float) -> Metrics:
        """As ``Execution``; metrics are the caller's to keep."""
        held = self._held(step.__name__, generator, len(numbers))
        for tensor, number in zip(held.numbers, numbers, strict=True):
            tensor.fill_(number)
        if held.runs < _WARM_UP:
            held.runs += 1
            with self.graphs.warming_up():
                return step(generator, *held.numbers)
        if held.replay is None:
            held.replay, held.metrics = self.graphs.record(lambda: step(generator, *held.numbers), generator)
        held.replay()
        return {name: metric.clone() for name, metric in held.metrics.items()}

    def forget(self) -> None:
        """As ``Execution``."""
        self._steps.clear()

    @property
    def idle(self) -> bool:
        """Whether no step has run since the beginning, or since all were forgotten."""
        return not self._steps

    def _held(self, name: str, generator: torch.Generator, numbers: int) -> _Held:
        """What is kept of the step of that name; a recording draws from its own generator, so another one begins anew."""
        held = self._steps.get(name)
        if held is None or held.generator is not generator:
            tensors = [torch.zeros((), dtype=torch.float32, device=self.device) for _ in range(numbers)]  # as Adam reads it
            held = self._steps[name] = _Held(tensors, generator)
        return held
