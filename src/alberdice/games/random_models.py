"""Random MMDPs and data, for tests and benchmarks; sparse from the start, all draws from a generator passed in.

``garnet``: an MMDP without structure. Each (s, a) has ``n_successors`` distinct successors, drawn uniformly, with
probabilities uniform on the simplex; rewards are uniform on [0, 1). It has S |A| n_successors nonzeros.

``gridworld``: N agents on one ``height x width`` grid without walls, S = (height * width)^N. Each agent has a goal cell
and a start cell. Actions are Stay, Up, Down, Right, Left; off the grid means Stay; a move fails with probability
``slip``, and then the agent stays. Agents move independently, so that the transition is a product,

    P(c' | c, a) = prod_i P_i(c'_i | c_i, a_i),        at most 2^N nonzeros in each of its S 5^N rows,

and meeting is what costs: r(c) = (share of the agents that are on their goals) - collision * (share of the pairs of
agents that share a cell). The task never ends. State c has the index sum_i c_i (height * width)^(N - i), with cells in
reading order.

``random_data``: a distribution that shows each (s, a) with probability 1 - sparsity, weights uniform on the simplex.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice import _checks
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.machine import memory_limit
from alberdice.mmdp import MMDP

__all__ = ["garnet", "gridworld", "random_data"]

#: upper estimates of what construction takes at its peak, from measurements at 12.5 million nonzeros
BYTES_PER_NONZERO, BYTES_PER_ROW = 56, 128

MOVES = ((0, 0), (-1, 0), (1, 0), (0, 1), (0, -1))


def garnet(
    n_states: int,
    n_actions: Sequence[int],
    n_successors: int,
    *,
    generator: np.random.Generator,
    discount: float = 0.95,
    n_initial: int = 1,
) -> MMDP:
    """Draw an unstructured sparse MMDP.

    Args:
        n_states: S.
        n_actions: numbers of actions, agent by agent.
        n_successors: successors of each state and joint action, from 1 to S.
        generator: source of all draws.
        discount: gamma, a number in (0, 1).
        n_initial: the initial distribution, uniform on the simplex, covers the first ``n_initial`` states.

    Raises:
        InvalidArgumentError: a size outside its range.
        ResourceError: a model that this machine's memory cannot hold.
    """
    size = _checks.whole_number(n_states, "n_states", low=1)
    if isinstance(n_actions, int) or len(n_actions) == 0:
        raise InvalidArgumentError("n_actions", got=n_actions, expected="a number of actions per agent, e.g. (5, 5)")
    actions = tuple(_checks.whole_number(k, f"n_actions[{i}]", low=1) for i, k in enumerate(n_actions))
    fan = _checks.whole_number(n_successors, "n_successors", low=1, high=size)
    begin = _checks.whole_number(n_initial, "n_initial", low=1, high=size)
    rows = size * math.prod(actions)
    _check_memory(rows, rows * fan)
    successors = _distinct(generator, rows, fan, size)
    chances = generator.standard_exponential((rows, fan))
    chances /= chances.sum(axis=1, keepdims=True)
    bounds = np.arange(0, rows * fan + 1, fan, dtype=successors.dtype if rows * fan < 2**31 else np.int64)
    transition = sp.csr_array((chances.ravel(), successors.ravel(), bounds), shape=(rows, size))
    initial = np.zeros(size)
    initial[:begin] = generator.dirichlet(np.ones(begin))
    return MMDP(transition, generator.random((size, *actions)), initial, discount)


def gridworld(
    height: int,
    width: int,
    n_agents: int,
    *,
    generator: np.random.Generator,
    discount: float = 0.95,
    slip: float = 0.1,
    collision: float = 1.0,
) -> MMDP:
    """Draw a grid world: goals and starts are drawn, the rules are those of the module's docstring.

    Args:
        height: rows of the grid.
        width: columns of the grid.
        n_agents: N; goals, and likewise starts, differ from agent to agent as long as there are cells enough.
        generator: source of all draws.
        discount: gamma, a number in (0, 1).
        slip: probability that a move fails, in [0, 1).
        collision: cost of sharing cells, at least 0.

    Raises:
        InvalidArgumentError: a size or number outside its range.
        ResourceError: a model that this machine's memory cannot hold.
    """
    rows = _checks.whole_number(height, "height", low=1)
    columns = _checks.whole_number(width, "width", low=1)
    n = _checks.whole_number(n_agents, "n_agents", low=1)
    fails = _checks.real_number(slip, "slip", low=0.0, high=1.0)
    if fails == 1.0:
        raise InvalidArgumentError("slip", got=slip, expected="a number in [0, 1)")
    cost = _checks.real_number(collision, "collision", low=0.0)
    cells = rows * columns
    _check_memory((cells * len(MOVES)) ** n, (cells * len(MOVES) * (2 if fails else 1)) ** n)
    goals = generator.choice(cells, n, replace=n > cells)
    starts = generator.choice(cells, n, replace=n > cells)

    places = np.stack(np.unravel_index(np.arange(cells**n), (cells,) * n))
    on_goal = (places == goals[:, None]).mean(axis=0)
    pairs = list(itertools.combinations(range(n), 2))
    meeting = np.sum([places[i] == places[j] for i, j in pairs], axis=0) / max(len(pairs), 1)
    shape = (cells**n, *(len(MOVES),) * n)
    reward = np.broadcast_to((on_goal - cost * meeting).reshape(-1, *(1,) * n), shape)
    initial = np.zeros(cells**n)
    initial[np.ravel_multi_index(tuple(starts), (cells,) * n)] = 1.0
    return MMDP(_product_of(_single_agent_moves(rows, columns, fails), n), reward, initial, discount)


def random_data(model: MMDP, generator: np.random.Generator, sparsity: float = 0.0) -> DataDistribution:
    """Draw a data distribution for ``model``.

    Args:
        model: the MMDP that the data are to fit.
        generator: source of all draws.
        sparsity: probability that a state and joint action is absent, in [0, 1]; at least one is always present.

    Raises:
        InvalidArgumentError: a sparsity outside [0, 1].
    """
    absent = _checks.real_number(sparsity, "sparsity", low=0.0, high=1.0)
    weights = generator.standard_exponential(model.reward.shape)
    shown = generator.random(model.reward.shape) >= absent
    shown.flat[generator.integers(shown.size)] = True
    return DataDistribution.from_counts(np.where(shown, weights, 0.0), floor=0.0)


def _check_memory(rows: int, nonzeros: int) -> None:
    """Refuse, before any work, a model whose construction needs more memory than the machine has."""
    needed = BYTES_PER_ROW * rows + BYTES_PER_NONZERO * nonzeros
    there = memory_limit()
    if needed > there:
        raise ResourceError(
            "model",
            got=f"{rows:,} rows with {nonzeros:,} nonzeros, about {needed / 2**30:,.1f} GiB",
            expected=f"at most the {there / 2**30:,.1f} GiB that this process may use",
            remedy="ask for fewer states, agents or actions",
        )


def _distinct(generator: np.random.Generator, rows: int, fan: int, size: int) -> NDArray[np.integer]:
    """Draw ``fan`` different numbers below ``size`` per row, every set equally likely; shape ``(rows, fan)``, sorted.

    Floyd's method, all rows at a time: the k-th draw is from 0 to size - fan + k and is replaced by that upper end if
    the row has it already.
    """
    dtype = np.int32 if size < 2**31 else np.int64
    chosen = np.empty((rows, fan), dtype=dtype)
    for k in range(fan):
        last = size - fan + k
        drawn = generator.integers(last, size=rows, dtype=dtype, endpoint=True)
        taken = (chosen[:, :k] == drawn[:, None]).any(axis=1)
        chosen[:, k] = np.where(taken, last, drawn)
    chosen.sort(axis=1)
    return chosen


def _single_agent_moves(height: int, width: int, slip: float) -> sp.csr_array:
    """Build P_i(c' | c, a) on the empty grid, sparse ``(cells * 5, cells)``, row ``c * 5 + a``."""
    row, column = np.divmod(np.arange(height * width), width)
    targets = [np.clip(row + down, 0, height - 1) * width + np.clip(column + right, 0, width - 1) for down, right in MOVES]
    there = np.stack(targets, axis=1).ravel()
    here = np.repeat(np.arange(height * width), len(MOVES))
    line = np.arange(len(there))
    chances = np.repeat([1.0 - slip, slip], len(there))
    matrix = sp.coo_array((chances, (np.tile(line, 2), np.concatenate([there, here]))), shape=(len(there), height * width))
    return sp.csr_array(matrix)


def _product_of(single: sp.csr_array, n: int) -> sp.csr_array:
    """Build prod_i P_i: the Kronecker power with its rows (c_1, a_1, c_2, a_2, ...) ordered (c_1, ..., a_1, ..., a_N)."""
    power = single
    for _ in range(n - 1):
        power = sp.csr_array(sp.kron(power, single, format="csr"))
    cells, n_moves = single.shape[1], len(MOVES)
    order = np.arange(power.shape[0]).reshape((cells, n_moves) * n)
    return sp.csr_array(power[order.transpose(*range(0, 2 * n, 2), *range(1, 2 * n, 2)).ravel()])
