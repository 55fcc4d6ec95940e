"""What does not fit is told before any work, in one line: what, got, expected, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import odd_environments as odd
import pytest

import alberdice as ad
from alberdice.datasets import DatasetHeader
from alberdice.environments import EnvironmentSpec, Frame, Step
from alberdice.environments.fit import check_environment, open_for
from alberdice.environments.registry import PlayOptions, find_environment
from alberdice.errors import AlberDICEError, InvalidArgumentError


@dataclass(frozen=True)
class Data:
    """Two agents, three actions, two features, as the plain environment."""

    name: str = "two"
    n_actions: tuple[int, ...] = (3, 3)
    observation_size: int = 2
    header: DatasetHeader = field(default_factory=lambda: DatasetHeader(agents=("agent_0", "agent_1"), team_reward="sum"))


MISFITS = {
    # agents, actions and features are not the data's
    "Three": r"agents: got agent_0, agent_1, agent_2, expected the agents agent_0, agent_1; say which is which",
    "Wide": r"'odd_environments:Wide', observations: got 4 features, expected 2, as in the data; evaluate where",
    "MoreActions": r"agent_0: got 5 actions, expected 3, as in the data; evaluate where",
    "Fewer": r"agent_0: got 2 actions, expected 3, as in the data",
    "OtherNames": r"agents: got red, blue, expected the agents agent_0, agent_1; say which is which",
    "Twelve": r"agents: got agent_0, .* expected the agents agent_0, agent_1",
    "Unequal": r"agent_1: got 4 actions, expected 3",
    "Ids": r"observations: got 7 features, expected 2",
    "game": r"agents: got agent_1, agent_2, expected agent_0, agent_1, in this order",
    # masks
    "NoAction": r"step 2, action mask of agent_1: got no available action, expected at least one",
    "LongMask": r"step 1, action mask of agent_0: got int8 of shape \(5,\), expected 3 zeros and ones",
    "WordMask": r"action mask of agent_0: got <U3 of shape \(3,\), expected 3 zeros and ones",
    # rewards
    "NotANumber": r"step 1, reward of agent_0: got nan, expected a finite number",
    "TwoNumbers": r"reward of agent_0: got array\(\[1., 2.\]\), expected a finite number",
    "Unpaid": r"reward of agent_1: got none, expected a number",
    "Wordy": r"reward of agent_0: got 'much', expected a finite number",
    # observations
    "Scalar": r"reset, observation of agent_0: got shape \(\) where the space says \(2,\), expected 2 features",
    "Longer": r"step 1, observation of agent_0: got shape \(3,\) where the space says \(2,\)",
    "Infinite": r"observation of agent_0: got NaN or infinity, expected finite numbers that float32 holds",
    "Texts": r"observation of agent_0: got dtype <U1 where numbers belong",
    "Unseen": r"step 1, observation of agent_1: got none, expected one of every agent that is listed",
    "BadId": r"observation of agent_0: got \[9\] outside \[1\] to \[7\], expected 7 features",
    "Picture": r"observation space: got images, Box\(0, 255, \(4, 4, 3\), uint8\), expected features; ask for it with flatten",
    "Words": r"observation space: got Text\(1, 9, .*expected Box, Discrete, .*; wrap the environment",
    "Nested": r"observation space: got Dict\(.*expected Box, .* a Dict of observation and action_mask; wrap",
    "NoSpaces": r"observation space: got None, expected Box",
    "NoSpace": r"observation_space\('agent_0'\): got NotImplementedError, expected no error",
    # actions
    "Continuous": r"action space: got Box\(-1.0, 1.0, \(1,\), float32\), expected Discrete; actions are continuous there",
    "Joint": r"action space: got MultiDiscrete\(\[2 3\]\), expected Discrete; wrap",
    # the environment's own code
    "Crash": r"step 1: got ValueError: my own bug, expected no error from the environment's own code",
    "CrashAtReset": r"reset: got KeyError: 'map', expected no error",
    "Exits": r"step 1: got SystemExit: 1, expected no error",
    "Seedless": r"reset: got TypeError: .*unexpected keyword argument 'seed'",
    "OldReset": r"reset, answer: got dict, expected dictionaries of observations and infos by agent",
    "OldStep": r"step 1, answer: got \(dict, dict, dict, dict\), expected dictionaries of observations, rewards, terminations",
    "licence": r"got RuntimeError: no licence file, expected an environment when it is made",
    "wants": r"got TypeError: wants\(\) missing 1 required positional argument: 'size', expected an environment when",
    "BadState": r"state\(\): got AssertionError: call reset first, expected the state, or NotImplementedError",
    "Grows": r"state\(\): got 2 numbers, expected 1 as before",
    # who plays
    "Nobody": r"possible_agents: got \[\], expected a list of names that differ",
    "Twins": r"possible_agents: got \['agent_0', 'agent_0'\], expected a list of names that differ",
    "Idle": r"reset, agents: got none, expected those who play",
    "Stranger": r"reset, agents: got 'agent_7', expected some of agent_0, agent_1",
    # no environment at all
    "three": r"got an int without reset, step, observation_space, action_space, expected a PettingZoo parallel environment",
    "number": r"environment 'odd_environments:number': got int, not a function, expected a function that makes an environment",
    "plain": r"got Plain, not a function, expected a function that makes an environment",
    "Turns": r"got Turns, where agents take turns, expected a PettingZoo parallel environment; wrap it: .*aec_to_parallel",
    "Alone": r"got an Alone without observation_space, action_space, expected .*; a Gymnasium environment has one agent",
    "nothing": r"environment 'odd_environments:nothing': got no 'nothing' there, expected an importable module and a name",
}


def test_the_table_is_long_enough():
    assert len(MISFITS) >= 25


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_one_line_before_any_work(name):
    with pytest.raises(AlberDICEError, match=MISFITS[name]) as caught:
        open_for(find_environment(f"odd_environments:{name}"), Data())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Plain", "Leaves", "Vanishes", "Forgets", "Ends", "InDictionaries", "MaskInInfo", "WithState", "StateAttribute"]
)
def test_what_fits_opens(name):
    environment, notes = open_for(find_environment(f"odd_environments:{name}"), Data())
    assert notes == []
    assert environment.spec.team_reward == "sum"
    environment.close()


def test_a_misfit_leaves_nothing_open():
    odd.Plain.opened.clear()
    with pytest.raises(InvalidArgumentError):
        open_for(find_environment("odd_environments:Wide"), Data())
    assert [each.closed for each in odd.Plain.opened] == [True] * len(odd.Plain.opened)
    assert odd.Plain.opened


def test_what_is_not_certain_is_said():
    silent = Data(header=DatasetHeader(episode_limit=9))
    environment, notes = open_for(find_environment("odd_environments:Unseeded"), silent, PlayOptions(max_steps=4))
    environment.close()
    assert notes == [
        "the data do not name their agents: taken to be agent_0, agent_1, in this order",
        "episodes last at most 4 steps here, 9 in the data",
        "reset(seed) does not decide how an episode begins: results will not be reproducible",
    ]


def test_the_datas_rule_and_order_are_obeyed():
    order = tuple(sorted(f"agent_{i}" for i in range(12)))
    data = Data("twelve", (12,) * 12, 1, DatasetHeader(agents=order, team_reward="mean"))
    environment, notes = open_for(find_environment("odd_environments:Twelve"), data)
    with environment:
        assert (environment.spec.agents, notes) == (order, [])
    common = Data(header=DatasetHeader(agents=("agent_0", "agent_1")))
    environment, _ = open_for(find_environment("odd_environments:Plain"), common)
    with environment:
        assert environment.spec.team_reward == "mean"


def test_games_by_name_fit_their_own_data():
    data = ad.datasets.make_builtin("bridge-optimal")
    environment, notes = open_for(find_environment("bridge"), data)
    environment.close()
    assert notes == ["episodes last at most 20 steps here, 50 in the data"]
    with pytest.raises(InvalidArgumentError, match=r"environment 'bridge', agent_1: got 5 actions, expected 2"):
        open_for(find_environment("bridge"), ad.datasets.make_builtin("matrix-b"))


class Wrong:
    """Two agents, two slots; each attribute changed by a test is not the contract's."""

    def __init__(self, **changes):
        self.spec = EnvironmentSpec("wrong", ("a", "b"), (2, 3), 1)
        self.parts = {
            "observations": np.zeros((2, 2, 1), np.float32),
            "masks": np.array([[[True, True, False], [True] * 3]] * 2),
            "state": np.zeros((2, 0), np.float32),
            "alive": np.ones((2, 2), bool),
            "rewards": np.zeros(2),
            "terminated": np.zeros(2, bool),
            "truncated": np.zeros(2, bool),
            "metrics": {},
            **changes,
        }

    def reset(self, seeds, slots=None):
        return Frame(*(self.parts[name] for name in ("observations", "masks", "state", "alive")))

    def step(self, actions):
        ends = (self.parts[name] for name in ("rewards", "terminated", "truncated", "metrics"))
        return Step(self.reset(None), *ends)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.zeros((2, 2, 1))}, r"observations: got float64 of shape \(2, 2, 1\), expected float32 of shape"),
        ({"observations": np.full((2, 2, 1), np.nan, np.float32)}, "observations: got NaN or infinity"),
        ({"observations": [0.0]}, "observations: got list"),
        ({"masks": np.ones((2, 2, 3), bool)}, "masks: got another mask, expected at least one available action, and none that"),
        ({"masks": np.zeros((2, 2, 3), bool)}, "masks: got another mask"),
        ({"rewards": np.zeros((2, 1))}, r"rewards: got float64 of shape \(2, 1\)"),
        ({"terminated": np.array([True, False]), "rewards": np.ones(2)}, "an ended episode that goes on"),
        ({"metrics": {"won": 1.0}}, "metrics: got others, expected 2 numbers by name"),
    ],
)
def test_environments_behind_the_contract_are_checked(changes, message):
    assert check_environment(Wrong()) == []
    with pytest.raises(InvalidArgumentError, match=message):
        check_environment(Wrong(**changes))
