"""How fast SMAX fights (not SMAC) are behind the contract: steps a processor second, and 100 fights on every map.

    python benchmarks/smax_speed.py [--maps 3s5z corridor] [--seconds 3]

Processor seconds, so that other work matters less.  Per map: those until the first step (compiling, or reading what was
compiled before; tracing, either way), steps a processor second of 1, 64 and 1,024 fights side by side, and processor seconds of
100 fights to their end.  Who plays:

    random      uniform over available actions, drawn by one array operation: the environment alone
    script      smax-fighter(target='weakest')
    policies    feed-forward policies of the preset smax (128, 128), untrained, each agent drawing its action

A step is one joint action of one fight; fights that are over begin anew.  One process, one thread.  Maps that are not asked for
keep what an earlier call found.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

import machine
import numpy as np
import torch

from alberdice.datasets.build import from_episodes
from alberdice.datasets.record import record
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes, player_of
from alberdice.deep.policies import Policies
from alberdice.environments import find_environment
from alberdice.environments.contract import BatchedEnvironment, Frame
from alberdice.environments.smax import MAPS
from alberdice.environments.smax.fighters import Fighters, fighter

BATCHES = (1, 64, 1024)
FIGHTS = 100
Act = Callable[[Frame], Any]


def untrained(env: BatchedEnvironment) -> Policies:
    """Policies of a BC learner that has not learned, on two fights."""
    made = record(env, fighter(env.spec), range(2), 0)
    data = from_episodes("two-fights", env.spec.n_actions, made.episodes)
    settings: Any = learner_class("bc").settings
    config = from_mapping({**settings.presets["smax"], "device": "cpu"}, settings(algorithm="bc"))
    tensors = TrainingData.of_run(data, config, torch.device("cpu"))
    learner: Any = learner_class("bc")(tensors, config, torch.Generator().manual_seed(0))
    return learner.policies


def random_actions(rng: np.random.Generator) -> Act:
    """Uniform over what is available."""
    return lambda frame: np.where(frame.masks, rng.random(frame.masks.shape), -1.0).argmax(axis=-1)


def steps_per_second(env: BatchedEnvironment, act: Act, batch: int, seconds: float) -> float:
    """Of so many fights side by side, for so long."""
    frame, seed, done = env.reset(np.arange(batch)), batch, 0
    frame = env.step(act(frame)).frame
    began = time.process_time()
    while time.process_time() - began < seconds:
        step = env.step(act(frame))
        frame, done = step.frame, done + batch
        over = np.flatnonzero(step.ended)
        if len(over):
            frame, seed = env.reset(np.arange(seed, seed + len(over)), over), seed + len(over)
    return round(done / (time.process_time() - began), 1)


def of_map(name: str, seconds: float) -> dict[str, Any]:
    """All figures of a map."""
    with find_environment(f"smax-{name}").open() as env:
        began = time.process_time()
        env.reset(np.arange(1))
        row: dict[str, Any] = {
            "map": name,
            "agents": env.spec.n_agents,
            "ready_cpu_seconds": round(time.process_time() - began, 1),
        }
        policies, script = untrained(env), Fighters(MAPS[name], "weakest")
        rng = np.random.default_rng(0)
        for batch in BATCHES:
            player = player_of(policies, env, batch)
            acts: dict[str, Act] = {
                "random": random_actions(rng),
                "script": lambda frame: script.act(frame, np.zeros(frame.alive.shape)),
                "policies": lambda frame, player=player: player.act(frame, rng.random(frame.alive.shape)),
            }
            row[f"steps_per_cpu_second_{batch}"] = {
                who: steps_per_second(env, act, batch, seconds) for who, act in acts.items()
            }
        began = time.process_time()
        found = play_episodes(policies, env, FIGHTS, 0)
        row["fights_cpu_seconds"] = round(time.process_time() - began, 2)
        row["fights_steps"] = int(found.lengths.sum())
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", nargs="+", default=list(MAPS), choices=list(MAPS))
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, Any] = {"conditions": machine.conditions(0, ("torch", "numpy", "jax", "jaxmarl")), "fights": FIGHTS}
    target = machine.RESULTS / "smax_speed.json"
    rows = {row["map"]: row for row in json.loads(target.read_text(encoding="utf-8"))["maps"]} if target.exists() else {}
    for name in args.maps:
        load = round(os.getloadavg()[0], 2)
        rows[name] = {**of_map(name, args.seconds), "load_before": load}
        print(rows[name], flush=True)
        machine.write("smax_speed", {**told, "maps": list(rows.values())})


if __name__ == "__main__":
    main()
