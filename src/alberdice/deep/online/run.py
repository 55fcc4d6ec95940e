"""MAT as a run: from a folder (``folder``) it goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.dataset import OfflineDataset
from alberdice.deep.online.folder import Lines, begin, held, keep
from alberdice.deep.online.mat import MAT
from alberdice.deep.online.settings import MATConfig
from alberdice.deep.training.device import named_device
from alberdice.deep.training.tracking import WandB
from alberdice.environments import PlayOptions, find_environment
from alberdice.environments.contract import BatchedEnvironment
from alberdice.errors import InvalidArgumentError

__all__ = ["train_mat"]

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
    wandb: str = "",
    device: str = "cpu",
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
        wandb: the project of Weights & Biases that every iteration's metrics are logged to, too.
        device: cpu, cuda, or auto; a run may go on elsewhere, though not bit for bit.

    Returns:
        The folder.

    Raises:
        InvalidArgumentError: a folder that holds something else or a run of other settings, no such environment or device,
            or data that do not fit or are not to be cloned.
        InvalidDataError: damaged files in the folder.
    """
    with find_environment(environment).open(options) as env:
        learner = _learner(env, config, seed, device, warm_start)
        header = {"environment": environment, "settings": asdict(config), "seed": seed, "network": learner.network.shape}
        if options is not None:  # with the rule of the reward, which decides what is learned
            header |= options.as_json() | ({} if options.team_reward == "mean" else {"team_reward": options.team_reward})
        header["cloned"] = "" if warm_start is None else warm_start.digest
        with held(out):
            lines = begin(out, header, learner)
            name = f"mat in {environment}, seed {seed}"
            given: dict[str, Any] = {"done": learner.iteration, "settings": header, "name": name}
            logger = WandB(out / "wandb", wandb, **given) if wandb else None
            with nullcontext() if logger is None else closing(logger):
                if not lines and warm_start is not None:
                    loss = learner.clone(warm_start, config.cloning_updates)
                    lines.append({"iteration": 0, "cloning_loss": loss})
                for line in _iterations(learner, env, lines, out):
                    if logger is not None:
                        logger.log("training", learner.iteration, line)
                    if progress is not None:
                        progress(learner.iteration, config.iterations, line["return"])
    return out


def _learner(env: BatchedEnvironment, config: MATConfig, seed: int, device: str, data: OfflineDataset | None) -> MAT:
    """What learns, on data that it can clone first: refused before there is a folder."""
    learner = MAT(env.spec, config, seed, named_device(device))
    if data is not None:
        if not config.cloning_updates:
            expected, remedy = "1 or more, as data are to be cloned", "750 are enough on warehouses"
            raise InvalidArgumentError("cloning_updates", got=0, expected=expected, remedy=remedy)
        learner.check(data)
    return learner


def _iterations(learner: MAT, env: BatchedEnvironment, lines: Lines, out: Path) -> Iterator[dict[str, Any]]:
    """Play and learn until all iterations are done; every tenth is kept, and the line of each is given."""
    total = learner.config.iterations
    while learner.iteration < total:
        line = _iterate(learner, env, int(lines[-1].get("steps", 0)) if lines else 0)
        lines.append(line)
        if learner.iteration % _EVERY == 0 or learner.iteration == total:
            keep(out, learner, lines)
        yield line


def _iterate(learner: MAT, env: BatchedEnvironment, steps: int) -> dict[str, Any]:
    """Play and learn once; a line of metrics.jsonl."""
    played = learner.play(env)
    steps += int(played.alive.any(-1).sum())
    metrics = learner.learn(played)
    mean = float(played.returns.mean())
    spread = float(played.returns.std(ddof=1) / np.sqrt(len(played.returns))) if len(played.returns) > 1 else 0.0
    return {"iteration": learner.iteration, "steps": steps, "return": mean, "stderr": spread, **metrics}
