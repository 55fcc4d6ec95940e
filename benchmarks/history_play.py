"""What a step of play costs policies with a memory: keys and values kept, beside whole windows anew at every step.

    python benchmarks/history_play.py [--episodes 100] [--steps 60] [--seed 0]

Two agents, 71 observed numbers, windows of 20 steps, transformers of width 64 (the settings of warehouses), with a base as
AlberDICE's policies have it and without; observations and actions are random.  Both run in this process, in turn, three times;
the median of the ratios of processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import machine
import torch

from alberdice.deep.batches.features import Features
from alberdice.deep.policies.transformer import TransformerActor, TransformerPolicies, policy_network, shared_network

AGENTS, SEEN, CHOICES, WINDOW, WIDTH = 2, 71, 5, 20, 64


class Anew(TransformerActor):
    """Forgets keys and values before every step, as if windows did not grow."""

    def log_probabilities(self, observations: torch.Tensor, available: torch.Tensor | None = None) -> torch.Tensor:
        """As ever, on the whole window."""
        self._forget()
        return super().log_probabilities(observations, available)


def policies(base: bool, generator: torch.Generator) -> TransformerPolicies:
    shape = {"width": WIDTH, "blocks": 2, "heads": 1, "joined": True}
    network = policy_network(SEEN, CHOICES, WINDOW, **shape)
    shared = shared_network(SEEN, AGENTS, CHOICES, WINDOW, **shape)
    features = Features(torch.zeros(AGENTS, SEEN), torch.ones(AGENTS, SEEN))
    own = (shared, shared.initial(1, generator)) if base else None
    return TransformerPolicies(network, network.initial(AGENTS, generator), features, (CHOICES,) * AGENTS, None, own)


@torch.no_grad()
def seconds(actor: TransformerActor, steps: int, episodes: int, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    seen = torch.rand(steps, episodes, AGENTS, SEEN, generator=generator)
    actions = torch.randint(CHOICES, (steps, episodes, AGENTS), generator=generator)
    began = time.process_time()
    for here, taken in zip(seen, actions, strict=True):
        actor.log_probabilities(here)
        actor.observe(taken, torch.zeros(episodes))
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for base in (False, True):
        players = policies(base, torch.Generator().manual_seed(args.seed))
        ratios = []
        for _ in range(3):
            anew, kept = (
                seconds(maker(players, args.episodes), args.steps, args.episodes, args.seed)
                for maker in (Anew, TransformerActor)
            )
            ratios.append(anew / kept)
        rows.append(
            {"base": base, "times_faster": round(statistics.median(ratios), 1), "ratios": [round(r, 2) for r in ratios]}
        )
        print(rows[-1], flush=True)
    conditions = machine.conditions(args.seed, ("torch", "numpy"))
    shape = {"agents": AGENTS, "window": WINDOW, "width": WIDTH, "episodes": args.episodes, "steps": args.steps}
    print(machine.write("history_play", {"conditions": conditions, **shape, "rows": rows}))


if __name__ == "__main__":
    main()
