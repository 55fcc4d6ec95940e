"""What each table of the paper is: its datasets, what it shows, and the printed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alberdice.datasets.zoo import ZOO_PREFIX
from alberdice.environments.rware import SIZES, TEAMS
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.reproduce import fights, matches
from alberdice.experiments.reproduce.fights import PAPER_NAMES
from alberdice.games.zoo import REPORTING
from alberdice.names import nearest
from alberdice.reference import paper_tables

__all__ = ["PAPER_NAMES", "TABLES", "PaperTable", "names_among", "shown_name"]


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes:
        name: as on the command line.
        title: a line on top.
        datasets: names of built-in datasets.
        shows: mean returns, or joint policies in the one state.
        in_paper: whether the paper prints it.
        shares: whether the data are not the paper's, so that shares of their mean return are to be compared; cells that were
            not run are shown, too.
        preset: of every algorithm's settings; '': their defaults.
        presets: of some algorithms' in its place.
        quick: settings, one seed and the first dataset alone, that show in minutes that all of it works.
        metric: what episodes report that is tabulated beside returns; cells that were not run are shown, too.
        beside: what the paper's numbers of the metric are of.
        columns: per dataset, the paper's column that it is set beside, where that is not its own name.
        missing: columns of the paper for which there are no data here, and why.
        variants: rows of settings of AlberDICE in the place of algorithms.
        runs: the table whose runs are shown; '': its own.
    """

    name: str
    title: str
    datasets: tuple[str, ...]
    shows: Literal["returns", "policies"]
    in_paper: bool = True
    shares: bool = False
    preset: str = ""
    presets: Mapping[str, str] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    metric: str = ""
    beside: str = "SMAC"
    columns: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: str = ""

    @property
    def folder(self) -> str:
        """Where its runs are kept, below the folder of all tables."""
        return self.runs or self.name

    def preset_of(self, algorithm: str) -> str:
        """Where an algorithm's settings come from; '': its defaults."""
        return self.presets.get(algorithm, self.preset)

    def place(self, dataset: str) -> str:
        """The folder of a dataset's runs: the paper's column where there is one, since a user's dataset may be any path."""
        return self.columns.get(dataset, dataset)

    def with_data(self, data: Mapping[str, str]) -> PaperTable:
        """The table with a user's datasets, by the paper's column, in the place of those it has or lacks.

        Raises:
            InvalidArgumentError: a column that the table does not have.
        """
        known = (*self.columns.values(), *self.missing)
        for column in data:
            if column not in known:
                expected = f"one of {', '.join(known)}" if known else f"nothing: {self.name} has its own data"
                raise InvalidArgumentError("--data", got=repr(column), expected=expected, remedy=nearest(column, known))
        mine = {dataset: column for dataset, column in self.columns.items() if column not in data}
        mine |= {dataset: column for column, dataset in data.items()}
        missing = {column: why for column, why in self.missing.items() if column not in data}
        return replace(self, datasets=tuple(mine) if data else self.datasets, columns=mine, missing=missing)

    def printed(self, algorithm: str, dataset: str) -> dict[str, Any] | None:
        """The paper's ``mean`` and ``stderr``, or its ``joint`` policy; None for algorithms that it lacks.

        With ``shares`` the ``share`` of the paper's data's mean, and no error: none is printed.
        """
        if self.metric:
            column = self.columns.get(dataset, dataset)
            return matches.printed(algorithm, column) if self.name == "table4" else fights.printed(self.name, algorithm, column)
        name = PAPER_NAMES.get(algorithm)
        if name is None or not self.in_paper:
            return None
        if self.shows == "policies":
            return {"joint": paper_tables()[self.name][name][dataset.removeprefix("matrix-")]}
        if self.shares:
            numbers = paper_tables()["table3_rware"]
            place = numbers["columns"].index("".join(dataset.removeprefix("rware-").split("-")[:2]).removesuffix("ag"))
            return {"mean": numbers[name][place], "stderr": None, "share": numbers[name][place] / numbers["data"][place]}
        numbers, column = paper_tables()["table2_bridge"], dataset.removeprefix("bridge-")
        place = numbers["columns"].index(name)
        return {"mean": numbers[column][place], "stderr": numbers["stderr"][column][place]}


TABLES = {
    "table1": PaperTable("table1", "Table 1: joint policies on Penalty XOR, data (c)", ("matrix-c",), "policies"),
    "table2": PaperTable("table2", "Table 2: mean returns on Bridge", ("bridge-optimal", "bridge-mix"), "returns"),
    "table3": PaperTable(
        "table3",
        "Table 3: mean returns on robotic warehouses, data of two traffic conventions",
        tuple(f"rware-{size}-{n}ag-conventions" for size in SIZES for n in TEAMS),
        "returns",
        shares=True,
        preset="rware",
        presets={"alberdice": "rware-conventions"},  # with a memory it does not agree, see docs/warehouses.md
        quick={
            **{"updates": 20, "pretrain_updates": 20, "memory_updates": 20},
            **{"batch_size": 512, "pretrain_batch_size": 512, "evaluate_episodes": 10},
        },
    ),
    "table4": PaperTable("table4", **matches.TABLE),
    **{name: PaperTable(name, **fields) for name, fields in fights.TABLES.items()},
    "table6": PaperTable(
        "table6", "Table 6: joint policies on Penalty XOR", ("matrix-a", "matrix-b", "matrix-c", "matrix-d"), "policies"
    ),
    "zoo": PaperTable(
        "zoo", "The zoo's reporting half: mean returns", tuple(f"{ZOO_PREFIX}{name}" for name in REPORTING), "returns", False
    ),
}


def shown_name(algorithm: str) -> str:
    """The paper's name, or one's own class's."""
    return PAPER_NAMES.get(algorithm, algorithm.rpartition(":")[2])


def names_among(asked: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The names asked for, each once and in the order of ``known``; all known ones if none is asked for.

    Raises:
        InvalidArgumentError: an unknown name, with the nearest match.
    """
    for name in asked:
        if name not in known:
            expected = f"one of {', '.join(known)}"
            raise InvalidArgumentError(what, got=repr(name), expected=expected, remedy=nearest(name, known))
    return tuple(name for name in known if name in asked or not asked)
