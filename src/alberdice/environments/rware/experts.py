"""Scripted experts: agents that keep a traffic convention, B warehouses at a time.

An agent that carries a requested shelf drives to the goal on its side; with a delivered one it drives home, to the slot where
it took the shelf, or to the nearest free one if that is taken; an unloaded agent goes to the nearest requested shelf that it
knows of, and tours the aisles otherwise. What it knows:

    local    the requested shelves within its own 3 x 3 view, and within five steps by the roads
    global   all requested shelves

Of two agents that want to enter one cell the one lower in the order goes, the other waits; an agent that has not moved for
seven steps makes a random move every other step. What an agent decides depends on the frame, on its own memory of the episode,
and on one uniform number a step, and so on no other warehouse.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.rware.layout import FORWARD, NOOP, SIZES, TOGGLE, Layout
from alberdice.environments.rware.roads import CONVENTIONS, FAR, cross_rows, roads
from alberdice.environments.rware.views import Reading, read
from alberdice.errors import InvalidArgumentError

__all__ = ["Experts", "expert"]

Cells = NDArray[np.int64]
Flags = NDArray[np.bool_]
_NEAR, _PATIENCE = 5, 6
_NOWHERE = 0  # a cell of the border


class Experts:
    """A policy for all agents of B warehouses.

    Args:
        layout: the map, three groups of columns wide.
        conventions: (B, N) 0 or 1, each agent's convention.
        knowledge: 'local' or 'global'.
        yields: 'higher': of two contenders for a cell the agent with the higher number waits; 'lower': the other way round.

    Raises:
        InvalidArgumentError: another convention, knowledge or order.
    """

    def __init__(self, layout: Layout, conventions: ArrayLike, *, knowledge: str = "local", yields: str = "higher") -> None:
        given = np.asarray(conventions)
        if given.ndim != 2 or given.dtype.kind not in "iu" or not np.isin(given, (0, 1)).all():
            names = ", ".join(f"{k} ({name})" for k, name in enumerate(CONVENTIONS))
            raise InvalidArgumentError("conventions", got=f"{given.dtype} {given.shape}", expected=f"(B, N) of {names}")
        for name, value, known in (("knowledge", knowledge, ("local", "global")), ("yields", yields, ("higher", "lower"))):
            if value not in known:
                raise InvalidArgumentError(name, got=repr(value), expected=" or ".join(map(repr, known)))
        self.layout, self.conventions, self.knowledge, self.yields = layout, given.astype(np.int64), knowledge, yields
        both = [roads(layout, k) for k in range(len(CONVENTIONS))]
        self._distance = np.stack([r.distance for r in both])
        self._action = np.stack([r.action for r in both])
        self._tours = self._plan_tours()
        self._rows = np.arange(len(given))
        self.begin(self._rows)

    def _plan_tours(self) -> Cells:
        """(convention, tour, 2) the two cells of each tour: up one aisle to a cross row, down the other one."""
        rows, queue, wide = cross_rows(self.layout), self.layout.height - 2, self.layout.width - 1
        tours = []
        for first, second in ((0, 3), (3, 0)):
            sides = [(first, second), (wide - first, wide - second)]
            tours.append([[self.layout.cell(a, y), self.layout.cell(b, queue)] for a, b in sides for y in rows])
        return np.array(tours)

    def begin(self, slots: Cells) -> None:
        """Forget what was remembered of these slots: their episodes begin."""
        if not hasattr(self, "_home"):
            shape = self.conventions.shape
            self._home, self._tour = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
            self._leg, self._still, self._last = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._home[slots], self._leg[slots], self._still[slots], self._last[slots] = _NOWHERE, -1, 0, -1

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> Cells:
        """Choose.

        Args:
            frame: what is seen.
            uniforms: (B, N) in [0, 1).

        Returns:
            (B, N) actions.
        """
        seen = read(self.layout, frame.observations, frame.state)
        actions = np.zeros(seen.cells.shape, np.int64)
        taken = np.zeros_like(seen.agent)
        for agent in range(seen.cells.shape[1]):
            actions[:, agent] = self._choose(agent, seen, taken, uniforms[:, agent])
        self._give_way(actions, seen)
        pose = seen.cells * 4 + seen.directions
        self._still = np.where(pose == self._last, self._still + 1, 0)
        self._last = pose
        restless = (self._still > _PATIENCE) & (uniforms < 0.5)
        return np.where(restless, 1 + np.floor(uniforms * 6).astype(np.int64), actions)

    # ---- one agent -------------------------------------------------------------------------------------------------------

    def _choose(self, agent: int, seen: Reading, taken: Flags, uniforms: NDArray[np.float64]) -> Cells:
        """(B,) its action: toggle where it should, else the next step to its target."""
        rows, layout = self._rows, self.layout
        cell, direction, loaded = seen.cells[:, agent], seen.directions[:, agent], seen.carrying[:, agent]
        wanted = seen.requested[rows, cell]
        home = self._home[:, agent]
        lift = ~loaded & wanted
        home[lift] = cell[lift]
        target = np.full(len(rows), _NOWHERE)
        deliver = loaded & wanted
        on_left = layout.x[np.where(home == _NOWHERE, cell, home)] < layout.width // 2
        target[deliver] = np.where(on_left, *layout.goals)[deliver]
        drop = loaded & ~wanted & ~layout.highway[cell]
        back = np.flatnonzero(loaded & ~wanted & ~drop)
        if len(back):
            self._find_home(agent, back, seen, taken)
            target[back] = home[back]
            taken[back, home[back]] = True
        free = np.flatnonzero(~loaded & ~lift)
        if len(free):
            target[free] = self._search(agent, free, seen, taken, uniforms[free])
        taken[:, _NOWHERE] = False
        action = self._action[self.conventions[:, agent], target, cell, direction]
        return np.where(lift | drop, TOGGLE, np.where(target == _NOWHERE, NOOP, action)).astype(np.int64)

    def _far(self, agent: int, rows: Cells, seen: Reading, targets: Cells) -> Cells:
        """(rows, targets) steps from the agent to each of these cells."""
        convention = self.conventions[rows, agent, None]
        cell, direction = seen.cells[rows, agent, None], seen.directions[rows, agent, None]
        return self._distance[convention, targets, cell, direction].astype(np.int64)

    def _find_home(self, agent: int, rows: Cells, seen: Reading, taken: Flags) -> None:
        """Another free slot where the agent's home is none, not free, or has an agent in it."""
        home = self._home[:, agent]
        lost = rows[(home[rows] == _NOWHERE) | seen.shelf[rows, home[rows]] | seen.agent[rows, home[rows]]]
        if not len(lost):
            return
        slots = self.layout.slots[None, :]
        closed = seen.shelf[lost[:, None], slots] | seen.agent[lost[:, None], slots] | taken[lost[:, None], slots]
        far = np.where(closed, FAR, self._far(agent, lost, seen, slots))
        best = far.argmin(axis=1)
        home[lost] = np.where(far.min(axis=1) < FAR, self.layout.slots[best], _NOWHERE)

    def _search(self, agent: int, rows: Cells, seen: Reading, taken: Flags, uniforms: NDArray[np.float64]) -> Cells:
        """(rows,) the nearest known request, else the next cell of the tour."""
        column, layout = rows[:, None], self.layout
        here = seen.cells[rows, agent]
        cells = here[:, None] + layout.view if self.knowledge == "local" else layout.slots[None, :]
        open_ = seen.requested[column, cells] & ~layout.highway[cells] & ~seen.agent[column, cells] & ~taken[column, cells]
        far = np.where(open_, self._far(agent, rows, seen, cells), FAR)
        best = far.argmin(axis=1)
        found = far.min(axis=1) <= (_NEAR if self.knowledge == "local" else FAR - 1)
        target = np.where(found, np.broadcast_to(cells, far.shape)[np.arange(len(rows)), best], _NOWHERE)
        taken[rows, target] |= found
        touring = ~found
        target[touring] = self._next_of_tour(agent, rows[touring], here[touring], uniforms[touring])
        return target

    def _next_of_tour(self, agent: int, rows: Cells, here: Cells, uniforms: NDArray[np.float64]) -> Cells:
        """(rows,) where the tour leads; a new one is drawn where there is none or it is done."""
        tours = self._tours[self.conventions[rows, agent]]
        place, leg, tour = np.arange(len(rows)), self._leg[rows, agent], self._tour[rows, agent]
        leg = leg + ((leg >= 0) & (tours[place, tour, np.maximum(leg, 0)] == here))
        new = (leg < 0) | (leg > 1)
        tour = np.where(new, np.floor(uniforms * tours.shape[1]).astype(np.int64), tour)
        leg = np.where(new, 0, leg)
        self._leg[rows, agent], self._tour[rows, agent] = leg, tour
        chosen: Cells = tours[place, tour, leg]
        return chosen

    # ---- all agents ------------------------------------------------------------------------------------------------------

    def _give_way(self, actions: Cells, seen: Reading) -> None:
        """Of those that drive into one cell only the first drives."""
        n = actions.shape[1]
        ahead = seen.cells + self.layout.steps[seen.directions]
        order = range(n) if self.yields == "higher" else range(n - 1, -1, -1)
        claimed: list[Cells] = []
        for agent in order:
            goes = actions[:, agent] == FORWARD
            for other in claimed:
                goes &= other != ahead[:, agent]
            actions[:, agent] = np.where(~goes & (actions[:, agent] == FORWARD), NOOP, actions[:, agent])
            claimed.append(np.where(goes, ahead[:, agent], -1))


def expert(
    spec: EnvironmentSpec, *, convention: int = 0, knowledge: str = "local", yields: str = "higher"
) -> Callable[[Cells], Experts]:
    """A script for ``collect``: all agents keep one convention.

    Args:
        spec: of a warehouse of the registry, ``rware-{size}-{N}ag``.
        convention: 0 (outer-up) or 1 (inner-up).
        knowledge: see :class:`Experts`.
        yields: see :class:`Experts`.

    Returns:
        A function that gives the experts of a number of episodes.

    Raises:
        InvalidArgumentError: another environment.
    """
    size = spec.name.split("-")[1] if spec.name.startswith("rware-") else ""
    if size not in SIZES:
        expected = f"rware-{{{','.join(SIZES)}}}-Nag"
        raise InvalidArgumentError("rware-expert, environment", got=repr(spec.name), expected=expected)
    layout = Layout(*SIZES[size])
    Experts(layout, np.full((1, spec.n_agents), convention), knowledge=knowledge, yields=yields)  # complains at once
    return lambda numbers: Experts(
        layout, np.full((len(numbers), spec.n_agents), convention), knowledge=knowledge, yields=yields
    )
