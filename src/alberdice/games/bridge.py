"""Bridge: two agents, one narrow bridge, and only two ways to begin well (section 5.2, Figure 3 of the paper).

    row 0   2 .     . .       1, 2: the goals of agents 1 and 2, at (2, 5) and (0, 0)
    row 1   . . a b . .       a, b: where agents 1 and 2 start in the hard game, (1, 2) and (1, 3); the original game
    row 2   . .     . 1             starts them at (1, 1) and (1, 4)

Cells are (row, column) from 0; the blanks are walls; 14 cells are free. Actions are Stay, Up, Down, Right, Left.

Moves (``resolve_moves``). A move into a wall or off the map counts as Stay. An agent that stands on its own goal is
done: it stays there for ever and blocks nobody. While both are under way, agent 1 is judged first, on what both want:

    it wants to stay, or its goal          it does
    agent 2 stays where it wants to go     it stays
    both want the same cell                it moves and agent 2 stays (even if the cell is agent 2's goal)
    they want to swap cells                both stay
    anything else                          it moves, also into a cell that agent 2 is leaving

and then agent 2, on what it still wants and where agent 1 now goes:

    it wants to stay, or its goal          it does
    agent 1 goes where it wants to go      it stays
    anything else                          it moves

So two agents share a cell only on a goal: the owner stands there done, or walked in upon the other.

Reward of a step that ends in the cells c'_1, c'_2: mean over both agents of -0.1 |c'_i - goal_i| (Euclidean), where an
agent that was done before the step counts 0. Once both are done the state repeats for ever with reward 0.

States are all 14 x 14 pairs of cells, index = 14 * cell_1 + cell_2 with cells in reading order. The 12 pairs that share
a cell which is no goal cannot occur; they keep their places, so that an index is two digits in base 14, and the rules,
which are total, apply to them as written. ``BridgeGame.possible`` tells which pairs can occur from the game's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import occupancy, state_transition
from alberdice.games.game import Game
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["ACTION_NAMES", "CELLS", "GOALS", "MAP", "BridgeGame", "bridge", "resolve_moves", "step_reward"]

Cell = tuple[int, int]
CellPair = tuple[Cell, Cell]

#: the map: '.' is free, '#' is a wall
MAP = ("..##..", "......", "..##..")
#: the free cells in reading order
CELLS: tuple[Cell, ...] = tuple((r, c) for r, row in enumerate(MAP) for c, mark in enumerate(row) if mark == ".")
GOALS: CellPair = ((2, 5), (0, 0))
HARD_START: CellPair = ((1, 2), (1, 3))
ORIGINAL_START: CellPair = ((1, 1), (1, 4))
ACTION_NAMES = ("Stay", "Up", "Down", "Right", "Left")
MOVES: tuple[Cell, ...] = ((0, 0), (-1, 0), (1, 0), (0, 1), (0, -1))
#: steps of an episode in the paper's evaluation
HORIZON = 20

_NUMBER = {cell: k for k, cell in enumerate(CELLS)}
#: joint actions within this of the best count as equally good; far above rounding, far below any difference in the game
_TIE = 1e-9


def resolve_moves(cells: CellPair, actions: tuple[int, int]) -> CellPair:
    """Return the cells after both agents act: the rules of the game, all of them; see the module's docstring."""
    (here_1, here_2), (goal_1, goal_2) = cells, GOALS
    if here_1 == goal_1 or here_2 == goal_2:  # one is done: it stays and is in nobody's way
        next_1 = here_1 if here_1 == goal_1 else _aim(here_1, actions[0])
        next_2 = here_2 if here_2 == goal_2 else _aim(here_2, actions[1])
        return next_1, next_2

    next_1, next_2 = _aim(here_1, actions[0]), _aim(here_2, actions[1])
    if next_1 not in (goal_1, here_1):  # agent 1 is judged
        if next_1 == next_2 == here_2:  # agent 2 stays in its way
            next_1 = here_1
        elif next_1 == next_2:  # a tie for a free cell
            next_2 = here_2
        elif next_1 == here_2 and next_2 == here_1:  # a swap
            next_1, next_2 = here_1, here_2
    if next_2 not in (goal_2, here_2) and next_2 == next_1:  # agent 2 is judged against where agent 1 now goes
        next_2 = here_2
    return next_1, next_2


