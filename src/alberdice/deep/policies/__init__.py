"""Policies that can be played; ``alberdice.deep.policies.transformer`` holds those with a memory."""

from alberdice.deep.policies.base import (
    Actor,
    Policies,
    load_policies,
    mask_of_agents,
    read_policies,
    register_policies,
    told_a_return,
)
from alberdice.deep.policies.feed_forward import FeedForwardPolicies, policy_network, policy_tables

__all__ = [
    "Actor",
    "FeedForwardPolicies",
    "Policies",
    "load_policies",
    "mask_of_agents",
    "policy_network",
    "policy_tables",
    "read_policies",
    "register_policies",
    "told_a_return",
]
