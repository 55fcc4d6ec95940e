"""``alberdice-deep datasets list|make|inspect|import|export``: results on stdout, words and notes on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alberdice.cli.dataset_tables import cells, print_summary, print_table
from alberdice.datasets import formats
from alberdice.datasets.builtin import RECIPES, make_builtin
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.limit_steps import without_limit_steps
from alberdice.datasets.load import load_dataset
from alberdice.datasets.statistics import summarise
from alberdice.datasets.store import dataset_directory, default_root, stored_datasets, write_dataset
from alberdice.errors import InvalidArgumentError
from alberdice.readers import parse_json
from alberdice.texts import printable

__all__ = ["Datasets"]

_Name = Annotated[str, tyro.conf.Positional]
_Place = Annotated[Path, tyro.conf.Positional]


def _say(text: object) -> None:
    """A line for the reader, on standard error."""
    print(printable(text), file=sys.stderr)


def _busy(text: str) -> AbstractContextManager[Any]:
    """A spinner on stderr, silent when that is no terminal."""
    return Console(stderr=True).status(Text(printable(text)))


def _result(path: Path) -> None:
    print(printable(path, longest=1 << 20))


def _check_free(identity: str, root: Path | None, overwrite: bool) -> None:
    """Refuse an id that cannot be stored under, before any work."""
    target = dataset_directory(identity, root)
    if os.path.lexists(target) and not overwrite:
        remedy = "choose another --id, or --overwrite"
        raise InvalidArgumentError(str(target), got="something is there already", expected="a free id", remedy=remedy)


@dataclass(frozen=True)
class List:
    """List the built-in datasets with recipe, size and mean return, and what is stored."""

    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    json: bool = False
    """print JSON instead of a table"""

    def run(self) -> int:
        """Print the lists."""
        stored = stored_datasets(self.root)
        if self.json:
            keys = ("name", "description", "episodes", "steps", "mean_return")
            recipes = [{key: getattr(recipe, key) for key in keys} for recipe in RECIPES.values()]
            print(json.dumps({"builtin": recipes, "stored": stored}, indent=1))
            return 0
        table = Table("built in", "recipe", "episodes", "steps", "mean return (seed 0)")
        for recipe in RECIPES.values():
            steps = f"{recipe.steps:,}" if recipe.steps else "by the seed"
            row = (recipe.name, recipe.description, f"{recipe.episodes:,}", steps, f"{recipe.mean_return:.6g}")
            table.add_row(*cells(*row))
        print_table(table)
        table = Table("stored", "header", "episodes", "steps", "MB")
        for each in stored:
            sizes = [each[key] for key in ("total_episodes", "total_steps", "dataset_size")]
            kind = "not readable" if each["problem"] else "alberdice" if each["native"] else "Minari"
            table.add_row(*cells(each["id"], kind, *("" if size is None else f"{size:,}" for size in sizes)))
            if each["problem"]:
                _say(each["problem"])
        if stored:
            print_table(table)
        else:
            _say(f"Nothing is stored under {default_root() if self.root is None else self.root}.")
        return 0


@dataclass(frozen=True)
class Make:
    """Make a built-in dataset and store it; prints where."""

    name: _Name
    """a built-in dataset, see `datasets list`"""
    seed: int = 0
    """seed of the recipe's generator"""
    id: str | None = None
    """id to store it under; by default alberdice/NAME-seedSEED-v0"""
    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    overwrite: bool = False
    """replace what is stored under this id"""

    def run(self) -> int:
        """Make and store."""
        identity = self.id if self.id is not None else f"alberdice/{self.name}-seed{self.seed}-v0"
        _check_free(identity, self.root, self.overwrite)
        with _busy(f"making {self.name}"):
            made = make_builtin(self.name, self.seed)
            _result(write_dataset(made, identity, root=self.root, overwrite=self.overwrite))
        return 0


@dataclass(frozen=True)
class Inspect:
    """Summarise a dataset: sizes, statistics, notes and warnings."""

    dataset: _Name
    """a built-in dataset's name, a directory, or an id of the store"""
    seed: int = 0
    """seed of a built-in dataset's recipe"""
    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    plot: Path | None = None
    """draw returns, lengths and actions to this file (.png, .pdf or .svg)"""
    json: bool = False
    """print JSON instead of a table"""

    def run(self) -> int:
        """Load, summarise, draw."""
        with _busy(f"reading {self.dataset}"):
            loaded = load_dataset(self.dataset, seed=self.seed, root=self.root)
            summary = summarise(loaded)
            if self.plot is not None:
                from alberdice.plotting import plot_dataset

                _say(f"Wrote {plot_dataset(loaded, self.plot)}.")
        if self.json:
            print(json.dumps(summary.as_json(), indent=1))
        else:
            print_summary(summary)
        return 0


