"""The settings of AlberDICE; docs/differences.md says where a default departs from what is printed, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

from alberdice.deep.algorithms.annealing import AnnealedConfig
from alberdice.deep.config import (
    LEAST,
    MOST,
    CloningConfig,
    ConservativeConfig,
    Count,
    Rate,
    Share,
    Within,
    defaults,
    fights,
    football,
    warehouses,
)
from alberdice.deep.config.policy import PolicyConfig
from alberdice.errors import InvalidArgumentError

__all__ = ["AlberDICEConfig"]


#: settings as the paper prints them, with what the published runs used where it is silent; see docs/differences.md
PAPER = {
    "minibatch": "sampled",
    "pooling": 0.0,
    "leak": 0.0,
    "nu_step": math.inf,
    "length": "given",
    "advantage": "network",
    "units": "rewards",
    "conservatism_form": "printed",
    "fallback": 0.0,
    "starts": 1,
    "select": "last",
    "price": "sample",
    "importance": "resample",
    "policy_start": "uniform",
    "alpha_start": 5.0,
    "alpha_end": 0.001,
    "hold_share": 0.0,
    "settle_share": 0.0,
    "standardise": False,
    "gradient_penalty": 0.1,
}
#: on robotic warehouses: weights of whole episodes; with those of steps the conservative term, a second cloner on the state,
#: pulls against policies over histories
WAREHOUSES = {
    **warehouses.REMEMBERING,
    **warehouses.ANNEALED,
    **warehouses.CLONED,
    **warehouses.EPISODES,
    "pretrain_updates": 1000,
    "pretrain_learning_rate": 1e-3,
    "learning_rate": 1e-3,
    "episode_share": 0.12,
    "conservatism": 0.0,
}
#: the same without a memory; agents who agree are played sharply, clones of teams who do not would jam
WAREHOUSES_FEED_FORWARD = {
    **warehouses.FEED_FORWARD,
    **warehouses.ANNEALED,
    **warehouses.CLONED,
    **warehouses.EPISODES,
    "pretrain_updates": 1500,
    "updates": 6000,
    "turn_updates": 500,
    "conservatism": 0.0,
    "play": "sharp",
}
#: on data of two conventions and one quality: a little less than the share of the episodes that keep one of them; what was
#: agreed on is cloned by transformers, of all agents at once
WAREHOUSES_CONVENTIONS = {**WAREHOUSES_FEED_FORWARD, "episode_share": 0.4, "memory_updates": 3000, **warehouses.MEMORY}
#: the same cloned without a memory, which trains faster
WAREHOUSES_ANEW = {**WAREHOUSES_FEED_FORWARD, "episode_share": 0.4, "memory_updates": 6000, "last_policy": "feed-forward"}
#: on data of mixed quality: agents without a memory choose among the best episodes, transformers are cloned on what they choose
WAREHOUSES_MIXED = {
    **WAREHOUSES_FEED_FORWARD,
    "keep_best": 0.25,
    "episode_share": 0.3,
    "episode_ratio": "clones",
    "batch_size": 1024,
    "pretrain_batch_size": 1024,
    "memory_updates": 2000,
    **warehouses.MEMORY,
}
#: on football: weights of whole episodes, beside clones
FOOTBALL = {
    **football.PLAIN,
    **football.ANNEALED,
    **football.EPISODES,
    "alpha_start": 0.3,
    "alpha_end": 0.3,
    "episode_ratio": "clones",
    "episode_share": 0.15,
}
#: on StarCraft-like fights
FIGHTS = {**fights.PLAIN, **fights.ANNEALED, **fights.CLONED}
#: the same with weights of whole episodes
FIGHTS_EPISODES = {**FIGHTS, **fights.EPISODES}

#: length and rates where an update is about all distinct steps: no noise of minibatches has to be averaged out
_REPEATING: dict[str, Any] = {
    "pretrain_updates": 500,
    "pretrain_learning_rate": 3e-3,
    "updates": 600,
    "learning_rate": 2e-3,
    "start_updates": 200,
    "select_every": 100,
}
#: alpha's floor with a memory: windows repeat no state, and weights on one row of a hundred go below the clone's returns
_REMEMBERING: dict[str, Any] = {"hold_share": 0.1}


@dataclass(frozen=True)
@defaults(settle_share=1.0, leak=0.01)
class AlberDICEConfig(AnnealedConfig, PolicyConfig, ConservativeConfig, CloningConfig):
    """Algorithm 1 on samples."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "paper": PAPER,
        "rware": WAREHOUSES,
        "rware-feed-forward": WAREHOUSES_FEED_FORWARD,
        "rware-conventions": WAREHOUSES_CONVENTIONS,
        "rware-conventions-anew": WAREHOUSES_ANEW,
        "rware-mixed": WAREHOUSES_MIXED,
        "smax": FIGHTS,
        "football": FOOTBALL,
        "smax-episodes": FIGHTS_EPISODES,
    }

    pretrain_updates: Count = 1500
    """steps of behaviour cloning before; too few, and coordination fails (the others' data policy is the regulariser)"""
    pretrain_batch_size: Annotated[int, Within(1, 1 << 24)] = 512
    """steps per minibatch of behaviour cloning"""
    pretrain_learning_rate: Rate = 1e-3
    """Adam's, of the behaviour policies; falls to 0 in a straight line"""
    starts: Annotated[int, Within(1, 1000)] = 2
    """from how many policies the rounds begin, one start after the other; policies with a memory begin once, see ``starts``"""
    start_updates: Count = 500
    """updates of each start after the first: half of them clone it, half are rounds at alpha_end"""
    policy_start: Literal["data", "uniform"] = "data"
    """where the policies start: at the data's marginals, whose logits the networks then change, or near uniform"""
    minibatch: Literal["population", "sampled"] = "population"
    """where frames repeat: all distinct steps at once, each with the mean of what followed it; or drawn steps (as printed)"""
    pooling: Annotated[float, Within(0.0, 1e6)] = 3.0
    """where an update is about all distinct steps: so many more of each, as its frame's are in the mean, see ``population``"""
    length: Literal["auto", "given"] = "auto"
    """auto: where all distinct steps are in every update and numbers of updates and rates are the defaults, 500 updates of
    cloning at 3e-3, 600 rounds at 2e-3 and 200 updates of a further start instead, and with a memory hold_share .1; given: the
    settings as they are"""
    advantage: Literal["table", "network"] = "table"
    """e where an update is about all distinct steps: the weighted means that (47) fits, or the network (as printed)"""
    nu_step: Annotated[float, Within(1e-6, math.inf)] = 1.0
    """the most that one update may change nu at a step of its minibatch, in units of alpha; inf: as printed"""
    conservatism_form: Literal["scaled", "printed"] = "scaled"
    """CQL's term in units of alpha and over the reweighted data's actions, or as printed"""
    fallback: Annotated[float, Within(0.0, 1.0)] = 0.01
    """where the others' policies leave no weight, e learns from the data as they are: the least ratio there; 0: as printed"""
    ratio_clip: Annotated[float, Within(LEAST, math.inf)] = 100.0
    """the largest importance ratio"""
    weights: Literal["steps", "episodes"] = "steps"
    """what is weighted: steps, by critics (as printed), or whole episodes, by returns and ratios along them"""
    episode_share: Share = 0.1
    """with weights of episodes, the share of the episodes that carries the weight at the least, each of them equally"""
    episode_ratio: Literal["conditional", "clones"] = "conditional"
    """with weights of episodes, beside what the others' policies stand: pi^D(a_-i|s, a_i), or the product of their pi_j^D; with
    these nothing asks for the former, and it is not learned"""
    turn_updates: Count = 100
    """with weights of episodes, updates of an agent's turn, during which its weights stand"""
    agreements: Annotated[int, Within(1, 1000)] = 1
    """with weights of episodes, how often agents begin anew, away from what they agreed on before, each time with all updates;
    the agreement whose episodes returned most is kept"""
    memory_updates: Annotated[int, Within(0, MOST)] = 0
    """with weights of episodes and policies without a memory: in so many more updates transformers are cloned on what has the
    weight at the end, and are the policies"""
    last_policy: Literal["transformer", "feed-forward"] = "transformer"
    """what is cloned in ``memory_updates``: transformers, or policies without a memory again, from nothing"""
    importance: Literal["weight", "resample"] = "weight"
    """how samples are matched to the others' policies: weighted by their ratio, or drawn by it (as printed)"""
    price: Literal["analytic", "sample"] = "analytic"
    """the others' divergence inside e: its mean over their actions, or at the sample's own actions (as printed)"""
    nu_price: Literal["analytic", "sample"] = "sample"
    """the same inside nu's loss; sample is as printed"""
    behaviour_floor: Annotated[float, Within(1e-300, 1.0)] = 1e-10
    """the data's policy of the others is at least this where its logarithm is taken"""
    others_see: Literal["history", "state", "observation"] = "history"
    """with a memory: the data's policy of the others begins at their pi_j^D(a_j|tau_j), or sees the state alone (as printed);
    without one it sees the state alone, or, if this is observation, begins at their pi_j^D(a_j|o_j)"""
    initial_states: Literal["initial", "all"] = "initial"
    """over which states (1-gamma) E nu is taken: where episodes begin (as printed), or all"""
    e_network: str = ""
    """e's networks, as policy_network: (features of a state, actions)"""
    order: Literal["sequential", "simultaneous"] = "sequential"
    """agents answer each other's newest policies (as printed), or all those of the round before"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.capture == "on" and not self.recordable:
            remedy = "leave capture out, or weights = steps"
            raise InvalidArgumentError("capture", got="on", expected="off or auto, as turns are not recorded", remedy=remedy)
        if self.remembers and self.others_see == "observation":
            raise InvalidArgumentError("others_see", got="observation", expected="history or state, as policies have a memory")
        if self.agreements > 1 and self.weights == "steps":
            remedy = "leave agreements out, or set weights = episodes"
            raise InvalidArgumentError(
                "agreements", got=self.agreements, expected="1, as no episodes are weighed", remedy=remedy
            )
        if self.memory_updates and (self.weights == "steps" or self.remembers):
            expected = "0, as there are no weights of episodes" if self.weights == "steps" else "0, as policies have a memory"
            remedy = "leave memory_updates out, or set weights = episodes and policy = feed-forward"
            raise InvalidArgumentError("memory_updates", got=self.memory_updates, expected=expected, remedy=remedy)

    def paced(self, repeats: bool) -> AlberDICEConfig:
        """These settings as ``length = auto`` has them; ``repeats``: an update is about all distinct steps."""
        wanted = _REPEATING if repeats else _REMEMBERING if self.remembers else {}
        default = {each.name: each.default for each in fields(self)}
        asked = any(getattr(self, name) != default[name] for name in wanted)
        return self if asked or self.length == "given" else replace(self, **wanted)

    @property
    def recordable(self) -> bool:
        """Not where agents take long turns."""
        return self.weights == "steps"

    @property
    def merges_frames(self) -> bool:
        """Not where episodes are weighed, each by itself."""
        return super().merges_frames and self.weights == "steps"

    @property
    def unread(self) -> tuple[str, ...]:
        """As ``PolicyConfig``."""
        if self.remembers:
            return (*super().unread, "watch_share", "last_policy")
        unread = () if self.remembers_at_last else super().unread
        unread = unread if self.memory_updates else (*unread, "last_policy")
        return unread if self.begins_at_own else (*unread, "others_see")

    @property
    def remembers_at_last(self) -> bool:
        """Whether the last policies have a memory that those before have not."""
        return self.memory_updates > 0 and self.last_policy == "transformer"

    @property
    def begins_at_own(self) -> bool:
        """Whether the data's policy of the others begins at their own policies."""
        return self.others_see == ("history" if self.remembers else "observation")

    @property
    def asks_conditional(self) -> bool:
        """Whether anything asks for the data's policy of the others, pi^D(a_-i|s, a_i)."""
        return self.weights == "steps" or self.episode_ratio == "conditional"

    @property
    def pretraining(self) -> int:
        """Steps of behaviour cloning."""
        return self.pretrain_updates

    @property
    def total(self) -> int:
        """All updates: cloning, the rounds, the further starts or agreements, and cloning with a memory."""
        further = 0 if self.remembers or self.weights == "episodes" else self.starts - 1
        return self.pretraining + self.decided + further * self.start_updates + self.memory_updates

    def agreement_at(self, trained: int) -> tuple[int, int, int]:
        """Which agreement an update after cloning belongs to, how many of its updates came before, and how many come after."""
        each = self.decided // self.agreements
        return trained // each, trained % each, each - trained % each - 1

    @property
    def decided(self) -> int:
        """Updates of the rounds, those of all agreements."""
        return (super().total - self.pretraining) * self.agreements
