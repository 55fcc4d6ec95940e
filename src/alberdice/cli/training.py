"""``alberdice-deep train``, ``evaluate`` and ``export``: results as JSON on stdout, words and progress on stderr.

The progress bar shows the last evaluation's return, its gap to the data's mean return, and the effective sample size in rows.
``train`` takes the settings of the algorithm that ``--algorithm`` names; their defaults come from ``--config FILE`` (TOML, or
a run's config.json) or, with ``--resume`` or ``--from-run`` alone, from the run that goes on; options on the command line
override those. A run's folder may name code of whoever made it: that is run if the command line names it, too, or says
``--trust``. Torch is loaded when one of these commands is asked for, not before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from alberdice.cli.common import Verbosity
from alberdice.console import print_json, progress_bar, tell
from alberdice.deep.config import TrainConfig, from_mapping, read_toml
from alberdice.environments import PlayOptions
from alberdice.errors import InvalidArgumentError, ResourceError, within
from alberdice.files import is_file
from alberdice.machine import place
from alberdice.names import check_word
from alberdice.readers import read_json

__all__ = ["Evaluate", "Export", "Train", "check_torch", "train_command"]


def train_command(arguments: Sequence[str]) -> type[Train]:
    """The command ``train`` with the settings of the algorithm that the arguments, or their ``--config FILE``, ask for.

    Raises:
        InvalidArgumentError: no such algorithm, a file that cannot be read, unknown keys, values that do not fit.
    """
    if arguments[:1] != ["train"]:
        return Train
    check_torch()
    from alberdice.deep.learner import learner_class

    file = _settings_file(arguments)
    own = _settings_in(file, arguments) if file else {}
    name = _last_value(arguments, "--algorithm") or own.get("algorithm", TrainConfig.algorithm)
    maker = learner_class(name)
    values = {**_preset(_last_value(arguments, "--preset"), maker.settings), **own}
    with within(str(file)) if file else nullcontext():
        default = from_mapping({**values, "algorithm": name}, maker.settings(algorithm=name), where=str(file or "settings"))
    settings: Any = Annotated[type(default), tyro.conf.arg(name="")]
    command = make_dataclass("Train", [("settings", settings, field(default=default))], bases=(Train,), frozen=True)
    command.__doc__ = f"Train {name} on a dataset; prints result.json.  {(maker.settings.__doc__ or '').splitlines()[0]}"
    return command


def _preset(name: str, settings: type[TrainConfig]) -> dict[str, Any]:
    """The settings of that name; none for no name.

    Raises:
        InvalidArgumentError: the algorithm has no such preset.
    """
    known: dict[str, dict[str, Any]] = getattr(settings, "presets", {})
    if name and name not in known:
        raise InvalidArgumentError("preset", got=repr(name), expected=f"one of {', '.join(known)}" if known else "none here")
    return known[name] if name else {}


def _settings_file(arguments: Sequence[str]) -> Path | None:
    """Where the settings that are not given come from: the file told, or the run to continue; None: the defaults."""
    told, folder = _last_value(arguments, "--config"), _last_value(arguments, "--out")
    if told or _last_value(arguments, "--preset"):
        return Path(told) if told else None
    resumed = folder and "--resume" in arguments
    origin = _last_value(arguments, "--from-run")
    if origin and not (resumed and is_file(Path(folder) / "config.json")):
        return Path(origin) / "config.json"
    if not resumed:
        return None
    own = Path(folder) / "config.json"
    if is_file(own):
        return own
    if all(each in ("train", "--resume", "--out", folder, f"--out={folder}") for each in arguments):
        remedy = "check --out, or begin a run without --resume"
        raise InvalidArgumentError(str(own), got="no such file", expected="the run to resume", remedy=remedy)
    return None


def _settings_in(file: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """The settings of a file; a run's are refused where they name code that the command line does not name."""
    if file.suffix.lower() != ".json":
        return read_toml(file)
    values = {name: math.inf if value is None else value for name, value in read_json(file).items()}  # as it is written
    for setting in ("algorithm", "environment", "policy_network", "nu_network", "e_network"):
        option, name = f"--{setting.replace('_', '-')}", str(values.get(setting, ""))
        trusted = "--trust" in arguments or _last_value(arguments, option) == name
        check_word(name, str(file), setting, trusted=trusted, remedy=f"{option} '{name}'")
    return values


def _last_value(arguments: Sequence[str], option: str) -> str:
    """The value of an option on a command line, empty if it is not there."""
    found = [after for each, after in pairwise(arguments) if each == option]
    found += [each.partition("=")[2] for each in arguments if each.startswith(f"{option}=")]
    return found[-1] if found else ""


