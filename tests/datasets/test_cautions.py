"""Warnings of what ruins runs: each appears on data made to have the fault, and not on the same data without it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, make_builtin, summarise


def made(lengths: list[int], terminated: bool = False, seed: int = 0, states: int = 3, **changes: Any) -> OfflineDataset:
    """Episodes over a few states that pay 0 or 1."""
    rng = np.random.default_rng(seed)
    episodes = []
    for length in lengths:
        now = rng.integers(0, states, (length + 1, 2)).astype(np.float64)
        pay = rng.integers(0, 2, length).astype(np.float64)
        episode = EpisodeArrays(now, np.stack([now, now], axis=1), rng.integers(0, 2, (length, 2)), pay, terminated)
        episodes.append(replace(episode, **{name: change(getattr(episode, name)) for name, change in changes.items()}))
    return from_episodes("made", (2, 2), episodes)


def said(data: OfflineDataset) -> str:
    return " ".join(summarise(data).warnings)


UNEQUAL = [5, 8, 6, 9, 7] * 10


def last_to(value: float) -> Any:
    return lambda pay: np.append(pay[:-1], value)


def test_sound_data_are_not_warned_of() -> None:
    text = said(made(UNEQUAL))
    for words in ("never change", "hardly repeat", "occur once", "exactly", "far from 1", "recorder"):
        assert words not in text


def test_truncated_last_steps_that_pay_0() -> None:
    """Half of the other steps pay 0, too: fifty last steps that all do are no chance, ten might be."""
    assert "50 truncated last steps have reward 0, only 4" in said(made(UNEQUAL, rewards=last_to(0.0)))
    assert "recorder" not in said(made(UNEQUAL[:10], rewards=last_to(0.0)))
    assert "recorder" not in said(made(UNEQUAL, terminated=True, rewards=last_to(0.0)))
    assert "no other step" in said(made(UNEQUAL, rewards=last_to(-7.0)))


def test_constant_features() -> None:
    data = made(UNEQUAL, states=3, observations=lambda seen: np.concatenate([seen, np.full((len(seen), 2, 1), 4.0)], axis=2))
    assert "1 observation features of agent 2 never change: 2 (from 0)." in said(data)
    assert "state features" not in said(data)
    assert "never change" not in said(make_builtin("matrix-c"))  # its one feature is no fault


@pytest.mark.parametrize("terminated", [True, False])
def test_episodes_of_one_length_without_a_limit(terminated: bool) -> None:
    data = made([6] * 40, terminated)
    assert "exactly 6 steps" in said(data)
    assert "exactly 6 steps" not in said(data.with_header(episode_limit=6))
    assert "exactly" not in said(made([6] * 40 + [5], terminated))


def test_lone_pairs_are_counted_as_a_loop_counts_them() -> None:
    data = made(UNEQUAL, states=9)
    seen = Counter((tuple(s), tuple(a)) for s, a in zip(data.states.tolist(), data.actions.tolist(), strict=True))
    lone = sum(count == 1 for count in seen.values())
    summary = summarise(data)
    assert summary.lone_state_actions == lone
    assert lone > 0.1 * data.n_steps
    assert f"{lone} pairs of state and joint action occur once" in " ".join(summary.warnings)
    assert summary.total_correlation is not None


def test_states_that_never_repeat_have_no_total_correlation() -> None:
    summary = summarise(made(UNEQUAL, states=1 << 20))
    assert summary.total_correlation is None
    assert "States hardly repeat, 350 different ones in 350 steps" in " ".join(summary.warnings)
    assert "occur once" not in " ".join(summary.warnings)


@pytest.mark.parametrize(("factor", "words"), [(5000.0, "5000, far from 1"), (1e-4, "0.0001, far from 1"), (50.0, "")])
def test_rewards_far_from_1(factor: float, words: str) -> None:
    text = said(made(UNEQUAL, rewards=lambda pay: factor * pay))
    assert words in text if words else "far from 1" not in text