def step_reward(cells: CellPair, next_cells: CellPair) -> float:
    """Return the common reward of the step from ``cells`` to ``next_cells``."""
    costs = [
        0.0 if here == goal else 0.1 * math.dist(there, goal)
        for here, there, goal in zip(cells, next_cells, GOALS, strict=True)
    ]
    return -sum(costs) / len(costs)


def _aim(cell: Cell, action: int) -> Cell:
    """Follow the action on the empty map."""
    there = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
    return there if there in _NUMBER else cell


@dataclass(frozen=True)
class BridgeGame(Game):
    """Bridge with its cells, its two optimal policies and the exact distributions of the paper's data.

    Attributes:
        start: the cells in which agents 1 and 2 begin.
        goals_seen: whether agents see the goals' cells, which are constant, in place of whether they are reached.

    Data (``game.data(name, floor)``), computed from the policies and not sampled:

    * ``optimal``: half the data by each of ``optimal_policies``;
    * ``mix``: half of it ``optimal``, half by the uniform policy (500 + 500 trajectories in the paper).

    Each is the policies' normalised discounted occupancy (1 - gamma) sum_t gamma^t Pr(s_t, a_t), the kind of
    distribution that d^pi is, so that the regulariser of (2) compares like with like: d^D is a mixture of stationary
    distributions, and each policy behind the data could have d^pi equal to its share. The absorbing state stands for
    all the time after an episode's end and so holds most of the weight (0.92 of 'optimal' at gamma = 0.99). Counts
    from recorded episodes end with the episode and weigh states otherwise; for those use
    ``DataDistribution.from_counts``.
    """

    start: CellPair = HARD_START
    goals_seen: bool = False

    def state_index(self, cell1: str | Cell, cell2: Cell | None = None, /) -> int:
        """Return the index of the state with the agents in two cells, (row, column) each, or of the state so named."""
        if isinstance(cell1, str):
            return super().state_index(cell1)
        return _number(cell1, "cell1") * len(CELLS) + _number(cell2, "cell2")

    def cells(self, index: int) -> CellPair:
        """Return the agents' cells at state ``index``."""
        first, second = divmod(_checks.whole_number(index, "state", high=len(CELLS) ** 2 - 1), len(CELLS))
        return CELLS[first], CELLS[second]

    def observation(self, index: int) -> FloatArray:
        """Return the paper's state (row1, col1, goal1, row2, col2, goal2); goal_i is 1 once agent i is on its goal."""
        (cell1, cell2), (goal1, goal2) = self.cells(index), GOALS
        if self.goals_seen:
            return np.array([*cell1, *cell2, *goal1, *goal2], dtype=np.float64)
        return np.array([*cell1, cell1 == goal1, *cell2, cell2 == goal2], dtype=np.float64)

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Which states can occur from the start under some actions, shape ``(196,)``."""
        return _checks.frozen(_reached(self.mmdp, FactorizedPolicy.uniform(self.mmdp)))

    @cached_property
    def optimal_policies(self) -> tuple[FactorizedPolicy, FactorizedPolicy]:
        """Two deterministic optimal policies: agent 1 crosses first while agent 2 makes way, and the other way round.

        At every state a policy takes, of the joint actions that are optimal for the discount, one that brings the agent
        with the right of way nearest to its goal (Euclidean), and of those the first in the order of the actions.
        """
        gains = _optimal_gains(self.mmdp)
        return _crossing_first(self.mmdp, gains, 0), _crossing_first(self.mmdp, gains, 1)


def bridge(hard: bool = True, discount: float = 0.99, goals_seen: bool = False) -> BridgeGame:
    """Build Bridge: the paper's hard game, or with ``hard=False`` the original, where the agents start off the bridge.

    Args:
        hard: where the agents start, see the module's docstring.
        discount: gamma, a number in (0, 1).
        goals_seen: agents see (row1, col1, row2, col2) and the goals' cells, instead of whether they are reached.

    Raises:
        InvalidModelError: a discount outside (0, 1).
    """
    start = HARD_START if hard else ORIGINAL_START
    model = _model(start, discount)
    builders: dict[str, Callable[[float], DataDistribution]] = {}
    game = BridgeGame(
        name="bridge" if hard else "bridge-original",
        mmdp=model,
        action_names=(ACTION_NAMES, ACTION_NAMES),
        state_names=tuple(f"agent 1 at {first}, agent 2 at {second}" for first in CELLS for second in CELLS),
        data_builders=builders,
        horizon=HORIZON,
        start=start,
        goals_seen=goals_seen,
    )
    builders["optimal"] = lambda floor: _optimal_data(game).floored(floor)
    builders["mix"] = lambda floor: _mix_data(game).floored(floor)
    return game


def _model(start: CellPair, discount: float) -> MMDP:
    """Build the MMDP that the rules define: one successor per state and joint action."""
    n = len(CELLS)
    n_actions = len(ACTION_NAMES)
    shape = (n * n, n_actions, n_actions)
    successor, reward = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for s, a1, a2 in np.ndindex(*shape):
        cells = CELLS[s // n], CELLS[s % n]
        after = resolve_moves(cells, (a1, a2))
        successor[s, a1, a2] = _NUMBER[after[0]] * n + _NUMBER[after[1]]
        reward[s, a1, a2] = step_reward(cells, after)
    rows = successor.size
    transition = sp.csr_array((np.ones(rows), successor.ravel(), np.arange(rows + 1)), shape=(rows, n * n))
    initial = np.zeros(n * n)
    initial[_NUMBER[start[0]] * n + _NUMBER[start[1]]] = 1.0
    return MMDP(transition, reward, initial, discount)


def _number(cell: Cell | None, name: str) -> int:
    if not isinstance(cell, tuple | list) or tuple(cell) not in _NUMBER:
        raise InvalidArgumentError(name, got=cell, expected=f"a free cell (row, column), one of {CELLS}")
    return _NUMBER[cell[0], cell[1]]


def _reached(model: MMDP, policy: FactorizedPolicy) -> NDArray[np.bool_]:
    """Find the states that the policy visits with positive probability; by the graph, hence without rounding."""
    order = breadth_first_order(state_transition(model, policy), int(model.initial.argmax()), return_predecessors=False)
    visited = np.zeros(model.n_states, dtype=np.bool_)
    visited[order] = True
    return visited


def _optimal_gains(model: MMDP) -> FloatArray:
    """Compute Q*(s, a), shape ``(S, A1, A2)``, by value iteration over joint actions.

    Each sweep brings V nearer to V* by the factor gamma at least; in fact the iterates stop changing once there have
    been as many sweeps as the longest way to the goals has steps, since all that follows is worth 0.
    """
    values = np.zeros(model.n_states)
    while True:
        gains = model.reward + model.discount * (model.transition @ values).reshape(model.reward.shape)
        best = gains.max(axis=(1, 2))
        if np.abs(best - values).max() <= 1e-14:
            return np.asarray(gains)
        values = best


def _crossing_first(model: MMDP, gains: FloatArray, agent: int) -> FactorizedPolicy:
    """Return the optimal policy that gives ``agent`` the right of way."""
    distance = np.array([[math.dist(cell, goal) for goal in GOALS] for cell in CELLS])
    cell_of = np.divmod(np.arange(model.n_states), len(CELLS))[agent]
    left_to_go = (model.transition @ distance[cell_of, agent]).reshape(model.n_states, -1)
    flat = gains.reshape(model.n_states, -1)
    optimal = flat >= flat.max(axis=1, keepdims=True) - _TIE
    chosen = np.where(optimal, left_to_go.round(9), np.inf).argmin(axis=1)
    return FactorizedPolicy.deterministic(np.stack(np.unravel_index(chosen, model.n_actions), axis=1), model.n_actions)


def _visits(model: MMDP, policy: FactorizedPolicy) -> DataDistribution:
    """Return the policy's discounted occupancy as data; what it never does is exactly 0 and not observed."""
    shown = _reached(model, policy)[:, None, None] & (policy.joint() > 0)
    mass = np.where(shown, occupancy(model, policy), 0.0)
    return DataDistribution(mass / mass.sum(), observed=shown)


def _optimal_data(game: BridgeGame) -> DataDistribution:
    return DataDistribution.mixture([_visits(game.mmdp, policy) for policy in game.optimal_policies], [0.5, 0.5])


def _mix_data(game: BridgeGame) -> DataDistribution:
    uniform = _visits(game.mmdp, FactorizedPolicy.uniform(game.mmdp))
    return DataDistribution.mixture([_optimal_data(game), uniform], [0.5, 0.5])
