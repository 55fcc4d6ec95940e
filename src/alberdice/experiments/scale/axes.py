"""What is varied, over which values, and what everything else is meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alberdice.errors import InvalidArgumentError
from alberdice.experiments.scale.data import DataSpec
from alberdice.names import nearest

__all__ = ["AXES", "BASE", "QUICK", "Axis", "Base", "Place", "places_of"]


@dataclass(frozen=True)
class Place:
    """One point of an axis: what is trained there, and on what.

    Attributes:
        axis: its name.
        value: of what is varied, as people say it.
        data: to learn from.
        varied: settings that differ from the base's.
        beside: how many equal runs, of seeds from 0 on, are made side by side; 0: one run by itself per seed asked for.
    """

    axis: str
    value: str
    data: DataSpec
    varied: dict[str, Any] = field(default_factory=dict)
    beside: int = 0


@dataclass(frozen=True)
class Base:
    """What does not vary, and the values of what does.

    Attributes:
        data: the games' data.
        warehouse: steps of the warehouses' data.
        common: settings of all runs that have them.
        values: axis -> values.
    """

    data: DataSpec
    warehouse: int
    common: dict[str, Any]
    values: dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        name: as it is asked for.
        title: what is varied.
        abscissa: the measure that is on its x axis, see ``measured.Point``; '': values that are no numbers.
    """

    name: str
    title: str
    abscissa: str = "number"


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("agents", "agents N"),
        Axis("data", "steps of the data"),
        Axis("coverage", "share of all joint actions that the data show", "coverage"),
        Axis("rows", "rows per update"),
        Axis("threads", "threads of a run"),
        Axis("workers", "runs side by side"),
        Axis("devices", "device", ""),
        Axis("warehouses", "agents N in robotic warehouses"),
    )
}

_SETTINGS: dict[str, Any] = {
    "updates": 60,
    "pretrain_updates": 100,
    "learning_rate": 3e-3,
    "pretrain_learning_rate": 5e-3,
    "batch_size": 256,
    "pretrain_batch_size": 256,
    "hidden": (64, 64),
    "minibatch": "sampled",  # rows are what costs: equal ones are not merged
    "share_frames": False,
    "starts": 1,
    "select": "last",
    "evaluate_every": 1 << 24,
    "evaluate_episodes": 20,
    "checkpoint_every": 50,
    "keep_policies": 0,
    "pictures": False,
}

BASE = Base(
    DataSpec("passwords", 4, 10_000, (0.0, 0.3)),
    10_000,
    _SETTINGS,
    {
        "agents": (2, 4, 8, 16, 32, 64),
        "data": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
        "coverage": (0.0, 0.05, 0.1, 0.3, 1.0),
        "rows": (64, 256, 1024, 4096),
        "threads": (1, 2),
        "workers": (1, 2),
        "devices": ("cpu", "cuda"),
        "warehouses": (2, 4, 6),
    },
)

QUICK = Base(
    DataSpec("passwords", 4, 2_000, (0.0, 0.3)),
    1_000,
    {**_SETTINGS, "updates": 20, "pretrain_updates": 20, "hidden": (16,), "batch_size": 64, "pretrain_batch_size": 64},
    {
        "agents": (2, 8, 32),
        "data": (1_000, 10_000, 100_000),
        "coverage": (0.0, 0.1, 1.0),
        "rows": (64, 512, 4096),
        "threads": (1, 2),
        "workers": (1, 2),
        "devices": ("cpu", "cuda"),
        "warehouses": (2, 4),
    },
)


def places_of(base: Base, axes: Sequence[str]) -> list[Place]:
    """The points of these axes.

    Raises:
        InvalidArgumentError: an unknown axis.
    """
    found = []
    for axis in axes:
        if axis not in AXES:
            remedy = nearest(axis, AXES)
            raise InvalidArgumentError("--axes", got=repr(axis), expected=f"some of {', '.join(AXES)}", remedy=remedy)
        found += [_place(base, axis, value) for value in base.values[axis]]
    return found


def _place(base: Base, axis: str, value: Any) -> Place:
    data, varied, beside = base.data, dict[str, Any](), 0
    match axis:
        case "agents":
            data = replace(data, n_agents=value)
        case "data":
            data = replace(data, steps=value)
        case "coverage":
            data = replace(data, noises=(0.0, value))
        case "rows":
            varied = {"batch_size": value, "pretrain_batch_size": value}
        case "threads":
            varied = {"threads": value}
        case "workers":
            beside = value
        case "devices":
            varied = {"device": value}
        case _:
            data = DataSpec("rware-tiny", value, base.warehouse)
    return Place(axis, f"{value:,}" if isinstance(value, int) else str(value), data, varied, beside)
