"""MAT trained by PPO on an environment of the contract: one iteration plays whole episodes, then learns from them.

    iteration k    episodes kB .. (k+1)B - 1, side by side; E epochs of minibatches of their steps (``ppo``); Adam, clipped norm

Episode j has the generator of an evaluation's, ``SeedSequence([seed, j])``, and minibatches are drawn from
``SeedSequence([seed, k, 3])``; nothing of an environment lives on between iterations, so that a run that was stopped goes on
bit for bit from the networks, their moments and the number of iterations.  The constants are MAT's: clip 0.2, 15 epochs, gamma
0.99, lambda 0.95, rate 5e-4, entropy 0.01, Huber loss, norm 10, one block of width 64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice._checks import whole_number
from alberdice.datasets.dataset import OfflineDataset
from alberdice.deep.online.network import MultiAgentTransformer
from alberdice.deep.online.ppo import Scale, advantages, ppo_loss
from alberdice.deep.online.settings import MATConfig
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame
from alberdice.errors import InvalidArgumentError

__all__ = ["MAT", "MATConfig", "MATPlayer"]


@dataclass(frozen=True)
class _Rollout:
    """Steps (T, B, ...) of an iteration."""

    observations: Tensor
    masks: Tensor
    alive: Tensor
    actions: Tensor
    old: Tensor
    values: Tensor
    after: Tensor
    rewards: Tensor
    terminated: Tensor
    ended: Tensor
    returns: NDArray[np.float64]


class MAT:
    """The learner.

    Args:
        spec: of the environment; its horizon must be known.
        config: settings.
        seed: of weights, play and minibatches.
        device: where networks act and learn; environments play on the CPU.

    Raises:
        InvalidArgumentError: an environment without a limit of steps.
    """

    def __init__(self, spec: EnvironmentSpec, config: MATConfig, seed: int = 0, device: str = "cpu") -> None:
        if spec.horizon is None:
            where, remedy = f"environment {spec.name!r}", "give it a limit of steps"
            raise InvalidArgumentError(where, got="no known limit of steps", expected="one", remedy=remedy)
        self.spec, self.config, self.device, self.iteration = spec, config, device, 0
        self.seed = whole_number(seed, "seed")
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(int(np.random.SeedSequence([self.seed, 7]).generate_state(1)[0]))
            shape = {"width": config.width, "heads": config.heads, "blocks": config.blocks}
            self.network = MultiAgentTransformer(spec.observation_size, max(spec.n_actions), spec.n_agents, **shape).to(device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate, eps=1e-5)
        self.scale = Scale()

    # ---- playing -------------------------------------------------------------------------------------------------------

    def play(self, environment: BatchedEnvironment) -> _Rollout:
        """The episodes of this iteration."""
        config, n = self.config, self.spec.n_agents
        numbers = range(self.iteration * config.batch_episodes, (self.iteration + 1) * config.batch_episodes)
        generators = [np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, j]))) for j in numbers]
        frame = environment.reset(np.array([int(g.integers(1 << 31)) for g in generators], np.int64))
        kept: dict[str, list[Tensor]] = {name: [] for name in _Rollout.__annotations__ if name not in ("returns", "after")}
        returns, going = np.zeros(config.batch_episodes), np.ones(config.batch_episodes, np.bool_)
        for _ in range(self.spec.horizon or 0):
            uniforms = torch.from_numpy(np.stack([g.random(n) for g in generators])).to(self.device)
            seen = _tensors(frame, self.device)
            actions, old, values = self.network.act(seen["observations"], seen["masks"], uniforms)
            step = environment.step(actions.cpu().numpy())
            for name, value in (("observations", seen["observations"]), ("masks", seen["masks"]), ("actions", actions)):
                kept[name].append(value)
            kept["old"].append(old)
            kept["values"].append(values)
            kept["alive"].append(torch.from_numpy(frame.alive & going[:, None]))
            kept["rewards"].append(torch.from_numpy(step.rewards.copy()).float()[:, None].expand(-1, n))
            kept["terminated"].append(torch.from_numpy(step.terminated.copy()))
            kept["ended"].append(torch.from_numpy(step.ended))
            returns += step.rewards
            going, frame = ~step.ended, step.frame
            if not going.any():
                break
        with torch.no_grad():  # a step leads to the frame that the next one sees
            last = self.network.encode(_tensors(frame, self.device)["observations"])[1]
        kept["after"] = [*kept["values"][1:], last]
        return _Rollout(**{name: torch.stack(parts).to(self.device) for name, parts in kept.items()}, returns=returns)

    # ---- learning ------------------------------------------------------------------------------------------------------

    def learn(self, rollout: _Rollout) -> dict[str, float]:
        """The epochs of one iteration; metrics of the last one."""
        config = self.config
        known, after = self.scale.known(rollout.values), self.scale.known(rollout.after)
        # A game of one step ends there, whatever the record says: nothing follows that an action could change.
        ends = rollout.ended if self.spec.horizon == 1 else rollout.terminated
        gains = advantages(rollout.rewards, known, after, ends, rollout.ended, config.discount, config.trace)
        targets, alive = gains + known, rollout.alive
        self.scale.update(targets[alive])
        gains = (gains - gains[alive].mean()) / (gains[alive].std(correction=0) + 1e-5)
        rows = {
            "observations": rollout.observations,
            "masks": rollout.masks,
            "actions": rollout.actions,
            "old": rollout.old,
            "gains": gains,
            "targets": self.scale.told(targets),
            "alive": alive,
        }
        flat = {name: value.flatten(0, 1) for name, value in rows.items()}
        used = flat["alive"].any(1).nonzero().squeeze(1)
        seed = int(np.random.SeedSequence([self.seed, self.iteration, 3]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(seed)
        rate = config.learning_rate * min(1.0, 2.0 * (1.0 - self.iteration / config.iterations))
        metrics: dict[str, Tensor] = {}
        for _ in range(config.epochs):
            order = torch.randperm(len(used), generator=generator).to(self.device)
            for part in used[order].chunk(config.minibatches):
                metrics = self._step({name: value[part] for name, value in flat.items()}, rate)
        self.iteration += 1
        return {name: float(value) for name, value in metrics.items()} | {"learning_rate": rate}

    def _step(self, batch: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        z, values = self.network.encode(batch["observations"])
        tables = self.network.log_probabilities(z, batch["actions"], batch["masks"])
        names = ("actions", "old", "gains", "targets", "alive")
        loss, metrics = ppo_loss(
            tables, values, *(batch[name] for name in names), clip=self.config.clip, entropy=self.config.entropy
        )
        self._descend(loss, rate)
        return {name: value.detach() for name, value in metrics.items()}

    def _descend(self, loss: Tensor, rate: float) -> None:
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()

    def clone(self, data: OfflineDataset, updates: int, batch: int = 2048) -> float:
        """Imitate a dataset's joint actions, and learn the values of its returns; the last minibatches' mean loss.

        Raises:
            InvalidArgumentError: see ``check``.
        """
        self.check(data)
        togo = torch.from_numpy(_discounted(data, self.config.discount)).float().to(self.device)
        self.scale.update(togo)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 11]))
        losses = []
        for at in range(updates):
            rows = rng.integers(data.n_steps, size=batch)
            observations = torch.from_numpy(data.observations[rows].astype(np.float32)).to(self.device)
            z, values = self.network.encode(observations)
            actions = torch.from_numpy(data.actions[rows]).to(self.device)
            tables = self.network.log_probabilities(z, actions, torch.from_numpy(data.action_masks[rows]).to(self.device))
            loss = -tables.gather(-1, actions[..., None]).mean()
            wanted = self.scale.told(togo[rows])[:, None].expand_as(values)
            self._descend(loss + torch.nn.functional.huber_loss(values, wanted, delta=10.0), self._cloning_rate(at, updates))
            losses.append(float(loss.detach()))
        return float(np.mean(losses[-20:]))

    def check(self, data: OfflineDataset) -> None:
        """These data can be cloned.

        Raises:
            InvalidArgumentError: they are of other sizes than the environment's.
        """
        sizes = (data.n_actions, data.observation_size)
        if sizes != (self.spec.n_actions, self.spec.observation_size):
            expected = f"actions {self.spec.n_actions}, {self.spec.observation_size} features, as the environment has"
            raise InvalidArgumentError(data.name, got=f"actions {sizes[0]}, {sizes[1]} features", expected=expected)

    def _cloning_rate(self, at: int, updates: int) -> float:
        return 2e-3 * min(1.0, 2.0 * (1.0 - at / updates))

    # ---- the state -----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """Everything that the next iteration depends on."""
        tensors = {f"network.{name}": t.detach().cpu().clone() for name, t in self.network.state_dict().items()}
        for at, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{at}.{name}": value.cpu().clone() for name, value in moments.items()}
        numbers = [self.scale.mean, self.scale.square, self.scale.weight, float(self.iteration)]
        return tensors | {"numbers": torch.tensor(numbers, dtype=torch.float64)}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a state."""
        own = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
        self.network.load_state_dict(own)
        moments: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, at, which = name.split(".")
                moments.setdefault(int(at), {})[which] = value
        whole = self.optimiser.state_dict()
        self.optimiser.load_state_dict({**whole, "state": moments})
        mean, square, weight, iteration = tensors["numbers"].tolist()
        self.scale, self.iteration = Scale(mean, square, weight), int(iteration)


class MATPlayer:
    """A trained MAT as a player of recordings: all agents together, one after another."""

    def __init__(self, network: MultiAgentTransformer, greedy: bool = False) -> None:
        self.network, self.greedy = network, greedy

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions."""
        seen = _tensors(frame)
        drawn = None if self.greedy else torch.from_numpy(uniforms)
        return self.network.act(seen["observations"], seen["masks"], drawn)[0].numpy()


def _tensors(frame: Frame, device: str = "cpu") -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(getattr(frame, name))).to(device) for name in ("observations", "masks")}


def _discounted(data: OfflineDataset, discount: float) -> NDArray[np.float64]:
    """(T,) discounted rewards from every step to its episode's end."""
    out, running = np.zeros(data.n_steps), 0.0
    ends = np.zeros(data.n_steps, np.bool_)
    ends[data.starts + data.lengths - 1] = True
    for t in range(data.n_steps - 1, -1, -1):
        running = float(data.rewards[t]) + discount * (0.0 if ends[t] else running)
        out[t] = running
    return out
