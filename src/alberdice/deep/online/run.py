"""MAT as a run: a folder with settings, metrics and a state from which it goes on bit for bit.

RUN/mat.json            environment, settings, the networks' shape, the dataset it was cloned from
RUN/metrics.jsonl       one line per iteration: return, losses, episodes and steps so far
RUN/state.safetensors   networks, moments, units, iterations done
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load, save

from alberdice.datasets.dataset import OfflineDataset
from alberdice.deep.online.mat import MAT, MATPlayer
from alberdice.deep.online.network import MultiAgentTransformer
from alberdice.deep.online.settings import MATConfig
from alberdice.environments import PlayOptions, find_environment
from alberdice.errors import InvalidArgumentError, fail
from alberdice.files import is_file, write_atomically
from alberdice.readers import read_json, read_text

__all__ = ["is_mat_run", "mat_player", "train_mat"]

#: iterations between two states on the disk
_EVERY = 10


def train_mat(
    environment: str,
    config: MATConfig,
    seed: int,
    out: Path,
    options: PlayOptions | None = None,
    *,
    warm_start: OfflineDataset | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Path:
    """Train, or go on where a run of the same settings was stopped.

    Args:
        environment: a name of the registry, or module:function.
        config: settings.
        seed: of everything random.
        out: the run's folder.
        options: how the environment is read.
        warm_start: data that are cloned first.
        progress: told iterations done, all of them, and the mean return of the last one's episodes.

    Returns:
        The folder.

    Raises:
        InvalidArgumentError: a folder that holds something else or a run of other settings, or no such environment.
    """
    with find_environment(environment).open(options) as env:
        learner = MAT(env.spec, config, seed)
        header = {"environment": environment, "settings": asdict(config), "seed": seed, "network": learner.network.shape}
        header |= {} if options is None else options.as_json()
        header["cloned"] = "" if warm_start is None else warm_start.digest
        lines = _begin(out, header, learner)
        if not lines and warm_start is not None and config.cloning_updates:
            loss = learner.clone(warm_start, config.cloning_updates)
            lines.append({"iteration": 0, "cloning_loss": loss})
        steps = int(lines[-1].get("steps", 0)) if lines else 0
        while learner.iteration < config.iterations:
            played = learner.play(env)
            steps += int(played.alive.any(-1).sum())
            metrics = learner.learn(played)
            mean = float(played.returns.mean())
            spread = float(played.returns.std(ddof=1) / np.sqrt(len(played.returns))) if len(played.returns) > 1 else 0.0
            lines.append({"iteration": learner.iteration, "steps": steps, "return": mean, "stderr": spread, **metrics})
            if learner.iteration % _EVERY == 0 or learner.iteration == config.iterations:
                _keep(out, learner, lines)
            if progress is not None:
                progress(learner.iteration, config.iterations, mean)
    return out


def _begin(out: Path, header: dict[str, Any], learner: MAT) -> list[dict[str, Any]]:
    """Make the folder, or load what is in it; the lines of metrics that its state knows."""
    path = out / "mat.json"
    if not is_file(path):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InvalidArgumentError(str(out), got="something else", expected="nothing, or a run of MAT")
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(header, indent=1).encode())
        return []
    known = read_json(path)
    for key, value in json.loads(json.dumps(header)).items():
        if known.get(key) != value:
            remedy = "go on with the same settings, or choose another folder"
            raise InvalidArgumentError(f"{out}, {key}", got=value, expected=f"{known.get(key)}, as begun", remedy=remedy)
    if not is_file(out / "state.safetensors"):
        return []
    learner.load(_tensors(out))
    lines = [json.loads(line) for line in read_text(out / "metrics.jsonl").splitlines()]
    return [line for line in lines if line["iteration"] <= learner.iteration]


def _keep(out: Path, learner: MAT, lines: list[dict[str, Any]]) -> None:
    """Metrics first: a state never knows more than they do."""
    write_atomically(out / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
    write_atomically(out / "state.safetensors", save({name: t.contiguous() for name, t in learner.state().items()}))


def _tensors(out: Path) -> dict[str, Any]:
    try:
        return dict(load((out / "state.safetensors").read_bytes()))
    except (OSError, SafetensorError) as problem:
        raise fail(str(out / "state.safetensors"), "state", got=str(problem), expected="a state of MAT") from problem


def is_mat_run(folder: Path) -> bool:
    """Whether this is a folder of ``train_mat``."""
    return is_file(folder / "mat.json")


def mat_player(folder: Path) -> MATPlayer:
    """The policy of a run, from its folder alone.

    Raises:
        InvalidDataError: no state there, or one that is damaged.
    """
    network = MultiAgentTransformer(**read_json(folder / "mat.json")["network"])
    tensors = {name: t for name, t in _tensors(folder).items() if name.startswith("network.")}
    try:
        network.load_state_dict({name.removeprefix("network."): t for name, t in tensors.items()})
    except RuntimeError as problem:
        got = " ".join(str(problem).split())[:200]
        raise fail(str(folder), "state", got=got, expected="the networks of mat.json") from problem
    return MATPlayer(network)
