"""The multi-agent transformer: acting one after another against all at once; causality; masks."""

import numpy as np
import pytest
import torch

from alberdice.deep.online.network import MultiAgentTransformer


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = MultiAgentTransformer(5, 4, 3, width=16, heads=2, blocks=2)
    with torch.no_grad():
        made.decoded[1].weight.mul_(100.0)
    return made


def frames(batch=50):
    rng = np.random.default_rng(1)
    masks = torch.from_numpy(rng.random((batch, 3, 4)) < 0.6)
    masks[..., 2] = True
    return torch.from_numpy(rng.normal(size=(batch, 3, 5))).float(), masks, torch.from_numpy(rng.random((batch, 3)))


def test_teacher_forced_tables_are_those_of_acting_in_turn(network):
    observations, masks, uniforms = frames()
    actions, chosen, values = network.act(observations, masks, uniforms)
    with torch.no_grad():
        z, again = network.encode(observations)
        tables = network.log_probabilities(z, actions, masks)
    torch.testing.assert_close(chosen, tables.gather(-1, actions[..., None]).squeeze(-1))
    torch.testing.assert_close(values, again)
    torch.testing.assert_close(tables.exp().sum(-1), torch.ones(50, 3))
    assert masks.gather(-1, actions[..., None]).all()


def test_an_agent_knows_the_actions_before_its_own_and_no_others(network):
    observations, masks, _ = frames(8)
    masks = torch.ones_like(masks)
    actions = torch.zeros(8, 3, dtype=torch.int64)
    with torch.no_grad():
        z, _ = network.encode(observations)
        base = network.log_probabilities(z, actions, masks)
        for agent in range(3):
            changed = actions.clone()
            changed[:, agent] = 1
            moved = (network.log_probabilities(z, changed, masks) - base).abs().amax(dim=(0, 2)) > 1e-6
            assert moved.tolist() == [later > agent for later in range(3)]


def test_every_agent_sees_all_observations(network):
    observations, _, _ = frames(4)
    with torch.no_grad():
        base = network.encode(observations)[1]
        other = observations.clone()
        other[:, 2] += 1.0
        assert ((network.encode(other)[1] - base).abs().amax(0) > 1e-6).all()


def test_actions_have_their_probabilities(network):
    observations, masks, _ = frames(1)
    many = 10_000
    uniforms = torch.from_numpy(np.random.default_rng(0).random((many, 3)))
    actions, _, _ = network.act(observations.expand(many, -1, -1), masks.expand(many, -1, -1), uniforms)
    with torch.no_grad():
        z, _ = network.encode(observations)
        first = network.log_probabilities(z, actions[:1], masks)[0, 0].exp()
    shares = torch.bincount(actions[:, 0], minlength=4) / many
    torch.testing.assert_close(shares, first, atol=0.02, rtol=0)
    edge = network.act(observations, masks, torch.full((1, 3), 1 - 1e-17, dtype=torch.float64))[0]
    assert masks.gather(-1, edge[..., None]).all()


def test_greedy_takes_the_most_probable(network):
    observations, masks, _ = frames()
    actions, _, _ = network.act(observations, masks)
    with torch.no_grad():
        z, _ = network.encode(observations)
        assert (network.log_probabilities(z, actions, masks).argmax(-1) == actions).all()
