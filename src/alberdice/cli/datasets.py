"""``alberdice-deep datasets list|make|inspect|import|export``: results on stdout, words and notes on stderr."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.table import Table

from alberdice.cli.common import Verbosity
from alberdice.cli.dataset_import import Import
from alberdice.cli.dataset_tables import busy, cells, check_free, print_path, print_summary, print_table
from alberdice.console import tell, warn
from alberdice.datasets import formats
from alberdice.datasets.builtin import RECIPES, make_builtin
from alberdice.datasets.load import load_dataset
from alberdice.datasets.statistics import summarise
from alberdice.datasets.store import default_root, stored_datasets, write_dataset
from alberdice.errors import InvalidArgumentError

__all__ = ["Datasets"]

_Name = Annotated[str, tyro.conf.Positional]
_Place = Annotated[Path, tyro.conf.Positional]


@dataclass(frozen=True)
class List(Verbosity):
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
                warn(each["problem"])
        if stored:
            print_table(table)
        else:
            tell(f"Nothing is stored under {default_root() if self.root is None else self.root}.")
        return 0


@dataclass(frozen=True)
class Make(Verbosity):
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
        check_free(identity, self.root, self.overwrite)
        with busy(f"making {self.name}"):
            made = make_builtin(self.name, self.seed)
            print_path(write_dataset(made, identity, root=self.root, overwrite=self.overwrite))
        return 0


@dataclass(frozen=True)
class Inspect(Verbosity):
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
        with busy(f"reading {self.dataset}"):
            loaded = load_dataset(self.dataset, seed=self.seed, root=self.root)
            summary = summarise(loaded)
            if self.plot is not None:
                from alberdice.plotting import plot_dataset

                tell(f"Wrote {plot_dataset(loaded, self.plot)}.")
        if self.json:
            print(json.dumps(summary.as_json(), indent=1))
        else:
            print_summary(summary)
        return 0


@dataclass(frozen=True)
class Export(Verbosity):
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
        with busy(f"writing {self.path}"):
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
            warn(loss)
        print_path(self.path)
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
