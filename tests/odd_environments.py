"""Environments that are one, are almost one, or are none: two agents, three actions, two features, five steps."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

import alberdice as ad


class Plain(ParallelEnv):
    """Observations count steps; each agent is paid what it plays; the last info reports it all."""

    metadata: ClassVar[dict[str, Any]] = {"name": "plain"}
    agents_count, actions, features, horizon = 2, 3, 2, 5
    opened: ClassVar[list[Plain]] = []

    def __init__(self, horizon: int = 5) -> None:
        self.possible_agents = [f"agent_{i}" for i in range(self.agents_count)]
        self.agents: list[str] = []
        self.horizon, self.closed = horizon, False
        Plain.opened.append(self)

    def observation_space(self, agent):
        return spaces.Box(-99, 99, (self.features,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(self.actions)

    def seen(self, agent):
        return np.full(self.features, self.t, np.float32) + self.start

    def reset(self, seed=None, options=None):
        self.start = np.float32(np.random.default_rng(seed).random())
        self.agents, self.t, self.total = list(self.possible_agents), 0, 0.0
        return {a: self.seen(a) for a in self.agents}, {a: {} for a in self.agents}

    def pay(self, actions):
        return {a: float(actions[a]) for a in actions}

    def step(self, actions):
        self.t += 1
        live, end = list(self.agents), self.t >= self.horizon
        reward = self.pay(actions)
        self.total += sum(float(np.sum(r)) for r in reward.values() if isinstance(r, float | int))
        infos = {a: self.info(a) for a in live}
        if end:
            self.agents = []
        return {a: self.seen(a) for a in live}, reward, dict.fromkeys(live, False), dict.fromkeys(live, end), infos

    def info(self, agent):
        return {"total": self.total, "won": self.t % 2 == 1, "words": "none"} if self.t >= self.horizon else {}

    def close(self):
        self.closed = True


class Varied(Plain):
    """Episodes of 2 to 4 steps, as the seed says."""

    def reset(self, seed=None, options=None):
        self.horizon = 2 + seed % 3
        return super().reset(seed)


class Leaves(Plain):
    """agent_1 is terminated after step 2, and gone."""

    def step(self, actions):
        assert set(actions) == set(self.agents)
        answer = super().step(actions)
        if self.t == 2 and self.agents:
            answer[2]["agent_1"] = True
            self.agents = ["agent_0"]
        return answer


class Vanishes(Plain):
    """agent_1 is no longer listed after step 2, without a flag, though all dictionaries go on naming it."""

    def step(self, actions):
        answer = super().step({"agent_1": 0, **actions})
        if 2 <= self.t < self.horizon:
            self.agents = ["agent_0"]
        return answer


class Forgets(Plain):
    """Its agents stay listed at the end, as in wrappers that forget to clear them."""

    def step(self, actions):
        answer = super().step(actions)
        self.agents = list(self.possible_agents)
        return answer


class Ends(Plain):
    """Terminates all agents."""

    def step(self, actions):
        seen, reward, ended, cut, infos = super().step(actions)
        return seen, reward, cut, ended, infos


class InDictionaries(Plain):
    """Observation and mask in one dictionary, as the space says; the last action is closed."""

    def observation_space(self, agent):
        inner = super().observation_space(agent)
        return spaces.Dict({"observation": inner, "action_mask": spaces.MultiBinary(self.actions)})

    def seen(self, agent):
        return {"observation": super().seen(agent), "action_mask": np.array([1, 1, 0], np.int8)}


class DictionariesUnsaid(InDictionaries):
    def observation_space(self, agent):
        return Plain.observation_space(self, agent)


class MaskInInfo(Plain):
    def info(self, agent):
        return {"action_mask": np.array([0, 1, 1], np.int8)}


class Ids(Plain):
    """Observations and actions are numbers that begin at 1."""

    def observation_space(self, agent):
        return spaces.Discrete(7, start=1)

    def action_space(self, agent):
        return spaces.Discrete(3, start=1)

    def seen(self, agent):
        return self.t + 1

    def pay(self, actions):
        assert all(1 <= a <= 3 for a in actions.values())
        return super().pay(actions)


class Unequal(Plain):
    """agent_1 has four actions and one feature."""

    def observation_space(self, agent):
        return spaces.Box(-99, 99, (2 if agent == "agent_0" else 1,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(3 if agent == "agent_0" else 4)

    def seen(self, agent):
        return super().seen(agent)[: 2 if agent == "agent_0" else 1]


class Several(Plain):
    def observation_space(self, agent):
        return spaces.MultiDiscrete([6, 2])

    def seen(self, agent):
        return np.array([self.t, 1])


class WithState(Plain):
    def state(self):
        return np.arange(4).reshape(2, 2) + self.t


class StateAttribute(Plain):
    """As PettingZoo's environments where agents take turns, made parallel: state is no method."""

    state: ClassVar[dict[str, Any]] = {}


class Picture(Plain):
    def observation_space(self, agent):
        return spaces.Box(0, 255, (4, 4, 3), np.uint8)

    def seen(self, agent):
        return np.full((4, 4, 3), self.t, np.uint8)

    def state(self):
        return np.zeros((8, 8, 3), np.uint8)


