"""One dataset of the episodes of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.header import DatasetHeader
from alberdice.errors import fail

__all__ = ["concatenate"]

Array = NDArray[Any]


def concatenate(name: str, parts: Sequence[OfflineDataset], *, notes: Sequence[str] = ()) -> OfflineDataset:
    """The episodes of all parts, in order; sizes and types must agree.

    Raises:
        InvalidDataError: parts that differ in agents, actions, sizes, types or in having masks.
    """
    if not parts:
        raise fail("", "parts", got="none", expected="at least one dataset")

    def shape(part: OfflineDataset) -> tuple[object, ...]:
        kinds = (part.frame_states.dtype, part.frame_observations.dtype, part.rewards.dtype)
        return part.n_actions, part.state_size, part.observation_size, kinds, part.frame_masks is None

    for at, part in enumerate(parts):
        if shape(part) != shape(parts[0]):
            raise fail(part.source, f"parts[{at}] ({part.name})", got=shape(part), expected=shape(parts[0]))

    def frames(key: str) -> Array:
        steps = [getattr(part, key)[: part.n_steps] for part in parts]
        return np.concatenate(steps + [getattr(part, key)[part.n_steps :] for part in parts])

    def rows(key: str) -> Array:
        return np.concatenate([getattr(part, key) for part in parts])

    return OfflineDataset(
        name=name,
        n_actions=parts[0].n_actions,
        frame_states=frames("frame_states"),
        frame_observations=frames("frame_observations"),
        frame_masks=None if parts[0].frame_masks is None else frames("frame_masks"),
        actions=rows("actions"),
        rewards=rows("rewards"),
        terminated=rows("terminated"),
        truncated=rows("truncated"),
        lengths=rows("lengths"),
        final_known=rows("final_known"),
        notes=tuple(dict.fromkeys((*(note for part in parts for note in part.notes), *notes))),
        header=_common_header([part.header for part in parts]),
    )


def _common_header(headers: Sequence[DatasetHeader]) -> DatasetHeader:
    """What all parts agree on; rewards of different rules do not add up.

    Raises:
        InvalidDataError: agents of other names or in another order, or another rule of the team's reward;
            actions of other names.
    """
    first = headers[0]
    for at, header in enumerate(headers):
        for name in ("agents", "team_reward", "action_names"):
            if getattr(header, name) != getattr(first, name):
                got, expected = getattr(header, name), f"{getattr(first, name)}, as in parts[0]"
                raise fail("", f"parts[{at}].header.{name}", got=got, expected=expected)
    limits = {header.episode_limit for header in headers}
    shared: dict[str, Any] = {"episode_limit": first.episode_limit if len(limits) == 1 else None}
    if all((h.environment, h.environment_arguments) == (first.environment, first.environment_arguments) for h in headers):
        shared |= {"environment": first.environment, "environment_arguments": first.environment_arguments}
    if len({header.recipe for header in headers}) == 1:
        shared["recipe"] = first.recipe
    shared["action_names"] = first.action_names
    return DatasetHeader(agents=first.agents, team_reward=first.team_reward, **shared)
