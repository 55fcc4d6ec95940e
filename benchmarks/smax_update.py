"""One update at the shape of SMAX's 3s5z (8 agents, 1,024 steps), and one evaluation of 100 fights: on the CPU and on a GPU.

    python benchmarks/smax_update.py [--stored FOLDER]      # which holds smax-3s5z-conventions as smax/3s5z-conventions-v0

Per case the median of 20 updates after 5 that do not count, operation by operation and, on a GPU, captured; AlberDICE's cloning
and its rounds apart.  Times of one run on one machine: read them as ratios.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import machine
import numpy as np
import torch

from alberdice.datasets import load_dataset
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.training.device import capture_updates
from alberdice.environments import find_environment

UNCOUNTED, COUNTED = 5, 20
CLONING = UNCOUNTED + COUNTED
ALGORITHMS = ("bc", "optidice", "omar", "alberdice")


def milliseconds(learner: Any, generator: torch.Generator, device: str) -> float:
    """The median of some updates."""
    found = []
    for _ in range(UNCOUNTED + COUNTED):
        began = time.perf_counter()
        learner.update(generator)
        if device == "cuda":
            torch.cuda.synchronize()
        found.append(1000 * (time.perf_counter() - began))
    return round(float(np.median(found[UNCOUNTED:])), 2)


def case(dataset: Any, algorithm: str, device: str, captured: bool) -> dict[str, Any]:
    """Milliseconds an update."""
    settings: Any = learner_class(algorithm).settings
    own = {"pretrain_updates": CLONING} if algorithm == "alberdice" else {}
    values = {
        **settings.presets["smax"],
        **own,
        "algorithm": algorithm,
        "device": device,
        "capture": "on" if captured else "off",
    }
    config = from_mapping(values, settings(algorithm=algorithm))
    data = TrainingData.of_run(dataset, config, torch.device(device))
    learner: Any = learner_class(algorithm)(data, config, torch.Generator().manual_seed(0))
    capture_updates(learner, config, data, 1)
    generator = torch.Generator(device).manual_seed(1)
    told: dict[str, Any] = {"algorithm": algorithm, "device": device, "captured": captured}
    if algorithm == "alberdice":
        told["cloning_ms"] = milliseconds(learner, generator, device)
    told["update_ms"] = milliseconds(learner, generator, device)
    if not captured:
        with find_environment("smax-3s5z").open() as fight:
            play_episodes(learner.policies, fight, 32, 1)
            began = time.perf_counter()
            play_episodes(learner.policies, fight, 100, 0)
            told["evaluation_seconds"] = round(time.perf_counter() - began, 2)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", default="")
    args = parser.parse_args()
    torch.set_num_threads(1)
    name = "smax-3s5z-conventions"
    dataset = load_dataset("smax/3s5z-conventions-v0", root=args.stored) if args.stored else load_dataset(name)
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    told: dict[str, Any] = {"conditions": machine.conditions(0, ("torch", "numpy", "jax", "jaxmarl")), "gpu": gpu, "data": name}
    told["cases"] = []
    for device, captured in (("cpu", False), *((("cuda", False), ("cuda", True)) if gpu else ())):
        for algorithm in ALGORITHMS:
            told["cases"].append(case(dataset, algorithm, device, captured))
            print(told["cases"][-1], flush=True)
            machine.write("smax_update", told)


if __name__ == "__main__":
    main()