class Twelve(Plain):
    """Agent i sees i; what is paid is the share of agents that play what they see."""

    agents_count, actions, features = 12, 12, 1

    def seen(self, agent):
        return np.full(1, int(agent.split("_")[1]), np.float32)

    def pay(self, actions):
        hit = float(np.mean([a == int(name.split("_")[1]) for name, a in actions.items()]))
        return dict.fromkeys(actions, hit)


# ---- what does not fit the data ----------------------------------------------------------------------------------------------


class Three(Plain):
    agents_count = 3


class Wide(Plain):
    features = 4


class MoreActions(Plain):
    actions = 5


class Fewer(Plain):
    actions = 2


class OtherNames(Plain):
    def __init__(self):
        super().__init__()
        self.possible_agents = ["red", "blue"]


# ---- what is not an environment ----------------------------------------------------------------------------------------------


class NoAction(Plain):
    def step(self, actions):
        answer = super().step(actions)
        if self.t == 2:
            answer[4]["agent_1"] = {"action_mask": np.zeros(3, np.int8)}
        return answer


class LongMask(Plain):
    def info(self, agent):
        return {"action_mask": np.ones(5, np.int8)}


class WordMask(Plain):
    def info(self, agent):
        return {"action_mask": np.array(["yes", "no", "no"])}


class NotANumber(Plain):
    def pay(self, actions):
        return dict.fromkeys(actions, np.nan)


class TwoNumbers(Plain):
    def pay(self, actions):
        return dict.fromkeys(actions, np.array([1.0, 2.0]))


class Unpaid(Plain):
    def pay(self, actions):
        return {"agent_0": 1.0}


class Wordy(Plain):
    def pay(self, actions):
        return dict.fromkeys(actions, "much")


class Scalar(Plain):
    def seen(self, agent):
        return 1.0


class Longer(Plain):
    def seen(self, agent):
        return np.zeros(3 if self.t else 2, np.float32)


class Infinite(Plain):
    def seen(self, agent):
        return np.array([1e300, 0.0])


class Texts(Plain):
    def seen(self, agent):
        return np.array(["a", "b"])


class Unseen(Plain):
    def step(self, actions):
        seen, *rest = super().step(actions)
        del seen["agent_1"]
        return seen, *rest


class BadId(Ids):
    def seen(self, agent):
        return 9


class Crash(Plain):
    def step(self, actions):
        raise ValueError("my own bug")


class CrashAtReset(Plain):
    def reset(self, seed=None, options=None):
        raise KeyError("map")


class Exits(Plain):
    def step(self, actions):
        raise SystemExit(1)


class Seedless(Plain):
    def reset(self):
        return super().reset()


class OldReset(Plain):
    def reset(self, seed=None, options=None):
        return super().reset(seed)[0]


class OldStep(Plain):
    def step(self, actions):
        seen, reward, ended, _, infos = super().step(actions)
        return seen, reward, ended, infos


class NoSpace(Plain):
    def observation_space(self, agent):
        raise NotImplementedError


class Continuous(Plain):
    def action_space(self, agent):
        return spaces.Box(-1, 1, (1,))


class Joint(Plain):
    def action_space(self, agent):
        return spaces.MultiDiscrete([2, 3])


class Words(Plain):
    def observation_space(self, agent):
        return spaces.Text(9)


class Nested(Plain):
    def observation_space(self, agent):
        return spaces.Dict({"position": spaces.Box(0, 1, (2,)), "map": spaces.Box(0, 1, (2,))})


class NoSpaces(Plain):
    def observation_space(self, agent):
        return None


class Nobody(Plain):
    def __init__(self):
        super().__init__()
        self.possible_agents = []


class Twins(Plain):
    def __init__(self):
        super().__init__()
        self.possible_agents = ["agent_0", "agent_0"]


class Idle(Plain):
    def reset(self, seed=None, options=None):
        answer = super().reset(seed)
        self.agents = []
        return answer


class Stranger(Plain):
    def reset(self, seed=None, options=None):
        answer = super().reset(seed)
        self.agents = ["agent_0", "agent_7"]
        return answer


class Grows(Plain):
    def state(self):
        return np.zeros(self.t + 1)


class BadState(Plain):
    def state(self):
        raise AssertionError("call reset first")


class Unclosable(Plain):
    def close(self):
        raise RuntimeError("cannot be closed")


class Turns(AECEnv):
    possible_agents: ClassVar[list[str]] = ["agent_0", "agent_1"]


class Alone:
    """A Gymnasium environment."""

    observation_space = spaces.Box(0, 1, (2,))
    action_space = spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        return np.zeros(2), {}

    def step(self, action):
        return np.zeros(2), 0.0, False, False, {}


class Endless(Plain):
    def __init__(self):
        super().__init__(horizon=10**9)


class Unseeded(Plain):
    """reset(seed) is not obeyed."""

    count = 0

    def reset(self, seed=None, options=None):
        Unseeded.count += 1
        return super().reset(Unseeded.count)


class Dies(Plain):
    """Takes its process with it at step 3 of an episode that began below a half."""

    def step(self, actions):
        if self.t == 2:
            os._exit(7)
        return super().step(actions)


number = 3
plain = Plain()


def three():
    return 3


def licence():
    raise RuntimeError("no licence file")


def wants(size):
    return Plain(size)


def game():
    return ad.games.climbing_game()


def chatty():
    print("hello from an environment")
    return Plain()
