"""What the property files share: the strategies of tests/, the counterexamples' models, and running one file alone.

``python proofs_check/lemma_4_1.py`` runs that file's checks and prints one line; pytest collects the same functions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import oracles
from hypothesis import settings
from strategies import (
    EXAMPLES,
    Problem,
    alphas,
    distributions,
    generators,
    load_profile,
    mmdps,
    policies,
    problems,
    random_data,
    random_policy,
)

import alberdice as ad

__all__ = [
    "EXACT",
    "OPTIMISED",
    "Problem",
    "alphas",
    "below",
    "close",
    "distributions",
    "few_examples",
    "generators",
    "interaction",
    "mmdps",
    "one_shot",
    "one_state_policy",
    "one_way_door",
    "oracles",
    "policies",
    "problems",
    "random_data",
    "random_policy",
    "run_alone",
    "two_islands",
    "uniform_data",
]

load_profile()

#: absolute tolerance for the counterexamples' printed digits, and where an optimiser is involved
EXACT, OPTIMISED = 1e-9, 1e-6


def few_examples(count: int) -> settings:
    """For costly properties: ``count`` examples where others take 25, and in proportion in every profile."""
    return settings(max_examples=max(1, count * settings.default.max_examples // EXAMPLES))


def close(got: Any, expected: Any, tolerance: float = EXACT) -> None:
    """Assert equality within ``tolerance * (1 + |expected|)``, entry by entry; shapes must broadcast."""
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def below(smaller: Any, larger: Any, tolerance: float = EXACT) -> None:
    """Assert smaller <= larger up to ``tolerance * (1 + |larger|)``."""
    small, large = np.asarray(smaller, dtype=float), np.asarray(larger, dtype=float)
    assert (small <= large + tolerance * (1 + np.abs(large))).all(), f"{small} > {large}"


def one_shot(payoff: Any) -> ad.MMDP:
    """The matrix game with this payoff."""
    return ad.games.matrix_game(np.array(payoff, dtype=float)).mmdp


def interaction(payoff: np.ndarray) -> float:
    """The largest Q(a,b) - Q(a',b) - Q(a,b') + Q(a',b')."""
    rows = payoff[:, None, :] - payoff[None, :, :]
    return float((rows[..., :, None] - rows[..., None, :]).max())


def uniform_data(model: ad.MMDP) -> ad.DataDistribution:
    """d^D equal everywhere."""
    return ad.DataDistribution(np.full(model.reward.shape, 1.0 / model.reward.size))


def one_state_policy(*rows: Any) -> ad.FactorizedPolicy:
    """A joint policy of a one-shot game, one row per agent."""
    return ad.FactorizedPolicy([[row] for row in rows])


def one_way_door() -> ad.MMDP:
    """Counterexample 1: at s0, a_1 = 1 moves to the absorbing s1, where r = 1; a_2 is irrelevant."""
    transition = np.zeros((2, 2, 2, 2))
    transition[0, 0, :, 0] = transition[0, 1, :, 1] = transition[1, :, :, 1] = 1
    reward = np.zeros((2, 2, 2))
    reward[1] = 1
    return ad.MMDP(transition, reward, [1.0, 0.0], 0.5)


def two_islands() -> ad.MMDP:
    """Counterexample 3: one agent, both states absorbing, p_0 = delta_0, r(s1, a = 1) = 1."""
    transition = np.zeros((2, 2, 2))
    transition[0, :, 0] = transition[1, :, 1] = 1
    return ad.MMDP(transition, [[0.0, 0.0], [0.0, 1.0]], [1.0, 0.0], 0.5)


def run_alone(names: dict[str, Any]) -> None:
    """Run every ``test_`` function of a file and print one line."""
    checks: list[Callable[[], None]] = [f for name, f in names.items() if name.startswith("test_")]
    begin = time.perf_counter()
    for check in checks:
        check()
    title = str(names["__doc__"]).splitlines()[0]
    print(f"ok  {Path(names['__file__']).name}: {len(checks)} checks in {time.perf_counter() - begin:.1f} s  ({title})")
