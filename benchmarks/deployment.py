"""What one step of acting costs: the Python actor, programs of torch.export and of ONNX, one episode of two agents.

    python benchmarks/deployment.py [--steps 300] [--seed 0]

Policies without a memory (two layers of 128, 62 features, 5 actions) and with one (transformers of width 64, two blocks, 20
steps).  All forms run in this process, in turn, three times; medians of processor time per step, and their ratio to the
actor's.  Weights, observations and actions are random.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import machine
import numpy as np
import torch

from alberdice.deep.batches.features import Features
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.policies import FeedForwardPolicies
from alberdice.deep.policies.agents import agent_of
from alberdice.deep.policies.transformer import TransformerPolicies, policy_network
from alberdice.deep.training.programs import onnx_program, run_onnx, torch_program

AGENTS, SEEN, CHOICES, WINDOW = 2, 62, 5, 20


def policies(memory: bool, generator: torch.Generator) -> Any:
    features = Features(torch.zeros(AGENTS, SEEN), torch.ones(AGENTS, SEEN))
    if memory:
        network: Any = policy_network(SEEN, CHOICES, WINDOW, joined=True, width=64, blocks=2)
        return TransformerPolicies(network, network.initial(AGENTS, generator), features, (CHOICES,) * AGENTS)
    network = StackedMLP(SEEN, (128, 128), CHOICES)
    return FeedForwardPolicies(network, network.initial(AGENTS, generator), features, (CHOICES,) * AGENTS)


def by_actor(own: Any) -> Callable[[Any, Any], None]:
    actor, draw = own.actor(1), np.random.default_rng(0)

    def step(seen: Any, reward: Any) -> None:
        actions = actor.act(seen[None], None, draw)
        actor.observe(torch.from_numpy(actions), torch.from_numpy(reward))

    return step


def by_programs(own: Any, load: Callable[[Any], Any]) -> Callable[[Any, Any], None]:
    agents = [agent_of(own, number) for number in range(AGENTS)]
    programs = [load(agent) for agent in agents]
    given: list[Any] = [[part.numpy() for part in agent.example(1)] for agent in agents]

    def step(seen: Any, reward: Any) -> None:
        for number, program in enumerate(programs):
            given[number][0] = seen[number : number + 1]
            _, greedy, *state = program(given[number])
            given[number][2:] = [greedy, reward, *state] if state else []

    return step


def torch_runner(agent: Any) -> Any:
    program = torch.export.load(io.BytesIO(torch_program(agent, {}))).module()
    return lambda given: [part.numpy() for part in program(*map(torch.from_numpy, given))]


FORMS: dict[str, Callable[[Any], Any]] = {
    "actor": by_actor,
    "torch.export": lambda own: by_programs(own, torch_runner),
    "onnx": lambda own: by_programs(own, lambda agent: run_onnx(onnx_program(agent, {}))),
}


@torch.no_grad()
def seconds(step: Callable[[Any, Any], None], steps: int, seed: int) -> float:
    draw = np.random.default_rng(seed)
    seen, rewards = draw.normal(size=(steps, AGENTS, SEEN)).astype(np.float32), np.zeros(1, np.float32)
    began = time.process_time()
    for here in seen:
        step(here, rewards)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name, memory in (("without a memory", False), ("with a memory", True)):
        own = policies(memory, torch.Generator().manual_seed(options.seed))
        forms = {form: make(own) for form, make in FORMS.items()}
        times: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(3):
            for form, step in forms.items():
                times[form].append(seconds(step, options.steps, options.seed) / options.steps)
        middle = {form: statistics.median(own) for form, own in times.items()}
        found[name] = {
            form: {"milliseconds": round(1e3 * value, 3), "of the actor's": round(value / middle["actor"], 2)}
            for form, value in middle.items()
        }
        print(name, found[name])
    conditions = machine.conditions(options.seed, ("torch", "numpy", "onnxruntime"))
    print(machine.write("deployment", {"conditions": conditions, "steps": options.steps, "per_step_of_two_agents": found}))


if __name__ == "__main__":
    main()
