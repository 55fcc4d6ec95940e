"""What the training loop asks of a learner, and the registry of learners.

A learner owns its networks and optimisers; the loop owns time, generators, evaluation and files.  A new algorithm is one file:
its settings, its losses, its learner (whose class attribute ``settings`` is the class of settings), and ``register("name",
Class)``; nothing else changes.  One's own is found as ``--algorithm module:Class``, too.

    learner.update(generator) -> metrics        one update; all randomness from the generator; no synchronisation needed
    learner.policies -> Policies                what is evaluated, saved and deployed
    learner.state_dict() / load_state_dict()    everything that the next update depends on, as named tensors
    learner.execution                           optional: runs the update's step, directly or recorded, see ``capture``
    sums.total, mean, ...; Adam.step            the doors for sums over a minibatch's rows and for steps: devices may join there
    learner.complaint(metrics) -> str           why training cannot go on, "what: remedy"; empty if it can
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import torch
from torch import Tensor

from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.networks.capture import Direct, Execution
from alberdice.deep.networks.mlp import Adam
from alberdice.deep.policies import FeedForwardPolicies, Policies
from alberdice.errors import InvalidArgumentError
from alberdice.names import check_word, import_named, nearest

__all__ = [
    "ALGORITHMS",
    "Learner",
    "LearnerClass",
    "NetworkLearner",
    "Stack",
    "ValueRange",
    "learner_class",
    "learner_of_file",
    "not_finite",
    "register",
]


class Learner(Protocol):
    """See the module."""

    @property
    def policies(self) -> Policies:
        """The present policies."""

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One update; metrics as tensors of no dimension."""

    def complaint(self, metrics: dict[str, float]) -> str:
        """Why training cannot go on, and what to change; empty if it can."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that the next update depends on."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state."""


class LearnerClass(Protocol):
    """How the loop makes a learner."""

    @property
    def settings(self) -> type[TrainConfig]:
        """The class of the algorithm's own settings (a class attribute)."""

    def __call__(self, data: TrainingData, config: Any, generator: torch.Generator) -> Learner:
        """A fresh learner whose initial weights the generator draws; ``config`` is one of ``settings``."""


#: built-in algorithms and their modules, in the order of the paper's tables
ALGORITHMS = {
    "bc": "alberdice.deep.algorithms.bc",
    "icq": "alberdice.deep.algorithms.icq",
    "omar": "alberdice.deep.algorithms.omar",
    "madtkd": "alberdice.deep.algorithms.madtkd",
    "optidice": "alberdice.deep.algorithms.optidice",
    "alberdice": "alberdice.deep.algorithms.alberdice",
}
_REGISTERED: dict[str, LearnerClass] = {}


def register(name: str, maker: LearnerClass) -> None:
    """Make a learner known as ``--algorithm NAME``."""
    _REGISTERED[name] = maker


def learner_class(name: str) -> LearnerClass:
    """The learner of that name, or the one that 'module:Class' names.

    Raises:
        InvalidArgumentError: none is registered, with the nearest match; no such module or class, or no learner.
    """
    if ":" in name:
        return _imported(name)
    if name not in _REGISTERED and name in ALGORITHMS:
        import_module(ALGORITHMS[name])
    if name not in _REGISTERED:
        known = sorted({*ALGORITHMS, *_REGISTERED})
        expected = f"one of {', '.join(known)}, or module:Class"
        raise InvalidArgumentError("algorithm", got=repr(name), expected=expected, remedy=nearest(name, known))
    return _REGISTERED[name]


def learner_of_file(name: str, source: str, *, trust: bool = False) -> LearnerClass:
    """The learner that a run's files name; a ``module:Class`` only if trusted, or if the module is loaded already.

    Raises:
        InvalidArgumentError: as ``learner_class``; ``module:Class`` that the user did not ask for.
    """
    here = name.partition(":")[0] in sys.modules
    check_word(name, source, "algorithm", trusted=trust or here, remedy="")
    return learner_class(name)


