"""One agent's policy as a module of its own, held against the actor of all agents, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, tiny

from alberdice.deep.policies.agents import Agent, agent_of
from alberdice.deep.training.loop import run_training
from alberdice.errors import InvalidArgumentError

RUNS: dict[str, dict[str, Any]] = {
    "feed-forward": {"algorithm": "bc"},
    "from a base": {"algorithm": "alberdice", "updates": 3, "pretrain_updates": 2},
    "levels": {"algorithm": "bc", "levels": 4},
    "memory": {"algorithm": "bc", "policy": "transformer", "context": 4, "hidden": (128, 128)},
    "memory of one step": {"algorithm": "bc", "policy": "transformer", "context": 1, "hidden": (128, 128)},
    "memory from a base": {
        "algorithm": "alberdice",
        "policy": "transformer",
        "context": 4,
        "updates": 3,
        "pretrain_updates": 2,
    },
    "memory of chunks": {"algorithm": "bc", "policy": "transformer", "context": 2, "chunk": 4, "hidden": (128, 128)},
    "told a return": {"algorithm": "madtkd", "context": 5},
    "told a return, chunks": {"algorithm": "madtkd", "context": 2, "chunk": 6},
}


def policies(kind: str) -> Any:
    found = run_training(tiny(**RUNS[kind], environment="none"), None, dataset=chain_dataset(masks=True)).last_policies
    spread = torch.Generator().manual_seed(1)
    found.parameters.add_(0.3 * torch.randn(found.parameters.shape, generator=spread))  # type: ignore[attr-defined]
    return found


def steps(agent_count: int, choices: int, size: int, episodes: int, draw: np.random.Generator) -> tuple[Any, Any, Any]:
    masks = draw.random((episodes, agent_count, choices)) < 0.6
    masks[..., 0] = True
    seen = draw.integers(-2, 3, size=(episodes, agent_count, size)).astype(np.float32)
    return torch.from_numpy(seen), torch.from_numpy(masks), torch.from_numpy(draw.normal(size=episodes).astype(np.float32))


@pytest.mark.parametrize("kind", RUNS)
def test_every_agent_plays_as_all_of_them_do(kind: str) -> None:
    own = policies(kind)
    actor, draw = own.actor(3), np.random.default_rng(0)
    agents = [agent_of(own, number) for number in range(3)]
    given = [list(agent.example(3)) for agent in agents]
    apart = 0.0
    for _ in range(11):  # windows of 4 and 5 are full several times
        seen, masks, rewards = steps(3, 4, 5, 3, draw)
        masks &= torch.arange(4) < torch.tensor(own.n_actions)[:, None]
        table = actor.log_probabilities(seen, masks).exp()
        apart = max(apart, float(table.std(0).max()))
        actions = torch.empty(3, 3, dtype=torch.int64)
        for i, agent in enumerate(agents):
            count = own.n_actions[i]
            given[i][:2] = [seen[:, i], masks[:, i, :count]]
            probabilities, greedy, *state = agent(*given[i])
            torch.testing.assert_close(probabilities, table[:, i, :count], rtol=0, atol=2e-6)
            assert torch.equal(greedy, table[:, i].argmax(-1))
            actions[:, i] = greedy
            given[i][2:] = [greedy, rewards, *state] if state else []
        actor.observe(actions, rewards)
    assert apart > 0.01  # tables that differ


def test_a_slot_begins_anew_by_zeros_in_its_row() -> None:
    own, draw = policies("told a return"), np.random.default_rng(3)
    agent = agent_of(own, 1)
    given, fresh = list(agent.example(2)), list(agent.example(1))
    for step in range(7):
        seen, _, rewards = steps(3, 4, 5, 2, draw)
        given[0] = seen[:, 1]
        found = agent(*given)
        given[2:] = [found[1], rewards, *found[2:]]
        if step == 3:
            for part in given[4:]:
                part[1] = 0
        if step > 3:
            fresh[0] = seen[1:, 1]
            again = agent(*fresh)
            torch.testing.assert_close(again[0][0], found[0][1], rtol=0, atol=1e-6)
            fresh[2:] = [again[1], rewards[1:], *again[2:]]
    assert given[4].tolist() == [kept_steps(agent, 7), 3]


def kept_steps(agent: Agent, played: int) -> int:
    """Steps in a window after so many steps, by hand."""
    held = 0
    for _ in range(played):
        held = agent.window // 2 + 1 if held == agent.window else held + 1
    return held


def test_only_policies_of_one_agent_each_can_be_taken_apart() -> None:
    class Joint:
        n_actions = (2, 2)

    with pytest.raises(InvalidArgumentError, match="got Joint, expected a policy per agent"):
        agent_of(Joint(), 0)  # type: ignore[arg-type]
