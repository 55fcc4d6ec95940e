"""What an evaluation costs, one episode at a time, side by side and over worker processes, and that it says the same.

    python benchmarks/evaluation.py            writes results/evaluation.json, some minutes

rware's tiny warehouse, two agents and 200 steps, as a PettingZoo environment of its own code; feed-forward policies, and
transformers over windows of 40 steps.  Measured: processor seconds per episode (a worker's included) one at a time in the plain
loop over PettingZoo's API that evaluation was before; through the contract at B = 1, 8, 32; and at B = 32 with 1 and 2 workers,
whose starting is told apart.  Compared: the largest difference of any probability from those at B = 1 along the same episodes,
and whether probabilities, actions and returns with workers are those without, bit for bit.

The same warehouse by array operations at B = 1, 8, 32, too.

Then what share of a training its evaluations are with the default number of episodes: processor seconds of U = 250 updates of
AlberDICE on these warehouses' data, of one evaluation there, and the same for Bridge.
"""

from __future__ import annotations

import math
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

from alberdice.datasets import from_episodes, make_builtin
from alberdice.datasets.record import record
from alberdice.deep.batches.features import Features
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.play.returns import default_episodes, evaluate
from alberdice.deep.policies import FeedForwardPolicies, transformer
from alberdice.environments import find_environment
from alberdice.environments.scripts import find_script

SEED, EPISODES, STEPS = 0, 32, 200


class Rware(ParallelEnv):
    """rware's tiny warehouse with two agents: one reward for all."""

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


def one_at_a_time(policies: Any, episodes: int) -> float:
    """Processor seconds per episode of a plain loop: one environment, one observation, one question, one draw."""
    environment, generator, begun = Rware(), torch.Generator().manual_seed(SEED), time.process_time()
    for episode in range(episodes):
        seen, infos = environment.reset(seed=episode)
        actor = policies.actor(1)
        while environment.agents:
            names = environment.possible_agents
            observations = torch.from_numpy(np.stack([seen[name] for name in names]).astype(np.float64))[None]
            available = torch.ones(1, 2, 5, dtype=torch.bool)
            for i, name in enumerate(names):
                if (mask := infos[name].get("action_mask")) is not None:
                    available[0, i] = torch.from_numpy(np.asarray(mask) > 0)
            tables = actor.log_probabilities(observations, available).double().exp()[0]
            actions = torch.multinomial(tables, 1, generator=generator)[:, 0]
            seen, reward, _, _, infos = environment.step(dict(zip(names, actions.tolist(), strict=True)))
            actor.observe(actions[None], torch.tensor([float(np.mean(list(reward.values())))]))
    return (time.process_time() - begun) / episodes


def of_process(number: int) -> float:
    """Processor seconds of another process so far."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(policies: Any, name: str, slots: int, workers: int) -> dict[str, Any]:
    kept = Kept(policies)
    with find_environment(name).open(workers=workers) as environment:
        environment.reset(np.arange(slots))  # makes the instances: no cost of playing
        numbers = [each.pid for each in getattr(environment, "_processes", ())]
        before = sum(map(of_process, numbers))
        wall, begun = time.perf_counter(), time.process_time()
        played = play_episodes(kept, environment, EPISODES, SEED, slots=slots)
        wall, here = time.perf_counter() - wall, time.process_time() - begun
        there = sum(map(of_process, numbers)) - before
    return {
        "slots": slots,
        "workers": workers,
        "episodes": EPISODES,
        "processor_seconds_per_episode": round((here + there) / EPISODES, 5),
        "of_which_here": round(here / EPISODES, 5),
        "started_for_processor_seconds": round(before, 3),
        "wall_seconds_per_episode": round(wall / EPISODES, 5),
        "returns": played.returns.tolist(),
        "tables": kept.whole(kept.tables),
        "actions": kept.whole(kept.actions),
    }


def compared(rows: list[dict[str, Any]], plain: float) -> list[dict[str, Any]]:
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
        seconds = row["processor_seconds_per_episode"]
        row["times_fewer_than_one_at_a_time"] = None if math.isnan(plain) else round(plain / seconds, 2)
        row["times_fewer_than_one_slot"] = round(first["processor_seconds_per_episode"] / seconds, 2)
    return [{k: v for k, v in row.items() if k not in ("tables", "actions", "returns")} for row in rows]


def share_of_training(dataset: Any, name: str, every: int = 250, updates: int = 20) -> dict[str, Any]:
    """Processor seconds of an evaluation over those of the updates between two, with default settings of AlberDICE."""
    maker = learner_class("alberdice")
    config = maker.settings(algorithm="alberdice", pretrain_updates=2)
    learner = maker(TrainingData.build(dataset, share=config.merges_frames), config, torch.Generator().manual_seed(SEED))
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(config.pretraining + 2):
        learner.update(generator)
    begun = time.process_time()
    for _ in range(updates):
        learner.update(generator)
    update = (time.process_time() - begun) / updates
    with find_environment(name).open() as environment:
        episodes = default_episodes(environment.spec, every, int(dataset.lengths.max()))
        begun = time.process_time()
        evaluate(learner.policies, environment, episodes, SEED)
        evaluation = time.process_time() - begun
    return {
        "dataset": dataset.name,
        "environment": name,
        "episodes": episodes,
        "update_processor_ms": round(1e3 * update, 2),
        "evaluation_processor_seconds": round(evaluation, 3),
        "evaluation_over_updates": round(evaluation / (every * update), 3),
    }


def random_play(name: str) -> Any:
    """Twenty episodes as a dataset."""
    with find_environment(name).open() as environment:
        played = record(environment, find_script("random", environment.spec), range(20), SEED)
    return from_episodes(f"random play in {name}", environment.spec.n_actions, played.episodes)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    torch.set_num_threads(1)
    result = {**conditions(SEED, ("alberdice", "numpy", "torch", "pettingzoo", "rware")), "steps_per_episode": STEPS}
    plans = [(1, 0), (8, 0), (32, 0), (32, 1), (32, 2)]
    for label, policies in (("feed-forward", feed_forward()), ("transformer", remembering())):
        plain = one_at_a_time(policies, 8)
        rows = compared([measured(policies, "evaluation:Rware", slots, workers) for slots, workers in plans], plain)
        result[label] = {"one_at_a_time_processor_seconds_per_episode": round(plain, 5), "side_by_side": rows}
        print(label, result[label], flush=True)
    arrays = f"rware-tiny-2ag(episode_limit={STEPS})"
    rows = compared([measured(feed_forward(), arrays, slots, 0) for slots in (1, 8, 32)], math.nan)
    result["feed-forward, the same warehouse by array operations"] = rows
    print(rows, flush=True)
    result["share_of_training"] = [
        share_of_training(random_play("evaluation:Rware"), "evaluation:Rware"),
        share_of_training(random_play("rware-tiny-2ag"), "rware-tiny-2ag"),
        share_of_training(make_builtin("bridge-mix"), "bridge"),
    ]
    print(result["share_of_training"])
    print(f"wrote {write('evaluation', result)}")


if __name__ == "__main__":
    main()