@dataclass(frozen=True)
class Train(Verbosity):
    """Train policies on a dataset; prints result.json."""

    out: Path
    """the run's folder"""
    resume: bool = False
    """continue the run in the folder, bit for bit; with its own settings, unless others are given"""
    from_run: Path | None = None
    """begin from the state of the run in this folder, with its settings unless others are given from there on"""
    from_update: str = "last"
    """with --from-run: last, or the updates after which policies and state were kept (RUN/states)"""
    config: Path | None = None
    """file of settings, TOML or a run's config.json; options given here override it"""
    preset: str = ""
    """paper: AlberDICE as printed, see docs/differences.md; the file's settings and options given here override it"""
    trust: bool = False
    """import and run what a run's config.json names as module:function or module:Class"""
    wandb: str = ""
    """a project of Weights & Biases that the run is logged to, too (pip install 'alberdice[tracking]'; WANDB_MODE=offline)"""
    settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

    def run(self) -> None:
        """Train."""
        check_torch()
        from alberdice.deep.training.loop import train
        from alberdice.deep.training.run_state import Origin

        if self.from_run is None and self.from_update != "last":
            raise InvalidArgumentError("--from-update", got=self.from_update, expected="nothing without --from-run")
        origin = None if self.from_run is None else Origin(self.from_run, self.from_update)
        with progress_bar(f"{self.settings.algorithm} on {self.settings.dataset}", self.settings.total) as step:
            begun: dict[str, Any] = {"resume": self.resume, "origin": origin, "wandb": self.wandb}
            result = train(self.settings, self.out, progress=step, fewer=partial(step, "", 0), **begun)
        if place().rank == 0:
            print_json(result)


@dataclass(frozen=True)
class Evaluate(Verbosity):
    """Play episodes with a run's policies; prints the returns as JSON."""

    run_dir: tyro.conf.Positional[Path]
    """the run's folder"""
    environment: str = "auto"
    """where to play: auto (where the run was evaluated), a name, or module:function of a PettingZoo env"""
    agents: tuple[str, ...] = ()
    """the environment's agents in the run's order, or which is which, RUN=ENVIRONMENT each; none: as in the run"""
    flatten: bool = False
    """take the environment's images as features, as where the run did"""
    max_steps: int = 0
    """steps after which episodes are truncated; 0: as in the run"""
    episodes: int = 0
    """episodes to play; 0: so many that they cost about a tenth of the training"""
    play: Literal["as trained", "sample", "sharp", "greedy"] = "as trained"
    """how actions are chosen: as in the run's evaluations, drawn from the policies, from pi^4, or the most probable ones"""
    workers: int = 0
    """processes that step the environment's episodes; 0: this one"""
    seed: int = 0
    """seed of the episodes"""
    update: str = "selected"
    """which policies: selected (those chosen by data alone), last, or the updates after which they were evaluated and kept"""
    offline: bool = False
    """estimate the return from data alone, with an interval, instead of playing"""
    dataset: str = ""
    """with --offline: from which data; by default the run's own"""
    plot: bool = False
    """draw the run's pictures again, into RUN_DIR/pictures"""
    trust: bool = False
    """import and run what the run's folder names as module:function or module:Class"""

    def run(self) -> None:
        """Play, and draw."""
        check_torch()
        from alberdice._checks import whole_number
        from alberdice.datasets.memory import check_rows
        from alberdice.deep.training.saved_run import evaluate_offline, evaluate_run

        names = ("episodes", "seed", "workers", "max_steps")
        episodes, seed, workers, steps = (whole_number(getattr(self, name), name) for name in names)
        check_rows("episodes", episodes, episodes)
        if self.offline:
            print_json(evaluate_offline(self.run_dir, dataset=self.dataset, update=self.update, trust=self.trust))
            return
        if self.dataset:
            raise InvalidArgumentError("dataset", got=self.dataset, expected="nothing without --offline")
        found = evaluate_run(
            self.run_dir,
            environment=self.environment,
            episodes=episodes,
            seed=seed,
            play="" if self.play == "as trained" else self.play,
            workers=workers,
            update=self.update,
            options=PlayOptions.of(self.agents, self.flatten, steps),
            trust=self.trust,
        )
        print_json(found)
        if self.plot:
            from alberdice.deep.training.run_pictures import draw_run

            for picture in draw_run(self.run_dir, environment=self.environment, trust=self.trust):
                tell(f"wrote {picture}")


@dataclass(frozen=True)
class Export(Verbosity):
    """Write a run's policies for where they act; prints where."""

    run_dir: tyro.conf.Positional[Path]
    """the run's folder"""
    path: tyro.conf.Positional[Path | None] = None
    """NAME.safetensors, or a folder for one program per agent; by default in RUN_DIR/export"""
    format: Literal["", "safetensors", "pt2", "onnx"] = ""
    """safetensors: weights, for alberdice.deep.Policies.load; pt2: a program per agent, for torch alone; onnx: the same for any
    runtime of ONNX; nothing said: safetensors"""
    update: str = "selected"
    """which policies: selected (those chosen by data alone), last, or the updates after which they were evaluated and kept"""
    overwrite: bool = False
    """replace what is there"""
    trust: bool = False
    """import and run what the run's folder names as module:function or module:Class"""

    def run(self) -> None:
        """Read and write."""
        check_torch()
        from alberdice.deep.training.export import export
        from alberdice.deep.training.saved_run import origins_of_run, policies_of_run

        kind = self.format or ("safetensors" if self.path is None else "")
        place = self.run_dir / "export" / ("policies.safetensors" if kind == "safetensors" else kind)
        policies = policies_of_run(self.run_dir, self.update, trust=self.trust)
        origins = origins_of_run(self.run_dir, self.update)
        print(export(policies, self.path or place, format=kind, origins=origins, overwrite=self.overwrite))


def check_torch() -> None:
    """Raises ResourceError without torch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        remedy = "pip install alberdice[deep]"
        raise ResourceError("torch", got="not installed", expected="torch 2.11 or later", remedy=remedy) from None
