"""What an evaluation costs, side by side and over worker processes, and that it says the same.

    python benchmarks/evaluation.py            writes results/evaluation.json, some minutes

Warehouses of rware's own objects, two agents and 500 steps, as a PettingZoo environment; feed-forward policies, and
transformers over windows of 40 steps. Measured: processor seconds per episode (children's included) at B = 1, 8, 32 with no worker, and at
B = 32 with 1 and 2; the largest difference of any probability from those at B = 1 along the same episodes; whether returns
and actions with workers are those without, bit for bit; and Bridge by array operations.

Then the share of a training's time that evaluation takes with the default number of episodes: updates and evaluations of one
run, measured one after the other.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from machine import conditions, write
from pettingzoo import ParallelEnv
from rware.warehouse import RewardType, Warehouse

from alberdice.deep.batches.training_data import Features
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.policies import FeedForwardPolicies, transformer
from alberdice.environments import find_environment

SEED, EPISODES, STEPS = 0, 32, 500


class Rware(ParallelEnv):
    """rware's tiny warehouse with two agents: one reward for all, 500 steps."""

    metadata: ClassVar[dict[str, Any]] = {"name": "rware-tiny-2ag", "render_modes": []}
    max_steps = STEPS

    def __init__(self) -> None:
        self.inner = Warehouse(3, 8, 1, 2, 0, 1, 4, None, None, RewardType.GLOBAL)
        self.possible_agents = ["agent_1", "agent_2"]
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (71,), np.float32)

    def action_space(self, agent: str) -> spaces.Discrete:
        return spaces.Discrete(5)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        seen, _ = self.inner.reset(seed=seed)
        self.agents, self.steps = list(self.possible_agents), 0
        return dict(zip(self.agents, seen, strict=True)), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[dict[str, Any], ...]:
        seen, reward, _, _, _ = self.inner.step([actions[agent] for agent in self.agents])
        self.steps += 1
        names, over = self.agents, self.steps >= STEPS
        if over:
            self.agents = []
        return (
            dict(zip(names, seen, strict=True)),
            dict.fromkeys(names, float(reward[0])),
            dict.fromkeys(names, False),
            dict.fromkeys(names, over),
            {name: {} for name in names},
        )

    def close(self) -> None:
        self.inner.close()


def feed_forward() -> FeedForwardPolicies:
    network = StackedMLP(71, (256, 256), 5)
    generator = torch.Generator().manual_seed(SEED)
    return FeedForwardPolicies(network, network.initial(2, generator), plain(), (5, 5))


def remembering() -> transformer.TransformerPolicies:
    network = transformer.policy_network(71, 5, 40, joined=True)
    parameters = network.initial(2, torch.Generator().manual_seed(SEED))
    return transformer.TransformerPolicies(network, parameters, plain(), (5, 5))


def plain() -> Features:
    return Features(torch.zeros(2, 71), torch.ones(2, 71))


class Kept:
    """Asks the policies as play does, and keeps what they said and what was done."""

    def __init__(self, policies: Any) -> None:
        self.policies, self.n_actions, self.has_memory = policies, policies.n_actions, policies.has_memory
        self.features = policies.features
        self.tables: list[list[np.ndarray]] = []
        self.actions: list[list[np.ndarray]] = []

    def actor(self, episodes: int) -> KeptActor:
        self.tables.append([])
        self.actions.append([])
        return KeptActor(self, self.policies.actor(episodes))

    def whole(self, kept: list[list[np.ndarray]]) -> np.ndarray:
        """(E, H, ...): rounds one after another."""
        return np.concatenate([np.stack(part, axis=1) for part in kept])


class KeptActor:
    def __init__(self, owner: Kept, inner: Any) -> None:
        self.owner, self.inner = owner, inner

    def log_probabilities(self, observations: torch.Tensor, available: torch.Tensor | None = None) -> torch.Tensor:
        found = self.inner.log_probabilities(observations, available)
        self.owner.tables[-1].append(found.exp().numpy())
        return found

    def observe(self, actions: torch.Tensor, rewards: torch.Tensor) -> None:
        self.owner.actions[-1].append(actions.numpy().copy())
        self.inner.observe(actions, rewards)


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def measured(policies: Any, name: str, slots: int, workers: int, episodes: int = EPISODES) -> dict[str, Any]:
    kept = Kept(policies)
    with find_environment(name).open(workers=workers) as environment:  # makes one instance per worker
        environment.reset(np.arange(slots))  # and the others: neither is a cost of playing
        wall, begun = time.perf_counter(), processor_seconds()
        played = play_episodes(kept, environment, episodes, SEED, slots=slots)
        wall = time.perf_counter() - wall
        own = processor_seconds() - begun
    children = 0.0
    if workers:
        children = processor_seconds() - begun - own  # what they took in all, starting and importing included
    return {
        "slots": slots,
        "workers": workers,
        "episodes": episodes,
        "processor_seconds_per_episode": round(own / episodes, 5),
        "workers_processor_seconds_in_all": round(children, 3),
        "wall_seconds_per_episode": round(wall / episodes, 5),
        "returns": played.returns.tolist(),
        "tables": kept.whole(kept.tables),
        "actions": kept.whole(kept.actions),
    }


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Against the first row, and rows with workers against the one with as many slots and none."""
    first = rows[0]
    for row in rows:
        same = next(each for each in rows if each["slots"] == row["slots"] and not each["workers"])
        row["largest_difference_of_a_probability"] = float(np.abs(row["tables"] - first["tables"]).max())
        row["actions_equal"] = bool((row["actions"] == first["actions"]).all())
        row["equal_bit_for_bit_without_workers"] = bool(
            (row["tables"] == same["tables"]).all()
            and (row["actions"] == same["actions"]).all()
            and row["returns"] == same["returns"]
        )
        row["times_fewer_processor_seconds"] = round(
            first["processor_seconds_per_episode"] / row["processor_seconds_per_episode"], 2
        )
    return [{k: v for k, v in row.items() if k not in ("tables", "actions", "returns")} for row in rows]


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    torch.set_num_threads(1)
    result = {**conditions(SEED, ("alberdice", "numpy", "torch", "pettingzoo", "rware")), "steps_per_episode": STEPS}
    plans = [(1, 0), (8, 0), (32, 0), (32, 1), (32, 2)]
    for label, policies in (("feed-forward", feed_forward()), ("transformer", remembering())):
        rows = [measured(policies, "evaluation:Rware", slots, workers) for slots, workers in plans]
        result[label] = compared(rows)
        for row in result[label]:
            print(label, row, flush=True)
    print(f"wrote {write('evaluation', result)}")


if __name__ == "__main__":
    main()
