"""``alberdice-deep train`` and ``alberdice-deep evaluate``: results as JSON on stdout, words and progress on stderr.

Defaults of ``train`` come from ``--config FILE`` (TOML), which options on the command line override.  Loads torch when run, not
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import tyro

from alberdice.cli.common import print_json, progress_bar
from alberdice.deep.config import TrainConfig, read_toml
from alberdice.errors import ResourceError

__all__ = ["Evaluate", "Train", "use_config_file"]

_DEFAULTS: ContextVar[TrainConfig | None] = ContextVar("defaults", default=None)


def use_config_file(arguments: Sequence[str]) -> None:
    """Make the settings of ``--config FILE`` the defaults of ``train``.

    Raises:
        InvalidArgumentError: a file that cannot be read, unknown keys, values that do not fit.
    """
    files = [after for option, after in pairwise(arguments) if option == "--config"]
    files += [option.partition("=")[2] for option in arguments if option.startswith("--config=")]
    _DEFAULTS.set(read_toml(Path(files[-1])) if files else None)


def _defaults() -> TrainConfig:
    return _DEFAULTS.get() or TrainConfig()


@dataclass(frozen=True)
class Train:
    """Train policies on a dataset; prints result.json."""

    out: Path
    """the run's folder"""
    resume: bool = False
    """continue the run in the folder, bit for bit"""
    config: Path | None = None
    """TOML file of settings; options given here override it"""
    settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=_defaults)

    def run(self) -> None:
        """Train."""
        _check_torch()
        from alberdice.deep.training import train

        with progress_bar(f"{self.settings.algorithm} on {self.settings.dataset}", self.settings.total) as step:
            notes = [""]

            def show(note: str) -> None:
                notes[0] = note or notes[0]
                step(notes[0])

            result = train(self.settings, self.out, resume=self.resume, progress=show)
        print_json(result)


@dataclass(frozen=True)
class Evaluate:
    """Play episodes with a run's policies; prints the returns as JSON."""

    run_dir: tyro.conf.Positional[Path]
    """the run's folder"""
    environment: str = "auto"
    """where to play: auto (where the run was evaluated), a game's name, or module:function of a PettingZoo env"""
    episodes: int = 1000
    """episodes to play"""
    seed: int = 0
    """seed of the episodes"""

    def run(self) -> None:
        """Play."""
        _check_torch()
        from alberdice._checks import whole_number
        from alberdice.deep.saved_run import evaluate_run

        episodes, seed = whole_number(self.episodes, "episodes", low=2), whole_number(self.seed, "seed")
        print_json(evaluate_run(self.run_dir, environment=self.environment, episodes=episodes, seed=seed))


def _check_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        remedy = "pip install alberdice[deep]"
        raise ResourceError("torch", got="not installed", expected="torch 2.11 or later", remedy=remedy) from None
