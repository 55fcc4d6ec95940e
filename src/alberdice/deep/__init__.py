"""The deep layer: learners on samples, and what trains, plays and saves them.

    run = alberdice.deep.train(dataset, algorithm="alberdice", environment="bridge")
    run.policies, run.history, run.result, run.evaluate(1000)
    policies = alberdice.deep.load("runs/a")
    policies = alberdice.deep.Policies.load("mine.safetensors")

Names are loaded when first asked for, and torch with them.
"""

from typing import TYPE_CHECKING

from alberdice._lazy import lazily

if TYPE_CHECKING:
    from alberdice.deep.play.returns import Evaluation, evaluate
    from alberdice.deep.training.deployed import Policies
    from alberdice.deep.training.evaluators import Returns, ShareOutOfData
    from alberdice.deep.training.export import export
    from alberdice.deep.training.fit import Callback, Evaluator, Fitting, Logger, fit
    from alberdice.deep.training.library import load, train
    from alberdice.deep.training.loggers import TensorBoard
    from alberdice.deep.training.result import TrainedRun
    from alberdice.deep.training.tracking import WandB

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
    "WandB",
    "evaluate",
    "export",
    "fit",
    "load",
    "train",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "play.returns": (
                "Evaluation",
                "evaluate",
            ),
            "training.deployed": ("Policies",),
            "training.evaluators": (
                "Returns",
                "ShareOutOfData",
            ),
            "training.export": ("export",),
            "training.fit": (
                "Callback",
                "Evaluator",
                "Fitting",
                "Logger",
                "fit",
            ),
            "training.library": (
                "load",
                "train",
            ),
            "training.loggers": ("TensorBoard",),
            "training.result": ("TrainedRun",),
            "training.tracking": ("WandB",),
        },
    )
