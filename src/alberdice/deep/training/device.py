"""Where a run computes, and how: its device, threads and precision, and whether updates are recorded.

    device       cpu, cuda, or auto: the GPU if there is one
    precision    float32; bf16 by autocast, on a CPU too; tf32 on a GPU alone
    capture      each kind of update recorded once and replayed as a CUDA graph, see ``capture``; auto: where that can be done

What is asked for and cannot be had is refused, never replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch

from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import ALGORITHMS, Learner
from alberdice.deep.networks.capture import Captured, CudaGraphs
from alberdice.errors import InvalidArgumentError

__all__ = [
    "Arithmetic",
    "arithmetic_of",
    "capture_updates",
    "check_captured",
    "device_of",
    "named_device",
    "refused_capture",
    "tensor_floats",
]

#: makes the context of one update
Arithmetic = Callable[[], AbstractContextManager[Any]]


def device_of(config: TrainConfig) -> str:
    """The device that the settings name.

    Raises:
        InvalidArgumentError: there is none, or something is asked for that only a GPU does.
    """
    if named_device(config.device) == "cuda":
        return "cuda"
    if config.precision == "tf32":
        remedy = "use float32, or bf16"
        raise InvalidArgumentError("precision", got="tf32", expected="a GPU, which alone computes in tf32", remedy=remedy)
    if config.capture == "on":
        raise refused_capture("on", "a GPU, which alone replays graphs")
    return "cpu"


def named_device(name: str) -> str:
    """The device of this name, cpu or cuda; auto is the GPU if there is one.

    Raises:
        InvalidArgumentError: cuda, and there is none; another name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InvalidArgumentError("device", got=repr(name), expected="auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidArgumentError("device", got="cuda", expected="a device of this machine", remedy="use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def capture_updates(learner: Learner, config: TrainConfig, data: TrainingData, processes: int) -> None:
    """Let the learner's steps be recorded and replayed, if the settings ask for it, or leave it open and it can be done.

    Raises:
        InvalidArgumentError: it was asked for, and data are mapped, or the learner is one of one's own without ``execution``.
    """
    built_in = config.algorithm in ALGORITHMS and config.recordable
    can = built_in and data.states.device.type == "cuda" and not data.mapped and processes == 1
    if config.capture == "off" or (config.capture == "auto" and not can):
        return
    if data.mapped:
        raise refused_capture("on", "data in memory, as what is read from a file is not recorded")
    if not hasattr(learner, "execution"):
        raise _no_steps(config)
    learner.execution = Captured(data.states.device, CudaGraphs())


def refused_capture(got: str, expected: str) -> InvalidArgumentError:
    """Says what recording needs."""
    return InvalidArgumentError("capture", got=got, expected=expected, remedy="leave capture out")


def check_captured(learner: Learner, config: TrainConfig) -> None:
    """After its first update, whether the learner has run any step by its ``execution``.

    Raises:
        InvalidArgumentError: it has not, so that nothing would be recorded.
    """
    execution = getattr(learner, "execution", None)
    if isinstance(execution, Captured) and execution.idle:
        raise _no_steps(config)


def _no_steps(config: TrainConfig) -> InvalidArgumentError:
    expected = "a learner whose update runs its steps by self.execution, see alberdice.deep.networks.capture"
    return refused_capture(config.algorithm, expected)


@contextmanager
def arithmetic_of(config: TrainConfig, device: str) -> Iterator[Arithmetic]:
    """Threads as asked; yields what makes an update's context, in which matrix products have the precision asked for.

    No denormal numbers: Adam's averages of dead units decay into them, at a hundredfold cost.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
    # autocast would keep cast weights for the whole context, but an update may change weights and then use them again
    halved = partial(torch.autocast, device, torch.bfloat16, cache_enabled=False)
    arithmetic: dict[str, Arithmetic] = {"float32": nullcontext, "tf32": tensor_floats, "bf16": halved}
    try:
        yield arithmetic[config.precision]
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


@contextmanager
def tensor_floats() -> Iterator[None]:
    """Matrix products of float32 on tensor cores, with 10 bits of mantissa."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
