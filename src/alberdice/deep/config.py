"""The settings of a training run: one typed dataclass, read from TOML and overridden on the command line.

Values out of range, unknown keys and wrong types are refused with the nearest match; ``fingerprint`` tells runs apart.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from alberdice import _checks
from alberdice.errors import InvalidArgumentError

__all__ = ["TrainConfig", "from_mapping", "read_toml"]

#: settings that may change when a run is resumed: none of them changes what is learned up to any update
_FREE = ("threads", "evaluate_every", "evaluate_episodes", "checkpoint_every")


@dataclass(frozen=True)
class TrainConfig:
    """What is learned from what, and how.  Defaults reach the optimum of Bridge from mixed data in about half a minute."""

    dataset: str = "bridge-mix"
    """a built-in dataset's name, a directory, or an id of the store (see ``alberdice-deep datasets list``)"""
    dataset_seed: int = 0
    """seed of a built-in dataset's recipe"""
    algorithm: str = "alberdice"
    """which learner"""
    seed: int = 0
    """seed of everything that the training draws: initial weights, minibatches, evaluation"""
    environment: str = "auto"
    """where to evaluate: auto (the built-in dataset's game), none, a game's name, or module:function of a PettingZoo env"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where to train; auto: on the GPU if there is one"""
    threads: int = 1
    """threads of a CPU's matrix products; the small networks here gain nothing from more"""
    updates: int = 2500
    """rounds of Algorithm 1; in each, every agent takes one step of nu, e and its policy"""
    pretrain_updates: int = 1500
    """steps of behaviour cloning before; too few, and coordination fails (the others' data policy is the regulariser)"""
    batch_size: int = 2048
    """steps per minibatch; exp(e / alpha) leans on few of them when alpha is small"""
    pretrain_batch_size: int = 512
    """steps per minibatch of behaviour cloning"""
    learning_rate: float = 5e-4
    """Adam's, of nu, e and policies"""
    pretrain_learning_rate: float = 1e-3
    """Adam's, of the behaviour policies; falls to 0 in a straight line"""
    discount: float = 0.99
    """gamma"""
    hidden: tuple[int, ...] = (128, 128)
    """widths of every network's hidden layers"""
    alpha_start: float = 1.0
    """conservatism (the weight of the divergence from the data) at first"""
    alpha_end: float = 0.02
    """and in the end; reached geometrically, but not past a collapse of the effective sample size"""
    anneal_share: float = 0.8
    """share of the updates in which alpha falls; 0: it is alpha_end throughout"""
    settle_share: float = 0.2
    """share of the updates, the last ones, in which the learning rate falls to 0 in a straight line"""
    hold_share: float = 0.01
    """alpha stops falling while the effective sample size is below this share of the minibatch"""
    collapse_rows: float = 2.0
    """training stops, with an explanation, when the effective sample size stays below so many rows"""
    policy_start: Literal["data", "uniform"] = "data"
    """where the policies start: at the data's marginals, whose logits the networks then change, or near uniform"""
    conservatism: float = 0.1
    """the paper's alpha_CQL: how hard e is pressed down at actions outside the data"""
    ratio_clip: float = 100.0
    """the largest importance ratio"""
    importance: Literal["weight", "resample"] = "weight"
    """how samples are matched to the others' policies: weighted by their ratio, or drawn by it (as printed)"""
    price: Literal["analytic", "sample"] = "analytic"
    """the others' divergence inside e: its mean over their actions, or at the sample's own actions (as printed)"""
    nu_price: Literal["analytic", "sample"] = "sample"
    """the same inside nu's loss; sample is as printed"""
    behaviour_floor: float = 1e-10
    """the data's policy of the others is at least this where its logarithm is taken"""
    initial_states: Literal["initial", "all"] = "initial"
    """over which states (1-gamma) E nu is taken: where episodes begin (as printed), or all"""
    absorbing: Literal["discounted", "single"] = "discounted"
    """how many steps the end of an episode stands for: 1 / (1-gamma), or one"""
    gradient_penalty: float = 0.0
    """weight of the penalty on nu's slope; the published runs use 0.1, the paper has none"""
    slope_limit: float = 5.0
    """slopes of nu up to this are free"""
    order: Literal["sequential", "simultaneous"] = "sequential"
    """agents answer each other's newest policies (as printed), or all those of the round before"""
    standardise: bool = True
    """give networks features of mean 0 and deviation 1"""
    share_frames: bool = True
    """run networks once per distinct frame where that is less work; the same losses"""
    evaluate_every: int = 1000
    """updates between evaluations"""
    evaluate_episodes: int = 1000
    """episodes of one evaluation"""
    checkpoint_every: int = 1000
    """updates between checkpoints"""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), kind))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (low <= value <= high):
                raise InvalidArgumentError(name, got=value, expected=_interval(low, high))
        if self.alpha_end > self.alpha_start:
            raise InvalidArgumentError("alpha_end", got=self.alpha_end, expected=f"at most alpha_start, {self.alpha_start}")
        if not self.hidden or min(self.hidden) < 1:
            raise InvalidArgumentError("hidden", got=self.hidden, expected="one or more widths, each at least 1")

    @property
    def total(self) -> int:
        """Pretraining and training updates together."""
        return self.pretrain_updates + self.updates

    def fingerprint(self) -> str:
        """A hash of all that decides what is learned."""
        kept = {name: value for name, value in asdict(self).items() if name not in _FREE}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


