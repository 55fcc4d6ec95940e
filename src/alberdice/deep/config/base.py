"""The settings of a training run: one typed dataclass per algorithm, read from TOML and overridden on the command line.

``TrainConfig`` holds what every algorithm reads.  An algorithm's own settings are a subclass beside its equations; the range of
a number stands in its type:

    temperature: Annotated[float, Within(1e-9, 1e9)] = 0.1

Values out of range, unknown keys (another algorithm's settings among them) and wrong types are refused with the nearest match;
``fingerprint`` tells runs apart.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from alberdice.deep.config.values import MOST, Count, Discount, Play, Rate, Share, Within, checked
from alberdice.errors import InvalidArgumentError
from alberdice.names import nearest

__all__ = [
    "CloningConfig",
    "ConservativeConfig",
    "CriticConfig",
    "DiscountedConfig",
    "FeedForwardConfig",
    "FramesConfig",
    "TrainConfig",
    "defaults",
    "from_mapping",
    "read_toml",
]

#: what runs did that were begun before a setting was there, where its default is something else
_EARLIER: dict[str, Any] = {"pooling": 0.0, "leak": 0.0, "nu_step": math.inf}
#: settings that may change when a run is resumed: none of them changes what is learned up to any update
_FREE = (
    *("threads", "workers", "memory_share", "agents", "flatten", "max_steps", "evaluate_every", "evaluate_episodes", "play"),
    *("checkpoint_every", "keep_policies", "keep_states", "pictures"),
)
#: a hidden layer's width at most: nothing larger is made before memory is found to be short
WIDEST = 65_536
Config = TypeVar("Config", bound="TrainConfig")
Settings = TypeVar("Settings", bound=type)


@dataclass(frozen=True)
class TrainConfig:
    """What every algorithm is told: from what to learn, for how long, and how to judge it."""

    dataset: str = "bridge-mix"
    """a built-in dataset's name, a directory, or an id of the store (see ``alberdice-deep datasets list``)"""
    dataset_seed: Annotated[int, Within(0, MOST)] = 0
    """seed of a built-in dataset's recipe"""
    keep_best: Annotated[float, Within(1e-9, 1.0)] = 1.0
    """share of the episodes, the best ones by return, that are learned from: for data of mixed quality, where luck is rare"""
    held_out: Annotated[float, Within(0.0, 1.0)] = 0.0
    """share of the episodes, drawn by the seed, that are not learned from: policies are scored by them alone; 0: by those that
    they learned from"""
    algorithm: str = "alberdice"
    """which learner: a built-in one, or module:Class of one's own"""
    seed: Annotated[int, Within(0, MOST)] = 0
    """seed of everything that the training draws: initial weights, minibatches, evaluation"""
    environment: str = "auto"
    """where to evaluate: auto (what the dataset names), none, a name, or module:function of a PettingZoo env; arguments in
    brackets, e.g. 'bridge(hard=False)'"""
    memory_share: Annotated[float, Within(0.0, 1.0)] = 0.5
    """share of this machine's memory beyond which data are mapped from scratch files (in TMPDIR) and read as they are needed;
    0: always.  Results are the same"""
    agents: tuple[str, ...] = ()
    """the environment's agents in the data's order, or which is which, DATA=ENVIRONMENT each; none: by their names"""
    flatten: bool = False
    """take the environment's images as features, a pixel each"""
    max_steps: Annotated[int, Within(0, MOST)] = 0
    """steps after which the environment's episodes are truncated; 0: as the environment does"""
    workers: Annotated[int, Within(0, 1024)] = 0
    """processes that step the environment's episodes; 0: this one.  Results are the same"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where to train; auto: on the GPU if there is one"""
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    """of the updates' matrix products; tf32 only on a GPU; all else, and what is evaluated and saved, is float32"""
    capture: Literal["auto", "on", "off"] = "auto"
    """on a GPU: record an update once and replay it as one CUDA graph instead of launching its operations one by one; auto: the
    built-in algorithms, where data are in memory and the run has one process"""
    threads: Annotated[int, Within(1, 1024)] = 1
    """threads of a CPU's matrix products; the small networks here gain nothing from more"""
    updates: Count = 2500
    """gradient steps of every network, after pretraining where there is one"""
    batch_size: Annotated[int, Within(2, 1 << 24)] = 2048
    """steps per minibatch"""
    learning_rate: Rate = 5e-4
    """of Adam"""
    settle_share: Share = 0.2
    """share of the updates, the last ones, in which the learning rate falls to 0 in a straight line"""
    standardise: bool = True
    """give networks features of mean 0 and deviation 1"""
    levels: Annotated[int, Within(0, 1024)] = 0
    """observed features of 3 to so many whole values, such as places on a grid, get an indicator per value; 0: none does"""
    play: Play = "sample"
    """how evaluation chooses actions: drawn from the policies, from their fourth powers (sharp), or the most probable ones"""
    evaluate_every: Count = 250
    """updates between evaluations"""
    evaluate_episodes: Annotated[int, Within(0, 10_000_000)] = 0
    """episodes of one evaluation; 0: so many that they cost about a tenth of the training, by a formula in the horizon"""
    select: Literal["auto", "last"] = "auto"
    """which policies are kept: the best by data alone (see ``alberdice.deep.training.selection``), or the last"""
    select_every: Count = 125
    """updates between scores of the policies by data alone"""
    checkpoint_every: Count = 1000
    """updates between checkpoints"""
    keep_policies: Annotated[int, Within(0, 1 << 20)] = 20
    """evaluations whose policies the run's folder keeps at most; of more, every second one goes.  0: none"""
    keep_states: bool = True
    """keep with them all that training needs to go on from there (``train --from-run RUN --from-update U``)"""
    pictures: bool = True
    """draw the run's pictures at its end"""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            object.__setattr__(self, name, checked(name, getattr(self, name), kind))

    @property
    def merges_frames(self) -> bool:
        """Whether equal frames of the data are merged, see ``alberdice.deep.batches.training_data``."""
        return False

    @property
    def recordable(self) -> bool:
        """Whether updates can be recorded, see ``capture``."""
        return True

    def steps_per_episode(self, horizon: int) -> int:
        """At how many steps the data's episodes are cut for a learner with a memory; 0: not at all.

        Args:
            horizon: of the game that is played in evaluation; 0 where there is none.
        """
        return 0

    @property
    def pretraining(self) -> int:
        """Updates before the first one that ``updates`` counts."""
        return 0

    def selects_after(self, done: int) -> bool:
        """Whether policies are scored after so many updates: those before the first round, some on the way, the last."""
        trained = done - self.pretraining
        often = trained >= 0 and done > 0 and trained % self.select_every == 0
        return self.select == "auto" and (often or done == self.total)

    @property
    def total(self) -> int:
        """All updates of the run."""
        return self.pretraining + self.updates

    def rate_at(self, done: int) -> float:
        """The learning rate after so many updates: constant, then falling to 0 over the last ``settle_share`` of them."""
        left = (self.updates - done) / self.updates
        return self.learning_rate * min(1.0, left / max(self.settle_share, 1e-9))

    @staticmethod
    def decides(name: str) -> bool:
        """Whether a setting is among those that decide what is learned."""
        return name not in _FREE

    def fingerprint(self) -> str:
        """A hash of all that decides what is learned."""
        return fingerprint_of(asdict(self))

    def plain(self) -> dict[str, Any]:
        """All settings at their defaults, in the types that JSON knows."""
        found: dict[str, Any] = json.loads(json.dumps({each.name: each.default for each in fields(self)}))
        return found

    def earlier(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """A run's saved settings, with what it did before some of ours were there, or were other than yes and no."""
        found = {**{name: value for name, value in _EARLIER.items() if hasattr(self, name)}, **saved}
        if isinstance(found.get("capture"), bool):
            found["capture"] = "on" if found["capture"] else "auto"
        return found

    def same_as(self, saved: Mapping[str, Any], fingerprint: str) -> bool:
        """Whether a run of these saved settings and of this fingerprint is a run of these, which may know more of them."""
        told, whole = fingerprint_of(saved) == fingerprint, {**self.plain(), **self.earlier(saved)}
        return fingerprint == self.fingerprint() or (told and fingerprint_of(whole) == self.fingerprint())


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """A hash of those of these settings that decide what is learned."""
    kept = {name: value for name, value in values.items() if TrainConfig.decides(name)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def defaults(**values: Any) -> Callable[[Settings], Settings]:
    """Other defaults of inherited settings, whose types and words stay those of the class that declares them.

    It goes below ``@dataclass``, and takes nothing that is not inherited.
    """

    def change(settings: Settings) -> Settings:
        hints = get_type_hints(settings, include_extras=True)
        for name, value in values.items():
            settings.__annotations__[name] = hints[name]
            setattr(settings, name, value)
        return settings

    return change


@dataclass(frozen=True)
class FramesConfig(TrainConfig):
    """What algorithms are told that may run networks on distinct frames alone."""

    share_frames: bool = True
    """run networks once per distinct frame, or window, of the data where that is less work; the same losses"""

    @property
    def merges_frames(self) -> bool:
        """As ``share_frames`` says."""
        return self.share_frames


@dataclass(frozen=True)
class FeedForwardConfig(FramesConfig):
    """What algorithms are told that run feed-forward networks on single steps."""

    hidden: tuple[int, ...] = (128, 128)
    """widths of every network's hidden layers"""
    leak: Annotated[float, Within(0.0, 1.0)] = 0.0
    """slope of their ReLU below 0; 0: as printed, and units that one step turns off at every input stay off"""
    policy_network: str = ""
    """the policies' networks: module:function of one's own that makes a torch.nn.Module of (inputs, outputs); '': by hidden"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1 or max(self.hidden) > WIDEST:
            expected = f"one or more widths, each from 1 to {WIDEST:,}"
            raise InvalidArgumentError("hidden", got=self.hidden, expected=expected)


@dataclass(frozen=True)
class DiscountedConfig(FeedForwardConfig):
    """What algorithms are told that learn discounted values."""

    discount: Discount = 0.99
    """gamma"""


@dataclass(frozen=True)
class CriticConfig(DiscountedConfig):
    """What algorithms are told that learn critics by temporal differences."""

    critic_learning_rate: Rate = 5e-4
    """of the critics' Adam; falls to 0 as the algorithm says"""


@dataclass(frozen=True)
class ConservativeConfig(TrainConfig):
    """What algorithms are told that press values down at actions outside the data (CQL)."""

    conservatism: Annotated[float, Within(0.0, 1e6)] = 0.1
    """how hard values are pressed down at actions outside the data"""


@dataclass(frozen=True)
class CloningConfig(TrainConfig):
    """What algorithms are told that clone the data."""

    watch_share: Annotated[float, Within(0.0, 1.0)] = 0.0
    """share of the episodes, drawn by the seed, that cloning does not learn from: it ends with the networks under which they
    are likeliest, see ``alberdice.deep.batches.watched``; all else learns from all.  0: none, and with the last networks"""


def from_mapping(values: Mapping[str, Any], base: Config, where: str = "settings") -> Config:
    """Settings from names and values, over ``base``, whose algorithm's they are.

    Raises:
        InvalidArgumentError: an unknown name, with the nearest known one, or a value that does not fit.
    """
    known = [each.name for each in fields(base)]
    for name in values:
        if name not in known:
            expected, remedy = f"a setting of {base.algorithm}", nearest(name, known)
            raise InvalidArgumentError(f"{where}: {name}", got="an unknown key", expected=expected, remedy=remedy)
    return replace(base, **values)


def read_toml(path: Path) -> dict[str, Any]:
    """Names and values of a TOML file of settings.

    Raises:
        InvalidArgumentError: no such file, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgumentError(str(path), got=error.strerror, expected="a TOML file of settings") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(str(path), got=str(error), expected="TOML") from None
