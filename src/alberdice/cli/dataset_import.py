"""``alberdice-deep datasets import``: other formats, and logs of one's own, into the store; or what they would come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from alberdice.cli.common import Verbosity
from alberdice.cli.dataset_tables import busy, check_free, print_path, print_roles, print_summary
from alberdice.console import tell
from alberdice.datasets import formats
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.limit_steps import without_limit_steps
from alberdice.datasets.statistics import summarise
from alberdice.datasets.store import write_dataset
from alberdice.errors import InvalidArgumentError
from alberdice.readers import parse_json

__all__ = ["Import"]

_Format = Literal["csv", "parquet", "pymarl", "vault", "cfcql", "madt", "minari", "joint-actions"]
#: what each format takes beside a name and numbers of actions
_TAKES = {
    "csv": ("columns", "episode_limit", "team_reward"),
    "parquet": ("columns", "episode_limit", "team_reward"),
    "pymarl": ("episode_limit", "team_reward"),
    "cfcql": ("episode_limit", "team_reward"),
    "madt": ("episode_limit", "team_reward"),
    "vault": ("team_reward", "ends"),
    "minari": ("team_reward",),
}
_DEFAULTS = {"columns": None, "episode_limit": None, "team_reward": "equal", "ends": "equal"}


@dataclass(frozen=True)
class Import(Verbosity):
    """Read another format and store it; prints where."""

    format: Annotated[_Format, tyro.conf.Positional]
    """what is to be read"""
    path: Annotated[Path, tyro.conf.Positional]
    """file or directory"""
    id: str | None = None
    """id to store it under, (namespace/)name-vN; needed unless --dry-run"""
    dry_run: bool = False
    """print what was understood, and store nothing"""
    columns: Path | None = None
    """csv, parquet: dictionary of the columns' names, a TOML file; by default they are named as docs/own-data.md says"""
    name: str | None = None
    """the dataset's name; by default taken from the source"""
    episode_limit: int | None = None
    """csv, parquet, pymarl, cfcql, madt: steps at which a time limit cut episodes; those become truncated, not terminated"""
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

    def _given(self) -> dict[str, Any]:
        """The options that the format takes; others must have been left alone."""
        given: dict[str, Any] = {"name": self.name, "n_actions": self.n_actions}
        for option, default in _DEFAULTS.items():
            value = getattr(self, option)
            if option in _TAKES.get(self.format, ()):
                given[option] = value
            elif value != default:
                option = "--" + option.replace("_", "-")
                raise InvalidArgumentError(option, got=value, expected=f"nothing: {self.format} has no such option")
        return given

    def _read(self) -> tuple[OfflineDataset, dict[str, tuple[str, str]]]:
        """The dataset, and for a log what its columns were taken for."""
        readers: dict[str, Callable[..., OfflineDataset]] = {
            "pymarl": formats.read_pymarl,
            "vault": formats.read_vault,
            "cfcql": formats.read_cfcql,
            "madt": formats.read_madt,
            "minari": formats.read_minari,
            "joint-actions": formats.read_joint_actions,
        }
        given = self._given()
        if self.format in readers:
            return readers[self.format](self.path, **given), {}
        understood = formats.understand_log(self.path, kind=self.format, **given)
        return understood.dataset, understood.roles

    def run(self) -> int:
        """Read and store, or say what would be stored."""
        if self.id is None and not self.dry_run:
            raise InvalidArgumentError(
                "--id", got="nothing", expected="where to store it, e.g. lab/log-v0", remedy="or --dry-run"
            )
        if self.id is not None:
            check_free(self.id, self.root, self.overwrite)
        with busy(f"reading {self.path}"):
            loaded, roles = self._read()
            loaded = self._named(loaded)
        if self.dry_run:
            if roles:
                print_roles(roles)
            print_summary(summarise(loaded))
            tell("Nothing was stored (--dry-run).")
            return 0
        for note in loaded.notes:
            tell(note)
        with busy(f"storing {self.id}"):
            print_path(write_dataset(loaded, str(self.id), root=self.root, overwrite=self.overwrite))
        return 0
