"""The multi-agent transformer (MAT): a policy of all agents together, one agent's action after another's.

    encoder    o_1, ..., o_N  ->  z_1, ..., z_N       attention over all agents;  V_i = linear(z_i)
    decoder    start, a_1, ..., a_{N-1}  ->  logits   causal attention over agents, and causal attention to z_1, ..., z_i
    policy     pi(a | o) = prod_i pi_i(a_i | o, a_1, ..., a_{i-1})

so that agents can be correlated: after the first agent's action the second one knows which convention is played.  A normalised
block is x + attention(norm(x)), then x + mlp(norm(x)).
Source: Wen et al. (2022), "Multi-agent reinforcement learning is a sequence modeling problem"; the paper's collector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, scaled_dot_product_attention

from alberdice.deep.losses import log_policy

__all__ = ["MultiAgentTransformer"]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, source: Tensor, causal: bool) -> Tensor:
        """Attend from x (B, N, width) to source (B, N, width)."""
        query, key, value = (self._split(f(t)) for f, t in ((self.query, x), (self.key, source), (self.value, source)))
        mixed: Tensor = self.out(scaled_dot_product_attention(query, key, value, is_causal=causal).transpose(1, 2).flatten(2))
        return mixed

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, crossed: bool) -> None:
        super().__init__()
        self.own = _Attention(width, heads)
        self.across = _Attention(width, heads) if crossed else None
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if crossed else 2))

    def forward(self, x: Tensor, source: Tensor | None, causal: bool) -> Tensor:
        """(B, N, width)."""
        seen = self.norms[0](x)
        x = x + self.own(seen, seen, causal)
        if self.across is not None and source is not None:
            x = x + self.across(self.norms[1](x), source, True)
        grown: Tensor = x + self.mlp(self.norms[-1](x))
        return grown


class MultiAgentTransformer(nn.Module):
    """See the module.

    Args:
        observation: features O of an observation.
        choices: A, the largest number of actions.
        n_agents: N.
        width: of the tokens inside.
        heads: of attention.
        blocks: of encoder and decoder each.
    """

    def __init__(self, observation: int, choices: int, n_agents: int, width: int = 64, heads: int = 1, blocks: int = 1) -> None:
        super().__init__()
        self.shape = {"observation": observation, "choices": choices, "n_agents": n_agents}
        self.shape |= {"width": width, "heads": heads, "blocks": blocks}
        self.choices = choices
        self.enter = nn.Sequential(nn.Linear(observation, width), nn.GELU(), nn.LayerNorm(width))
        self.which = nn.Parameter(0.1 * torch.randn(n_agents, width))
        self.encoder = nn.ModuleList(_Block(width, heads, False) for _ in range(blocks))
        self.encoded = nn.LayerNorm(width)
        self.value = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.begin = nn.Linear(choices + 1, width)
        self.decoder = nn.ModuleList(_Block(width, heads, True) for _ in range(blocks))
        self.decoded = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, choices))
        with torch.no_grad():
            self.decoded[1].weight.mul_(0.01)  # type: ignore[operator]
            self.decoded[1].bias.zero_()  # type: ignore[operator]

    def encode(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """What the agents see together.

        Args:
            observations: (B, N, O).

        Returns:
            z (B, N, width), and the agents' values (B, N).
        """
        x = self.enter(observations) + self.which
        for block in self.encoder:
            x = block(x, None, False)
        z = self.encoded(x)
        return z, self.value(z).squeeze(-1)

    def log_probabilities(self, z: Tensor, actions: Tensor, masks: Tensor) -> Tensor:
        """The tables log pi_i(. | o, a_1 .. a_{i-1}), (B, N, A), of all agents at once, the others' actions given (B, N)."""
        before = one_hot(actions, self.choices).to(z.dtype)
        tokens = torch.cat([torch.zeros_like(before[:, :1]), before[:, :-1]], dim=1)
        start = torch.zeros_like(tokens[..., :1])
        start[:, 0] = 1.0
        x = self.begin(torch.cat([start, tokens], dim=-1)) + self.which
        for block in self.decoder:
            x = block(x, z, True)
        return log_policy(self.decoded(x), masks)

    @torch.no_grad()
    def act(self, observations: Tensor, masks: Tensor, uniforms: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Choose, one agent after another.

        Args:
            observations: (B, N, O).
            masks: (B, N, A) booleans.
            uniforms: (B, N) in [0, 1); None: the most probable action.

        Returns:
            actions (B, N), their log probabilities (B, N), values (B, N).
        """
        z, values = self.encode(observations)
        actions = torch.zeros(masks.shape[:2], dtype=torch.int64, device=z.device)
        chosen = torch.zeros(masks.shape[:2], device=z.device)
        for agent in range(masks.shape[1]):
            table = self.log_probabilities(z, actions, masks)[:, agent]
            if uniforms is None:
                actions[:, agent] = table.argmax(-1)
            else:
                edges = table.exp().cumsum(-1)
                at = uniforms[:, agent, None].to(edges.dtype) * edges[:, -1:]
                drawn = (edges <= at).sum(-1).clamp(max=self.choices - 1)
                # A number at the very end must not fall on an action that is not available.
                last = self.choices - 1 - masks[:, agent].flip(-1).int().argmax(-1)
                actions[:, agent] = torch.minimum(drawn, last)
            chosen[:, agent] = table.gather(1, actions[:, agent, None]).squeeze(1)
        return actions, chosen, values
