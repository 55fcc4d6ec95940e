"""Flow problems to solve, and slow independent ways to solve them. Nothing here imports the solver that it judges."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice.tabular.flow import FlowProblem

Array = NDArray[np.float64]


def flow_problem(
    reward: Array, rows: Array | sp.csr_array, state: NDArray[np.intp], initial: Array, discount: float, alpha: float
) -> FlowProblem:
    return FlowProblem(
        np.asarray(reward, dtype=float), sp.csr_array(rows), np.asarray(state, dtype=np.intp), initial, discount, alpha
    )


def with_prior(reward: Array, alpha: float, rng: np.random.Generator, smallest: float = 1e-10) -> Array:
    """c = r + alpha log q, q spread over ten orders of magnitude."""
    q = 10 ** rng.uniform(np.log10(smallest), 0, len(reward))
    return reward + alpha * np.log(np.maximum(q / q.sum(), smallest))


def garnet(n_states: int, n_actions: int, branches: int, seed: int, alpha: float, discount: float = 0.95) -> FlowProblem:
    """Random successors and Dirichlet weights; a ring keeps every state reachable."""
    rng = np.random.default_rng(seed)
    n_rows = n_states * n_actions
    state = np.repeat(np.arange(n_states), n_actions)
    successors = rng.integers(0, n_states, (n_rows, branches))
    successors[::n_actions, 0] = (state[::n_actions] + 1) % n_states
    weights = rng.dirichlet(np.ones(branches), n_rows)
    indptr = np.arange(0, n_rows * branches + 1, branches)
    rows = sp.csr_array((weights.ravel(), successors.ravel(), indptr), shape=(n_rows, n_states))
    rows.sum_duplicates()
    initial = rng.dirichlet(np.ones(n_states))
    reward = with_prior(rng.normal(size=n_rows), alpha, rng)
    return flow_problem(reward, rows, state, initial, discount, alpha)


def ragged(n_states: int, seed: int, alpha: float, discount: float) -> FlowProblem:
    """One to four actions per state in shuffled row order, probabilities over twelve orders of magnitude, one initial state."""
    rng = np.random.default_rng(seed)
    state = np.repeat(np.arange(n_states), rng.integers(1, 5, n_states))
    first = np.flatnonzero(np.diff(state, prepend=-1))
    rows = np.zeros((len(state), n_states))
    for m in range(len(state)):
        successors = rng.choice(n_states, min(n_states, int(rng.integers(1, 4))), replace=False)
        rows[m, successors] = 10 ** rng.uniform(-12, 0, len(successors))
    rows[first, (np.arange(n_states) + 1) % n_states] += 10 ** rng.uniform(-12, 0, n_states)
    rows /= rows.sum(axis=1, keepdims=True)
    shuffle = rng.permutation(len(state))
    reward = rng.normal(size=len(state)) * 10 ** rng.uniform(-3, 3)
    initial = np.zeros(n_states)
    initial[rng.integers(n_states)] = 1.0
    return flow_problem(with_prior(reward, alpha, rng), rows[shuffle], state[shuffle], initial, discount, alpha)


def corridor(length: int, alpha: float, discount: float, seed: int = 0) -> FlowProblem:
    """Left, right, stay; deterministic; reward at the far end; the walk starts at the near end."""
    rng = np.random.default_rng(seed)
    state = np.repeat(np.arange(length), 3)
    target = np.clip(state + np.tile([-1, 0, 1], length), 0, length - 1)
    rows = sp.csr_array((np.ones(3 * length), (np.arange(3 * length), target)), shape=(3 * length, length))
    initial = np.zeros(length)
    initial[0] = 1.0
    reward = with_prior(1.0 * (state == length - 1), alpha, rng)
    return flow_problem(reward, rows, state, initial, discount, alpha)


def lock(length: int, alpha: float, discount: float, reward: float = 1000.0, seed: int = 0) -> FlowProblem:
    """Combination lock: one of three actions advances, the others start over."""
    rng = np.random.default_rng(seed)
    state = np.repeat(np.arange(length), 3)
    right = rng.integers(0, 3, length)[state] == np.tile(np.arange(3), length)
    target = np.where(right, np.minimum(state + 1, length - 1), 0)
    rows = sp.csr_array((np.ones(3 * length), (np.arange(3 * length), target)), shape=(3 * length, length))
    initial = np.zeros(length)
    initial[0] = 1.0
    return flow_problem(with_prior(reward * (state == length - 1), alpha, rng), rows, state, initial, discount, alpha)


def walk(side: int, alpha: float, discount: float, slip: float = 0.1, seed: int = 0) -> FlowProblem:
    """A walker on a grid with five moves that slip; -1 per step until the goal, an absorbing state with a single row."""
    rng = np.random.default_rng(seed)
    moves = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    cells = np.stack(np.divmod(np.arange(side**2), side), axis=1)
    after = np.clip(cells[:, None] + moves, 0, side - 1) @ np.array([side, 1])
    goal = side**2 - 1
    state = np.append(np.repeat(np.arange(goal), 5), goal)
    rows = np.zeros((len(state), side**2))
    for m in range(len(state) - 1):
        np.add.at(rows[m], after[state[m]], slip / 5)
        rows[m, after[state[m], m % 5]] += 1 - slip
    rows[-1, goal] = 1.0
    initial = np.zeros(side**2)
    initial[0] = 1.0
    reward = np.where(state == goal, 0.0, -1.0)
    return flow_problem(with_prior(reward, alpha, rng), rows, state, initial, discount, alpha)


# -- independent judges ------------------------------------------------------------------------------------------------


def constraint(problem: FlowProblem) -> tuple[Array, Array]:
    """A^T and b of A^T d = b, dense, entry by entry."""
    dense = problem.transition.toarray()
    a = -problem.discount * dense
    for m, s in enumerate(problem.state):
        a[m, s] += 1.0
    return a.T, (1 - problem.discount) * problem.initial


def dual_value(problem: FlowProblem, nu: Array) -> float:
    """U(nu), written out."""
    a, b = constraint(problem)
    e = problem.reward - a.T @ nu
    top = e.max()
    if problem.alpha == 0:
        return float(b @ nu + top)
    return float(b @ nu + top + problem.alpha * np.log(np.exp((e - top) / problem.alpha).sum()))


def objective(problem: FlowProblem, occupancy: Array) -> float:
    """c.d - alpha sum d log d, with 0 log 0 = 0."""
    used = occupancy[occupancy > 0]
    return float(problem.reward @ occupancy - problem.alpha * (used * np.log(used)).sum())


def some_occupancy(problem: FlowProblem, rng: np.random.Generator) -> Array:
    """The exact occupancy of a random policy: a feasible point."""
    weight = rng.exponential(size=len(problem.state)) ** 3
    policy = weight / np.bincount(problem.state, weight)[problem.state]
    chain = np.zeros((problem.n_states, problem.n_states))
    np.add.at(chain, problem.state, policy[:, None] * problem.transition.toarray())
    visits = np.linalg.solve(np.eye(problem.n_states) - problem.discount * chain.T, (1 - problem.discount) * problem.initial)
    return policy * visits[problem.state]


def linear_program(problem: FlowProblem) -> float:
    """The optimal value at alpha = 0, by HiGHS."""
    a, b = constraint(problem)
    result = scipy.optimize.linprog(-problem.reward, A_eq=a, b_eq=b, bounds=(0, None), method="highs")
    assert result.status == 0
    return float(-result.fun)


def conic_program(problem: FlowProblem) -> float:
    """The optimal value by cvxpy and Clarabel, exponential cones."""
    import cvxpy as cp

    a, b = constraint(problem)
    d = cp.Variable(len(problem.reward))
    goal = cp.Maximize(problem.reward @ d + problem.alpha * cp.sum(cp.entr(d)))
    return float(cp.Problem(goal, [a @ d == b, d >= 0]).solve(solver=cp.CLARABEL, tol_gap_rel=1e-10, tol_gap_abs=1e-10))


def dual_descent(problem: FlowProblem) -> tuple[float, Array]:
    """(least value of U found by L-BFGS, the primal point exp(e/alpha) normalised): unconstrained, smooth, first order."""
    a, b = constraint(problem)

    def weights(nu: Array) -> Array:
        e = (problem.reward - a.T @ nu) / problem.alpha
        share = np.exp(e - e.max())
        return share / share.sum()

    def gradient(nu: Array) -> Array:
        return b - a @ weights(nu)

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 50}
    start = np.zeros(problem.n_states)
    result = scipy.optimize.minimize(
        lambda nu: dual_value(problem, nu), start, jac=gradient, method="L-BFGS-B", options=options
    )
    return float(result.fun), weights(result.x)