_TINY, _MOST = 1e-12, 1 << 40
_RANGES: dict[str, tuple[float, float]] = {
    "dataset_seed": (0, _MOST),
    "seed": (0, _MOST),
    "threads": (1, 1024),
    "updates": (1, _MOST),
    "pretrain_updates": (1, _MOST),
    "batch_size": (2, 1 << 24),
    "pretrain_batch_size": (1, 1 << 24),
    "learning_rate": (_TINY, 1.0),
    "pretrain_learning_rate": (_TINY, 1.0),
    "discount": (0.0, 1 - 1e-9),
    "alpha_start": (_TINY, 1e6),
    "alpha_end": (_TINY, 1e6),
    "anneal_share": (0.0, 1.0),
    "settle_share": (0.0, 1.0),
    "hold_share": (0.0, 1.0),
    "collapse_rows": (0.0, 1 << 24),
    "conservatism": (0.0, 1e6),
    "ratio_clip": (_TINY, math.inf),
    "behaviour_floor": (1e-300, 1.0),
    "gradient_penalty": (0.0, 1e6),
    "slope_limit": (0.0, 1e6),
    "evaluate_every": (1, _MOST),
    "evaluate_episodes": (2, 10_000_000),
    "checkpoint_every": (1, _MOST),
}


def _interval(low: float, high: float) -> str:
    return f"a number from {low:g} to {high:g}" if high < _MOST else f"a number, at least {low:g}"


def _checked(name: str, value: Any, kind: Any) -> Any:
    """The value in its field's type, or InvalidArgumentError."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            near = difflib.get_close_matches(str(value), get_args(kind), 1)
            hint = f"nearest match: {near[0]}" if near else ""
            raise InvalidArgumentError(name, got=repr(value), expected=f"one of {', '.join(get_args(kind))}", remedy=hint)
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple | list):
            raise InvalidArgumentError(name, got=repr(value), expected="a list of whole numbers")
        return tuple(_checks.whole_number(entry, f"{name}[{k}]") for k, entry in enumerate(value))
    if kind is int:
        return _checks.whole_number(value, name)
    if kind is float and value == math.inf and name == "ratio_clip":
        return math.inf
    if kind is float:
        return _checks.real_number(value, name)
    if not isinstance(value, kind):
        raise InvalidArgumentError(name, got=repr(value), expected={bool: "true or false", str: "text"}[kind])
    return value


def from_mapping(values: Mapping[str, Any], base: TrainConfig | None = None, where: str = "settings") -> TrainConfig:
    """Settings from names and values, over ``base``.

    Raises:
        InvalidArgumentError: an unknown name, with the nearest known one, or a value that does not fit.
    """
    known = [each.name for each in fields(TrainConfig)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.0)[0]
            remedy = f"nearest match: {near}"
            raise InvalidArgumentError(f"{where}: {name}", got="an unknown key", expected="a setting", remedy=remedy)
    return replace(base or TrainConfig(), **values)


def read_toml(path: Path) -> TrainConfig:
    """Settings from a TOML file.

    Raises:
        InvalidArgumentError: no such file, no TOML, unknown keys, values that do not fit.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgumentError(str(path), got=error.strerror, expected="a TOML file of settings") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(str(path), got=str(error), expected="TOML") from None
    return from_mapping(values, where=str(path))