def _imported(name: str) -> LearnerClass:
    found: LearnerClass = import_named(name, "algorithm")
    settings = getattr(found, "settings", None)
    if not (isinstance(settings, type) and issubclass(settings, TrainConfig)):
        expected = "a class whose attribute settings is a subclass of TrainConfig"
        raise InvalidArgumentError(f"algorithm {name!r}", got=f"settings = {settings!r}", expected=expected)
    return found


def not_finite(metrics: dict[str, float]) -> bool:
    """Whether any metric is infinite or no number."""
    return any(value - value != 0 for value in metrics.values())


@dataclass(frozen=True)
class Stack:
    """Networks of one kind: their shape, and what moves their parameters."""

    network: Any
    optimiser: Adam

    @property
    def parameters(self) -> Tensor:
        """``(n, P)``, which learn in place."""
        return self.optimiser.parameters


class NetworkLearner:
    """What learners share that are a few stacks of networks with an Adam each: their state, and a look at their metrics.

    Args:
        data: what to learn from.
        networks: per name, the networks' shape (``StackedMLP`` or ``StackedTransformer``) and their number.
        generator: draws the initial weights, in the order of ``networks``.
        scalars: further state, as tensors by name; changed in place.
    """

    def __init__(
        self,
        data: TrainingData,
        networks: dict[str, tuple[Any, int]],
        generator: torch.Generator,
        scalars: dict[str, Tensor] | None = None,
    ) -> None:
        self.data = data
        self.networks: dict[str, Any] = {name: network for name, (network, _) in networks.items()}
        self.parameters: dict[str, Tensor] = {
            name: net.initial(n, generator).to(data.states.device) for name, (net, n) in networks.items()
        }
        self.optimisers = {name: Adam(parameters) for name, parameters in self.parameters.items()}
        self.scalars = {"updates_done": torch.zeros((), dtype=torch.int64), **(scalars or {})}
        self.execution: Execution = Direct()

    @property
    def policies(self) -> Policies:
        """The present policies, the networks called 'policy'."""
        return FeedForwardPolicies(self.networks["policy"], self.parameters["policy"], self.data.features, self.data.n_actions)

    def stack(self, name: str) -> Stack:
        """The networks of that name."""
        return Stack(self.networks[name], self.optimisers[name])

    def count(self) -> int:
        """Updates done before this one, which is counted."""
        done = int(self.scalars["updates_done"])
        self.scalars["updates_done"] += 1
        return done

    def step(self, name: str, gradient: Tensor, learning_rate: float | Tensor) -> None:
        """One step of the networks of that name."""
        self.optimisers[name].step(gradient, learning_rate)

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number."""
        return "a loss is not finite: lower learning_rate" if not_finite(metrics) else ""

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters, optimisers and scalars."""
        moments = {f"{name}.{key}": t for name, adam in self.optimisers.items() for key, t in adam.state.items()}
        return {**self.parameters, **moments, **self.scalars}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state, in the same memory: recorded steps stay valid."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])


@dataclass(frozen=True)
class ValueRange:
    """Which values a critic can have, and when it has left them for good.

    The discounted sum of endless rewards in [least, greatest] is between least / (1-gamma) and greatest / (1-gamma); episodes
    that end, and networks that begin near 0, add the 0.  A critic may overshoot by the width of that range on both sides.

    Attributes:
        low, high: the range itself.
    """

    low: float
    high: float

    @classmethod
    def of(cls, data: TrainingData, discount: float, bonus: float = 0.0) -> ValueRange:
        """The range for these rewards, of which an algorithm may add or take up to ``bonus`` in every step."""
        least, greatest = min(float(data.rewards.min()), 0.0), max(float(data.rewards.max()), 0.0)
        return cls((least - bonus) / (1 - discount), (greatest + bonus) / (1 - discount))

    def complaint(self, metrics: dict[str, float], remedy: str) -> str:
        """As ``Learner.complaint``: of metrics that are no numbers, or of ``value_low`` or ``value_high`` out of the range."""
        if not_finite(metrics):
            return f"a loss is not finite: {remedy}"
        low, high = metrics["value_low"], metrics["value_high"]
        slack = max(self.high - self.low, 1.0)
        if low < self.low - slack or high > self.high + slack:
            return f"values from {low:.4g} to {high:.4g} where rewards allow {self.low:.4g} to {self.high:.4g}: {remedy}"
        return ""
