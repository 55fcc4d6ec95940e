"""How the agents' rewards become the team's: by a rule that is named, kept in the header and obeyed in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.errors import fail

__all__ = ["check_rule", "combined", "header_rule", "reward_note"]

_RULES = ("equal", "mean", "sum")


def check_rule(source: str, rule: str, agents: Sequence[str]) -> None:
    """Refuse a rule that is none of 'equal', 'mean', 'sum' and no agent's name."""
    if rule not in (*_RULES, *agents):
        known = ", ".join((*_RULES, *agents))
        raise fail(source, "team_reward", got=repr(rule), expected=f"one of {known}")


def header_rule(rule: str) -> str:
    """What the header says of rewards that were combined by this rule."""
    return "common" if rule == "equal" else rule


def reward_note(rule: str) -> str:
    """The rule in a sentence."""
    if rule in ("mean", "sum"):
        return f"The team's reward is the {rule} of the agents' rewards, where they have their own."
    return f"The team's reward is agent {rule}'s, where agents have their own."


def combined(source: str, where: str, rewards: NDArray[Any], rule: str, agents: Sequence[str]) -> NDArray[Any]:
    """The team's reward (L,) of the agents' (L, N): their mean, their sum, one agent's, or the one that all have.

    Args:
        source: of the data, for messages.
        where: place of one step's rewards, with {} for the step.
        rewards: (L, N).
        rule: 'mean', 'sum', an agent's name, or 'equal'.
        agents: their names, or none.

    Raises:
        InvalidDataError: agents that differ where the rule says that they are equal.
    """
    if rule in ("mean", "sum"):
        return np.asarray(getattr(rewards, rule)(axis=1, dtype=rewards.dtype))
    if rule in agents:
        return np.asarray(rewards[:, list(agents).index(rule)])
    other = rewards != rewards[:, :1]
    if rewards.dtype.kind == "f":
        other &= ~(np.isnan(rewards) & np.isnan(rewards[:, :1]))
    apart = np.flatnonzero(other.any(axis=1))
    if len(apart):
        named = f", or an agent's name ({', '.join(agents)})" if agents else ""
        remedy = f'say how to combine them: team_reward="mean" or "sum"{named}'
        got = rewards[apart[0]].tolist()
        raise fail(source, where.format(apart[0]), got=got, expected="one reward for all agents", remedy=remedy)
    return np.asarray(rewards[:, 0])
