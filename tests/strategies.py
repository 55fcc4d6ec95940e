"""Hypothesis strategies shared by tests/ and proofs_check/: random MMDPs, data, policies and whole problems.

Sizes and switches are drawn by Hypothesis, so that failures shrink to few agents, states and actions; the entries come from a
generator seeded by a drawn number. Everything is small: at most 4 agents, 4 states and 24 joint actions.

    profile   examples  entries
    dev       default   the same examples in every run
    ci        default   those of the printed seed
    slow      10 times as many, those of the printed seed

chosen by the environment variable HYPOTHESIS_PROFILE.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, core, settings
from hypothesis import strategies as st

import alberdice as ad

#: of the profiles 'ci' and 'slow' unless HYPOTHESIS_SEED says otherwise
SEED = 20231210
#: examples per property unless a test says otherwise
EXAMPLES = 25
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("dev", max_examples=EXAMPLES, derandomize=True, database=None, **COMMON)
settings.register_profile("ci", max_examples=EXAMPLES, print_blob=True, **COMMON)
settings.register_profile("slow", max_examples=10 * EXAMPLES, print_blob=True, **COMMON)


def load_profile() -> str:
    """Load the profile that HYPOTHESIS_PROFILE names ('dev' unless set), with its seed; return its name.

    One seed for every process of a run, workers' and those of files run alone included: HYPOTHESIS_SEED or ``SEED``.
    """
    name = os.environ.get("HYPOTHESIS_PROFILE", "dev")
    settings.load_profile(name)
    if name != "dev":
        core.global_force_seed = int(os.environ.get("HYPOTHESIS_SEED", SEED))
    return name


@dataclass(frozen=True)
class Problem:
    """One agent's turn: a model, data, a joint policy, the agent, alpha and a nu."""

    model: ad.MMDP
    data: ad.DataDistribution
    policy: ad.FactorizedPolicy
    agent: int
    alpha: float
    nu: np.ndarray

    @property
    def turn(self) -> tuple[ad.MMDP, ad.FactorizedPolicy, int, ad.DataDistribution, float]:
        """Leading arguments of best_response and of the dual's functions."""
        return self.model, self.policy, self.agent, self.data, self.alpha


def generators() -> st.SearchStrategy[np.random.Generator]:
    """Numpy generators, one per drawn seed."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def alphas(low: float = 0.05, high: float = 5.0) -> st.SearchStrategy[float]:
    """Regularisation weights, evenly spread in the logarithm."""
    return st.floats(np.log10(low), np.log10(high)).map(lambda x: float(10.0**x))


def action_counts(min_agents: int = 1, max_agents: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Numbers of actions, agent by agent, unequal in general; at most 24 joint actions."""
    counts = st.lists(st.integers(1, 4), min_size=min_agents, max_size=max_agents).map(tuple)
    return counts.filter(lambda c: 2 <= np.prod(c) <= 24)


def distributions(generator: np.random.Generator, shape: tuple[int, ...], zeros: float) -> np.ndarray:
    """Random distributions along the last axis; each entry is zero with probability ``zeros``, never a whole row."""
    weights = generator.exponential(size=shape) + 0.05
    weights *= generator.random(shape) >= zeros
    rows = weights.reshape(-1, shape[-1])
    empty = rows.sum(axis=1) == 0
    rows[empty, generator.integers(shape[-1], size=int(empty.sum()))] = 1.0
    return weights / weights.sum(axis=-1, keepdims=True)


@st.composite
def mmdps(
    draw: st.DrawFn,
    min_agents: int = 1,
    max_agents: int = 4,
    max_states: int = 4,
    deterministic: bool = False,
    unreachable: bool | None = None,
) -> ad.MMDP:
    """Random MMDPs with unequal action sets and zero-probability transitions.

    Args:
        draw: Hypothesis's.
        min_agents, max_agents, max_states: sizes.
        deterministic: every transition leads to one state.
        unreachable: True: the last states have no way in; False: p_0 covers every state; None: anything.
    """
    counts = draw(action_counts(min_agents, max_agents))
    n_states = draw(st.integers(2 if unreachable else 1, max_states))
    generator = draw(generators())
    zeros = 1.0 if deterministic else draw(st.sampled_from([0.0, 0.4, 0.8]))
    transition = distributions(generator, (n_states, *counts, n_states), zeros)
    reward = generator.uniform(-1, 1, (n_states, *counts))
    initial = distributions(generator, (n_states,), 0.0 if unreachable is False else 0.5)
    if unreachable:
        entrance = draw(st.integers(1, n_states - 1))
        transition[:entrance] = 0.0
        transition[:entrance, ..., :entrance] = distributions(generator, (entrance, *counts, entrance), zeros)
        initial = np.concatenate([distributions(generator, (entrance,), 0.0), np.zeros(n_states - entrance)])
    return ad.MMDP(transition, reward, initial, draw(st.sampled_from([0.1, 0.5, 0.8, 0.95])))


def random_policy(generator: np.random.Generator, model: ad.MMDP, zeros: float = 0.0) -> ad.FactorizedPolicy:
    """A random factorised policy; every entry is zero with probability ``zeros`` (1: deterministic)."""
    return ad.FactorizedPolicy([distributions(generator, (model.n_states, k), zeros) for k in model.n_actions])


def random_data(generator: np.random.Generator, model: ad.MMDP, zeros: float = 0.0, spread: float = 1.0) -> ad.DataDistribution:
    """A random d^D; every entry is zero with probability ``zeros``; a ``spread`` above 1 correlates the agents' actions."""
    flat = distributions(generator, (model.reward.size,), zeros) ** spread
    return ad.DataDistribution((flat / flat.sum()).reshape(model.reward.shape))


@st.composite
def policies(draw: st.DrawFn, model: ad.MMDP, zeros: float | None = None) -> ad.FactorizedPolicy:
    """Random policies of ``model``; ``zeros`` None: with full support, with some zeros, or deterministic."""
    share = draw(st.sampled_from([0.0, 0.5, 1.0])) if zeros is None else zeros
    return random_policy(draw(generators()), model, share)


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    policy_zeros: float | None = None,
    data_zeros: float = 0.0,
    min_alpha: float = 0.05,
    **sizes: int | bool | None,
) -> Problem:
    """Whole problems.

    Args:
        draw: Hypothesis's.
        policy_zeros: as ``policies``.
        data_zeros: share of (s, a) without data; 0: d^D > 0.
        min_alpha: smallest alpha.
        sizes: as ``mmdps``.
    """
    model = draw(mmdps(**sizes))
    generator = draw(generators())
    return Problem(
        model=model,
        data=random_data(generator, model, data_zeros, draw(st.sampled_from([1.0, 3.0]))),
        policy=draw(policies(model, policy_zeros)),
        agent=draw(st.integers(0, model.n_agents - 1)),
        alpha=draw(alphas(min_alpha)),
        nu=generator.uniform(-2, 2, model.n_states),
    )
