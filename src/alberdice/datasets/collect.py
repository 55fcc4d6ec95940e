"""Collecting: episodes of an environment, played by one policy or a mixture, as a stored dataset.

    mixture by episode    one policy plays all agents of an episode
    mixture by agent      each agent of an episode has a policy of its own

Which policy plays where is drawn for episode k from ``Generator(PCG64(SeedSequence([seed, k, 2])))`` with the shares that are
given; with probability epsilon an agent's action is a uniformly random available one instead (``record.noisy``).  Episodes are
recorded in parts (``shards``), so that a collection that was stopped goes on, and its dataset appears whole or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import real_number, whole_number
from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.memory import check_rows
from alberdice.datasets.record import Recorded, record
from alberdice.datasets.shards import Shards
from alberdice.datasets.store import dataset_directory, write_dataset
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame
from alberdice.environments.play import MakePlayer, Player
from alberdice.errors import InvalidArgumentError
from alberdice.files import exclusive

__all__ = ["Collection", "assigned", "collect", "mixture", "place_for"]


@dataclass(frozen=True)
class Collection:
    """What is collected; equal ones give equal bits.

    Attributes:
        environment: by the name under which it is found again.
        policies: at least one, by name.
        episodes: how many.
        seed: of everything random.
        mix: how several policies share the work.
        shares: of the policies, in their order; (): equal ones.
        epsilon: share of random actions, per step and agent.
        part: episodes that are played side by side and kept at once.
        options: how the environment is read, as ``PlayOptions.as_json`` gives it.

    Raises:
        InvalidArgumentError: a number outside its range, or shares that are not one per policy.
    """

    environment: str
    policies: tuple[str, ...]
    episodes: int
    seed: int = 0
    mix: Literal["episode", "agent"] = "episode"
    shares: tuple[float, ...] = ()
    epsilon: float = 0.0
    part: int = 100
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_rows("episodes", whole_number(self.episodes, "episodes", low=1), self.episodes)
        whole_number(self.seed, "seed")
        whole_number(self.part, "part", low=1)
        real_number(self.epsilon, "epsilon", low=0.0, high=1.0)
        if not self.policies:
            raise InvalidArgumentError("policies", got="none", expected="at least one")
        if self.mix not in ("episode", "agent"):
            raise InvalidArgumentError("mix", got=repr(self.mix), expected="'episode' or 'agent'")
        shares = self.shares or (1.0,) * len(self.policies)
        if len(shares) != len(self.policies) or not all(0 < share < np.inf for share in shares):
            expected = f"{len(self.policies)} positive numbers, one per policy"
            raise InvalidArgumentError("shares", got=list(self.shares), expected=expected)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(P,) the shares, summing to 1."""
        shares = np.array(self.shares or (1.0,) * len(self.policies))
        whole: NDArray[np.float64] = shares / shares.sum()
        return whole


def assigned(plan: Collection, numbers: NDArray[np.int64], n_agents: int) -> NDArray[np.int64]:
    """(B, N) which policy plays which agent in the episodes of these numbers."""
    edges = plan.probabilities.cumsum()[:-1]
    rows = []
    for number in numbers.tolist():
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([plan.seed, number, 2])))
        drawn = generator.random(n_agents if plan.mix == "agent" else 1)
        rows.append(np.broadcast_to(np.searchsorted(edges, drawn, side="right"), n_agents))
    return np.stack(rows).astype(np.int64)


