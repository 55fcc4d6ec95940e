"""The deep layer: learners on samples, and what trains, plays and saves them.

    run = alberdice.deep.train(dataset, algorithm="alberdice", environment="bridge")
    run.policies, run.history, run.result, run.evaluate(1000)
    policies = alberdice.deep.load("runs/a")
    policies = alberdice.deep.Policies.load("mine.safetensors")

Names are loaded when first asked for, and torch with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alberdice.deep.play.returns import Evaluation, evaluate
    from alberdice.deep.training.deployed import Policies
    from alberdice.deep.training.evaluators import Returns, ShareOutOfData
    from alberdice.deep.training.export import export
    from alberdice.deep.training.fit import Callback, Evaluator, Fitting, Logger, fit
    from alberdice.deep.training.library import load, train
    from alberdice.deep.training.loggers import TensorBoard
    from alberdice.deep.training.result import TrainedRun

_HOMES = {
    "Callback": "training.fit",
    "Evaluation": "play.returns",
    "Evaluator": "training.fit",
    "Fitting": "training.fit",
    "Logger": "training.fit",
    "Policies": "training.deployed",
    "Returns": "training.evaluators",
    "ShareOutOfData": "training.evaluators",
    "TensorBoard": "training.loggers",
    "TrainedRun": "training.result",
    "evaluate": "play.returns",
    "export": "training.export",
    "fit": "training.fit",
    "load": "training.library",
    "train": "training.library",
}

__all__ = [
    "Callback",
    "Evaluation",
    "Evaluator",
    "Fitting",
    "Logger",
    "Policies",
    "Returns",
    "ShareOutOfData",
    "TensorBoard",
    "TrainedRun",
    "evaluate",
    "export",
    "fit",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
