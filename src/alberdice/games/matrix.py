"""One-shot games: one state, one joint action, one common payoff.

    r(a_1, ..., a_N) = payoff[a_1, ..., a_N];   the single state repeats for ever, so J(pi) is the expected payoff.

XOR (Figure 1) and Penalty XOR (Figure 2 of the paper), its N-agent form (exactly one agent must choose B), and three
classics of the coordination literature: the climbing and the penalty game of Claus and Boutilier (AAAI 1998), and the
stag hunt.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidDataError, InvalidModelError
from alberdice.games.game import Game
from alberdice.mmdp import MMDP

__all__ = [
    "climbing_game",
    "counts_from_joint_actions",
    "matrix_game",
    "n_agent_xor",
    "penalty_game",
    "penalty_xor",
    "stag_hunt",
    "xor",
]

#: the discount of one-shot games; it cancels, since occupancies are normalised and the state never changes
DISCOUNT = 0.5

#: counts of joint actions in the paper's four Penalty XOR data sets (Appendix F and Table 6), 5,000 samples each
PAPER_COUNTS: dict[str, dict[str, int]] = {
    "a": {"AB": 5000},
    "b": {"AB": 2464, "BA": 2536},
    "c": {"AA": 1671, "AB": 1651, "BA": 1678},
    "d": {"AA": 1271, "AB": 1281, "BA": 1210, "BB": 1238},
}


def matrix_game(payoff: ArrayLike, *, name: str = "matrix", data: Mapping[str, Mapping[str, float]] | None = None) -> Game:
    """The one-shot game with payoff array ``(A1, ..., An)``; actions are called A, B, C, ...

    Args:
        payoff: finite numbers; one axis per agent.
        name: what to call the game.
        data: named counts of joint actions, ``{"b": {"AB": 2464, "BA": 2536}}``.

    Raises:
        InvalidModelError: a payoff that is empty, not finite or not an array of numbers.
    """
    table = _checks.real_array(payoff, "payoff", InvalidModelError)
    if table.ndim == 0 or 0 in table.shape:
        raise InvalidModelError("payoff", got=f"shape {table.shape}", expected="one axis per agent, none empty")
    too_many = max(table.shape) > len(string.ascii_uppercase)
    names = tuple(tuple(str(k) if too_many else string.ascii_uppercase[k] for k in range(size)) for size in table.shape)
    model = MMDP(np.ones((*table[None].shape, 1)), table[None], [1.0], DISCOUNT)

    return Game(
        name=name,
        mmdp=model,
        action_names=names,
        state_names=("the one state",),
        data_builders={
            key: partial(_with_floor, DataDistribution.from_counts(counts_from_joint_actions(counts, names), floor=0.0))
            for key, counts in (data or {}).items()
        },
    )


def _with_floor(data: DataDistribution, floor: float) -> DataDistribution:
    return data if floor == 0 else data.floored(floor)


def counts_from_joint_actions(counts: Mapping[str, float], names: tuple[tuple[str, ...], ...]) -> FloatArray:
    """``{"AB": 2464, "BA": 2536}`` as an array ``(1, A1, ..., An)``; names may also be split by commas or blanks.

    Raises:
        InvalidDataError: a joint action that the game does not have, or a count that is not a finite number >= 0.
    """
    if not isinstance(counts, Mapping):
        got = type(counts).__name__
        raise InvalidDataError("counts", got=f"a {got}", expected='a count per joint action, e.g. {"AB": 2464}')
    array = np.zeros((1, *(len(n) for n in names)))
    for key, count in counts.items():
        array[(0, *_parse_joint_action(key, names))] += _checked_count(key, count)
    if array.sum() == 0:
        raise InvalidDataError("counts", got="no data: every count is 0", expected="at least one positive count")
    return array


def _checked_count(key: str, count: object) -> float:
    if isinstance(count, int | float | np.integer | np.floating) and not isinstance(count, bool) and 0 <= count < np.inf:
        return float(count)
    raise InvalidDataError(f"counts[{key!r}]", got=repr(count), expected="a finite number >= 0")


def _parse_joint_action(key: str, names: tuple[tuple[str, ...], ...]) -> tuple[int, ...]:
    if not isinstance(key, str):
        raise InvalidDataError(f"joint action {key!r}", got=f"a {type(key).__name__}", expected="text, e.g. 'AB' or 'A,B'")
    parts = key.replace(",", " ").split()
    if len(parts) == 1 and len(names) > 1:
        parts = list(parts[0])
    if len(parts) != len(names):
        raise InvalidDataError(f"joint action {key!r}", got=f"{len(parts)} actions", expected=f"{len(names)}, one per agent")
    for i, part in enumerate(parts):
        if part not in names[i]:
            raise InvalidDataError(
                f"joint action {key!r}, agent {i + 1}", got=repr(part), expected=f"one of {', '.join(names[i])}"
            )
    return tuple(names[i].index(part) for i, part in enumerate(parts))


def xor() -> Game:
    """XOR, Figure 1: reward 1 for different actions, 0 for equal ones; data 'symmetric' and 'three' as in the introduction."""
    return matrix_game(
        [[0, 1], [1, 0]],
        name="xor",
        data={
            "symmetric": {"AB": 1, "BA": 1},
            "three": {"AA": 1, "AB": 1, "BA": 1},
            "uniform": _uniform_counts((2, 2)),
        },
    )


def penalty_xor() -> Game:
    """Penalty XOR, Figure 2: payoff [[0, 1], [1, -2]], with the paper's data a, b, c and d."""
    return matrix_game([[0, 1], [1, -2]], name="penalty-xor", data=PAPER_COUNTS)


def n_agent_xor(n_agents: int) -> Game:
    """Exactly one of ``n_agents`` must choose B (reward 1, otherwise 0).

    Data 'optimal' show every optimal joint action, in unequal counts (1,000 + 10 i when agent i, from 1, chooses B), so
    that no symmetry of the data decides.
    """
    n = _checks.whole_number(n_agents, "n_agents", low=2, high=12)
    payoff = np.zeros((2,) * n)
    counts = {}
    for i in range(n):
        chosen = tuple(int(j == i) for j in range(n))
        payoff[chosen] = 1.0
        counts["".join("AB"[c] for c in chosen)] = 1000 + 10 * (i + 1)
    return matrix_game(payoff, name=f"xor-{n}", data={"optimal": counts, "uniform": _uniform_counts((2,) * n)})


def climbing_game() -> Game:
    """The climbing game: optimum AA (11) is shielded by heavy losses, so independent learners settle for less."""
    return _with_uniform("climbing", [[11, -30, 0], [-30, 7, 6], [0, 0, 5]])


def penalty_game(penalty: float = -100.0) -> Game:
    """The penalty game: optima AA and CC (10); mixing them up costs ``penalty``; BB (2) is safe."""
    k = _checks.real_number(penalty, "penalty", high=0.0)
    return _with_uniform("penalty", [[10, 0, k], [0, 2, 0], [k, 0, 10]])


def stag_hunt() -> Game:
    """A common-payoff stag hunt: stag together (A, A) 4, hare together (B, B) 2, alone on the stag -2 for the team."""
    return _with_uniform("stag-hunt", [[4, -2], [-2, 2]])


def _with_uniform(name: str, payoff: list[list[float]]) -> Game:
    return matrix_game(payoff, name=name, data={"uniform": _uniform_counts(np.shape(payoff))})


def _uniform_counts(shape: tuple[int, ...]) -> dict[str, int]:
    return {"".join(string.ascii_uppercase[a] for a in joint): 1 for joint in itertools.product(*map(range, shape))}
