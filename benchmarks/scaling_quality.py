"""Why quality falls with N in ``alberdice-deep scale``.

What more updates, other data and other settings come to, one thing changed at a time.

    python benchmarks/scaling_quality.py            # N = 4, 8 and 16; cases are kept as they are done
    python benchmarks/scaling_quality.py --quick    # one case; nothing is written

The games of passwords, the data and the settings of ``scale``; per case one thing is changed: the number of rounds (alpha falls
over 0.8 of them, as always), the cloning before them, the data's noise, the rows of an update, the learning rate. Returns are
exact. ``certainty`` is how an agent keeps to its part of the password that its team says most: the N-th root of that password's
probability, the mean over states at which something is said. A team agrees with probability certainty^N, so that what is 92%
of agreement among 2 agents at certainty 0.96 is 52% among 16.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from machine import conditions, write

from alberdice.datasets import make_builtin
from alberdice.deep.algorithms.alberdice import AlberDICE, AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping
from alberdice.deep.policies import Policies
from alberdice.experiments.scale.axes import BASE
from alberdice.experiments.scale.data import SEED, game_of
from alberdice.experiments.scale.measured import exact_return
from alberdice.games.passwords import Passwords


@dataclass(frozen=True)
class Case:
    name: str
    n_agents: int
    changed: dict[str, Any] = field(default_factory=dict)
    noises: tuple[float, ...] = BASE.data.noises


MORE = {"updates": 240}
CASES = (
    Case("60 rounds", 8, {"updates": 60}),
    Case("240 rounds", 8, MORE),
    Case("240 rounds at 1e-2", 8, {**MORE, "learning_rate": 1e-2}),
    Case("240 rounds, data without noise", 8, MORE, (0.0,)),
    Case("60 rounds", 4, {"updates": 60}),
    Case("240 rounds", 4, MORE),
    Case("240 rounds, 1,000 updates of cloning", 8, {**MORE, "pretrain_updates": 1000}),
    Case("240 rounds", 16, MORE),
    Case("960 rounds", 8, {"updates": 960}),
    Case("960 rounds", 16, {"updates": 960}),
    Case("240 rounds of 1,024 rows", 8, {**MORE, "batch_size": 1024, "pretrain_batch_size": 1024}),
)


def certainty(policies: Policies, game: Passwords) -> float:
    """The mean over states of the N-th root of the likeliest password's probability."""
    seen = torch.from_numpy(game.features).float()[:, None].expand(-1, game.n_agents, -1)
    with torch.no_grad():
        tables = policies.actor(len(seen)).log_probabilities(seen).double().numpy()
    parts = np.take_along_axis(tables[:, None].swapaxes(-1, -2), game.codes[..., None, :], axis=-2)[..., 0, :]
    return float(np.exp(parts.mean(-1)).max(-1)[:-1].mean())


def run(case: Case) -> dict[str, Any]:
    data = replace(BASE.data, n_agents=case.n_agents, noises=case.noises)
    made, game = make_builtin(data.name, SEED), game_of(case.n_agents)
    config: Any = from_mapping({**BASE.common, **case.changed}, AlberDICEConfig(algorithm="alberdice"))
    learner = AlberDICE(TrainingData.of_run(made, config), config, torch.Generator().manual_seed(SEED))
    generator, began = torch.Generator().manual_seed(SEED + 1), time.process_time()
    for _ in range(config.pretraining):
        learner.update(generator)
    cloned = {"cloned_return": exact_return(learner.policies, game), "cloned_certainty": certainty(learner.policies, game)}
    for _ in range(config.total - config.pretraining):
        metrics = learner.update(generator)
    row = {
        "case": case.name,
        "n_agents": case.n_agents,
        "changed": case.changed,
        "noises": case.noises,
        "optimum": game.optimum,
        "data_return": float(made.returns.mean()),
        **cloned,
        "agreement": learner.agreement,
        "return": exact_return(learner.policies, game),
        "certainty": certainty(learner.policies, game),
        "alpha": float(metrics["alpha"]),
        "effective_rows": float(metrics["effective_rows"]),
        "processor_seconds": time.process_time() - began,
    }
    told = f"return {row['return']:.3f} of {game.optimum:.3f}, data {row['data_return']:.3f}, certainty {row['certainty']:.3f}"
    print(f"N={case.n_agents}, {case.name}: {told}, {row['processor_seconds']:.0f} s", file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one case; nothing is written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch"))
    content |= {"settings": BASE.common, "cases": []}
    for case in CASES[:1] if options.quick else CASES:
        content["cases"].append(run(case))
        if not options.quick:
            write("scaling_quality", content)


if __name__ == "__main__":
    main()