class _Mixture:
    """Every policy looks on in every episode, and the one that is assigned plays."""

    def __init__(self, players: Sequence[Player], assignment: NDArray[np.int64]) -> None:
        self.players, self.assignment = players, assignment

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        told = np.stack([player.act(frame, uniforms) for player in self.players])
        chosen: NDArray[np.int64] = np.take_along_axis(told, self.assignment[None], axis=0)[0]
        return chosen

    def played(self, actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        for player in self.players:
            heard = getattr(player, "played", None)
            if heard is not None:
                heard(actions, rewards)


def mixture(plan: Collection, makers: Sequence[MakePlayer], n_agents: int) -> MakePlayer:
    """Who plays: the policies of a plan, made by ``makers``, as one."""

    def make(numbers: NDArray[np.int64]) -> Player:
        return _Mixture([maker(numbers) for maker in makers], assigned(plan, numbers, n_agents))

    return makers[0] if len(makers) == 1 else make


def collect(
    plan: Collection,
    environment: BatchedEnvironment,
    makers: Sequence[MakePlayer],
    dataset_id: str,
    *,
    root: str | Path | None = None,
    overwrite: bool = False,
    arguments: dict[str, Any] | None = None,
    progress: Callable[[int, int, Sequence[float]], None] | None = None,
) -> Path:
    """Play what is missing of a collection, and store it.

    Args:
        plan: what.
        environment: where.
        makers: one per policy of the plan.
        dataset_id: ``(namespace/)name-vN``.
        root: directory of all datasets; None: Minari's own.
        overwrite: replace what is stored under this id.
        arguments: of the environment, for the dataset's header.
        progress: told, after every part, the episodes that are done, all of them, and the returns of the part.

    Returns:
        The dataset's directory.

    Raises:
        InvalidArgumentError: an id that is taken, a half-finished collection of another plan, or another process at work.
        ResourceError: no room on the disk.
    """
    target = place_for(dataset_id, root, overwrite)
    parts = Shards(target.with_name(f".{target.name}.collecting"), _facts(plan, environment.spec), plan.episodes, plan.part)
    spec = environment.spec
    who = mixture(plan, makers, spec.n_agents)
    noise = None if plan.epsilon == 0 else (lambda k: np.full((len(k), spec.n_agents), plan.epsilon))
    with exclusive(parts.folder) as held:
        if not held:
            raise InvalidArgumentError(str(parts.folder), got="another process that collects", expected="one at a time")
        _play_missing(
            parts, lambda numbers: record(environment, who, numbers, plan.seed, epsilon=noise), plan.episodes, progress
        )
        played = _one_type(list(parts.episodes()))
        header = _header(plan, spec, arguments)
        dataset = from_episodes(dataset_id, spec.n_actions, played, notes=(_note(plan),), header=header)
        write_dataset(dataset, dataset_id, root=root, overwrite=overwrite)
    shutil.rmtree(parts.folder, ignore_errors=True)
    return target


def place_for(dataset_id: str, root: str | Path | None, overwrite: bool) -> Path:
    """Where a collection will be stored.

    Raises:
        InvalidArgumentError: an id that is taken, or none.
    """
    target = dataset_directory(dataset_id, root)
    if target.exists() and not overwrite:
        raise InvalidArgumentError(
            str(target), got="an id that is taken", expected="nothing there", remedy="choose another, or --overwrite"
        )
    return target


def _play_missing(
    parts: Shards,
    play: Callable[[range], Recorded],
    episodes: int,
    progress: Callable[[int, int, Sequence[float]], None] | None,
) -> None:
    """Make the parts that are not there."""
    missing = parts.missing()
    done = episodes - sum(len(parts.ranges[at]) for at in missing)
    for at in missing:
        made = parts.make(at, play)
        done += len(made.episodes)
        if progress is not None:
            progress(done, episodes, [float(e.rewards.sum()) for e in made.episodes])


def _facts(plan: Collection, spec: EnvironmentSpec) -> dict[str, Any]:
    """What decides every bit, for the parts; of the rule of the reward and of options only what is not the usual."""
    found = asdict(plan)
    if not found["options"]:
        del found["options"]
    return found if spec.team_reward in ("mean", "common") else {**found, "team_reward": spec.team_reward}


def _note(plan: Collection) -> str:
    shares = ", ".join(f"{name} ({share:.3g})" for name, share in zip(plan.policies, plan.probabilities, strict=True))
    mixed = f", mixed by {plan.mix}" if len(plan.policies) > 1 else ""
    return f"Collected: {shares}{mixed}, {plan.epsilon:g} of random actions, seed {plan.seed}."


def _header(plan: Collection, spec: EnvironmentSpec, arguments: dict[str, Any] | None) -> DatasetHeader:
    return DatasetHeader(
        environment=plan.environment,
        environment_arguments=arguments or {},
        environment_options=plan.options,
        agents=spec.agents,
        team_reward=spec.team_reward,
        episode_limit=spec.horizon,
        recipe=f"collect {' + '.join(plan.policies)} mix={plan.mix} epsilon={plan.epsilon:g} seed={plan.seed}",
    )


def _one_type(episodes: list[EpisodeArrays]) -> list[EpisodeArrays]:
    """Episodes kept in bytes beside others that could not be: all in the wider type."""
    for name in ("states", "observations"):
        kinds = {getattr(e, name).dtype for e in episodes}
        if len(kinds) > 1:
            wide = np.result_type(*(kind for kind in kinds if kind != np.uint8))
            episodes = [replace(e, **{name: getattr(e, name).astype(wide)}) for e in episodes]
    if len({e.action_masks is None for e in episodes}) > 1:
        shape = next(e.action_masks.shape[1:] for e in episodes if e.action_masks is not None)
        full = [np.ones((len(e.states), *shape), np.bool_) if e.action_masks is None else e.action_masks for e in episodes]
        episodes = [replace(e, action_masks=masks) for e, masks in zip(episodes, full, strict=True)]
    return episodes