@dataclass(frozen=True)
class Import:
    """Read another format and store it; prints where."""

    format: Annotated[Literal["pymarl", "vault", "cfcql", "madt", "minari", "joint-actions"], tyro.conf.Positional]
    """what is to be read"""
    path: _Place
    """file or directory"""
    id: str
    """id to store it under, (namespace/)name-vN"""
    name: str | None = None
    """the dataset's name; by default taken from the source"""
    episode_limit: int | None = None
    """pymarl, cfcql, madt: steps at which a time limit cut episodes; those become truncated instead of terminated"""
    n_actions: tuple[int, ...] | None = None
    """actions per agent, where the source does not say"""
    drop_limit_steps: bool = False
    """leave out the last step of truncated episodes, whose reward some recorders set to 0"""
    team_reward: str = "equal"
    """how per-agent rewards become the team's: mean, sum or an agent's name; `equal` refuses unequal ones"""
    ends: Literal["equal", "all"] = "equal"
    """vault: whether agents must end together, or an episode ends when all have"""
    environment: str | None = None
    """what the data were recorded in: an environment's name, or module:function; kept in the header, for `auto`"""
    environment_arguments: str | None = None
    """what that environment is made with, a JSON object"""
    agents: tuple[str, ...] = ()
    """the agents' names, in the order of the data, where the source does not name them"""
    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    overwrite: bool = False
    """replace what is stored under this id"""

    def _named(self, loaded: OfflineDataset) -> OfflineDataset:
        """The dataset with what the options say of its environment and agents."""
        given: dict[str, Any] = {}
        if self.environment is not None:
            given["environment"] = self.environment
        if self.environment_arguments is not None:
            text = self.environment_arguments
            given["environment_arguments"] = parse_json(text, "--environment-arguments", InvalidArgumentError)
        own = loaded.header.agents
        if self.agents and own not in ((), self.agents):
            raise InvalidArgumentError("--agents", got=self.agents, expected=f"{own}, the source's own, or nothing")
        named = loaded.with_header(**given, agents=self.agents or own)
        return without_limit_steps(named) if self.drop_limit_steps else named

    def _read(self) -> OfflineDataset:
        given: dict[str, Any] = {"name": self.name, "n_actions": self.n_actions}
        takes = {
            "pymarl": ("episode_limit", "team_reward"),
            "cfcql": ("episode_limit", "team_reward"),
            "madt": ("episode_limit", "team_reward"),
            "vault": ("team_reward", "ends"),
            "minari": ("team_reward",),
        }
        defaults = {"episode_limit": None, "team_reward": "equal", "ends": "equal"}
        for option, default in defaults.items():
            value = getattr(self, option)
            if option in takes.get(self.format, ()):
                given[option] = value
            elif value != default:
                option = "--" + option.replace("_", "-")
                raise InvalidArgumentError(option, got=value, expected=f"nothing: {self.format} has no such option")
        readers: dict[str, Callable[..., OfflineDataset]] = {
            "pymarl": formats.read_pymarl,
            "vault": formats.read_vault,
            "cfcql": formats.read_cfcql,
            "madt": formats.read_madt,
            "minari": formats.read_minari,
            "joint-actions": formats.read_joint_actions,
        }
        return readers[self.format](self.path, **given)

    def run(self) -> int:
        """Read and store."""
        _check_free(self.id, self.root, self.overwrite)
        with _busy(f"reading {self.path}"):
            loaded = self._named(self._read())
        for note in loaded.notes:
            _say(note)
        with _busy(f"storing {self.id}"):
            _result(write_dataset(loaded, self.id, root=self.root, overwrite=self.overwrite))
        return 0


@dataclass(frozen=True)
class Export:
    """Write a dataset in another format; prints where, and says what the format cannot hold."""

    format: Annotated[Literal["pymarl", "vault", "joint-actions"], tyro.conf.Positional]
    """what is to be written"""
    dataset: _Name
    """a built-in dataset's name, a directory, or an id of the store"""
    path: _Place
    """file or directory to make"""
    seed: int = 0
    """seed of a built-in dataset's recipe"""
    mark_time_limits: bool = True
    """pymarl: mark truncated episodes terminated too, as published buffers do"""
    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    overwrite: bool = False
    """replace what is there"""

    def run(self) -> int:
        """Load and write."""
        if not self.mark_time_limits and self.format != "pymarl":
            got = self.mark_time_limits
            raise InvalidArgumentError("--mark-time-limits", got=got, expected=f"nothing: {self.format} has no such option")
        with _busy(f"writing {self.path}"):
            loaded = load_dataset(self.dataset, seed=self.seed, root=self.root)
            if self.format == "pymarl":
                losses = formats.write_pymarl(
                    loaded, self.path, mark_time_limits=self.mark_time_limits, overwrite=self.overwrite
                )
            elif self.format == "vault":
                losses = formats.write_vault(loaded, self.path, overwrite=self.overwrite)
            else:
                losses = formats.write_joint_actions(loaded, self.path, overwrite=self.overwrite)
        for loss in losses:
            _say(loss)
        _result(self.path)
        return 0


@dataclass(frozen=True)
class Datasets:
    """Make, look at and convert datasets."""

    command: (
        Annotated[List, tyro.conf.subcommand("list")]
        | Annotated[Make, tyro.conf.subcommand("make")]
        | Annotated[Inspect, tyro.conf.subcommand("inspect")]
        | Annotated[Import, tyro.conf.subcommand("import")]
        | Annotated[Export, tyro.conf.subcommand("export")]
    )

    def run(self) -> int:
        """Run the chosen command."""
        return self.command.run()
