"""``alberdice-deep collect``: play an environment and store what was seen as a dataset; train who plays first, if asked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from alberdice._checks import whole_number
from alberdice.cli.common import Verbosity
from alberdice.cli.training import check_torch
from alberdice.console import explain, print_json, progress_bar, tell
from alberdice.deep.online.settings import MATConfig
from alberdice.environments import PlayOptions
from alberdice.errors import InvalidArgumentError

__all__ = ["Collect"]


@dataclass(frozen=True)
class Collect(Verbosity):
    """Play an environment, and store the episodes as a dataset; prints what was collected as JSON.

    What was stopped goes on with the same command, bit for bit, and the dataset appears whole or not at all.
    """

    environment: str
    """where: a name of the registry, e.g. rware-tiny-2ag, or module:function"""
    id: str
    """the dataset's id, (namespace/)name-vN"""
    agents: tuple[str, ...] = ()
    """the environment's agents in the order wanted, or the names wanted for them, WANTED=OWN each; none: as it lists them"""
    flatten: bool = False
    """take images as features, a pixel each"""
    max_steps: int = 0
    """steps after which episodes are truncated; 0: as the environment does"""
    team_reward: str = "mean"
    """how the agents' rewards become the team's: mean, sum or an agent's name"""
    policy: tuple[str, ...] = ()
    """who plays: runs' folders, scripts such as 'rware-expert(convention=1)', random, or module:function"""
    episodes: int = 100
    """how many"""
    mix: Literal["episode", "agent"] = "episode"
    """several policies: one for all agents of an episode, or one for each agent"""
    shares: tuple[float, ...] = ()
    """of the policies, in their order; equal ones unless told"""
    epsilon: float = 0.0
    """share of uniformly random actions, per step and agent"""
    seed: int = 0
    """of everything random"""
    part: int = 100
    """episodes played side by side and kept at once"""
    root: Path | None = None
    """directory of all stored datasets; by default MINARI_DATASETS_PATH or Minari's own"""
    overwrite: bool = False
    """replace what is stored under the id"""
    trust: bool = False
    """import the algorithm that a run's folder names as module:Class"""
    train: Literal["none", "mat"] = "none"
    """train MAT on the environment first, with the settings at the end, and add the runs to those who play"""
    seeds: int = 1
    """how many runs, from --seed on: one run keeps to one convention, so that diverse data need several"""
    out: Path = Path("mat")
    """folder of these runs, OUT/seed-0 and so on"""
    warm_start: str = ""
    """a dataset that MAT clones first, for --cloning-updates minibatches"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where MAT acts and learns; auto: the GPU if there is one"""
    wandb: str = ""
    """with --train mat: a project of Weights & Biases that the runs are logged to, too (pip install 'alberdice[tracking]')"""
    mat: Annotated[MATConfig, tyro.conf.arg(name="")] = field(default_factory=MATConfig)

    def run(self) -> None:
        """Train, play, store, report."""
        check_torch()
        self._check()
        from alberdice.datasets.collect import Collection, collect
        from alberdice.deep.online.players import find_player
        from alberdice.environments import find_environment

        policies = (*self.policy, *(self._trained() if self.train == "mat" else ()))
        found = find_environment(self.environment)
        options = self._options()
        shares, read = tuple(self.shares), options.as_json()
        plan = Collection(found.name, policies, self.episodes, self.seed, self.mix, shares, self.epsilon, self.part, read)
        with found.open(options) as env:
            explain(f"{found.name}: {len(env.spec.n_actions)} agents; {', '.join(policies)} play, {self.episodes:,} episodes")
            makers = [find_player(name, env.spec, trust=self.trust) for name in policies]
            with progress_bar(f"collecting {self.id}", self.episodes) as step:
                done = [0]

                def told(now: int, total: int, returns: Any) -> None:
                    step(f"return {sum(returns) / len(returns):.4g}", now - done[0])
                    done[0] = now

                arguments = dict(found.arguments)
                place = collect(
                    plan, env, makers, self.id, root=self.root, overwrite=self.overwrite, arguments=arguments, progress=told
                )
        _report(place)

    def _check(self) -> None:
        """Refuse before anything is trained what would be refused after it, or passed over."""
        from alberdice.datasets.collect import place_for

        if self.train == "none":
            if not self.policy:
                expected = "at least one, or --train mat"
                raise InvalidArgumentError("--policy", got="none", expected=expected, remedy="e.g. --policy random")
            given = {"--warm-start": self.warm_start, "--wandb": self.wandb}
            given["--device"] = "" if self.device == "auto" else self.device
            for name, value in given.items():
                if value:
                    raise InvalidArgumentError(name, got=value, expected="nothing without --train mat")
        if self.mat.cloning_updates and not self.warm_start:
            got, remedy = f"none, and --cloning-updates {self.mat.cloning_updates}", "name the dataset that is to be cloned"
            raise InvalidArgumentError("--warm-start", got=got, expected="a dataset", remedy=remedy)
        place_for(self.id, self.root, self.overwrite)

    def _options(self) -> PlayOptions:
        """How the environment is read."""
        return PlayOptions.of(self.agents, self.flatten, whole_number(self.max_steps, "--max-steps"), self.team_reward)

    def _trained(self) -> tuple[str, ...]:
        """The folders of MAT's runs."""
        from alberdice.datasets import load_dataset
        from alberdice.deep.online.run import train_mat

        data = load_dataset(self.warm_start, root=self.root) if self.warm_start else None
        folders = []
        for at in range(whole_number(self.seeds, "--seeds", low=1)):
            folder = self.out / f"seed-{self.seed + at}"
            with progress_bar(f"MAT, seed {self.seed + at}", self.mat.iterations) as step:

                def told(now: int, total: int, value: float, step: Any = step) -> None:
                    step(f"return {value:.4g}")

                given: dict[str, Any] = {"warm_start": data, "progress": told, "wandb": self.wandb, "device": self.device}
                train_mat(self.environment, self.mat, self.seed + at, folder, self._options(), **given)
            folders.append(str(folder))
        return tuple(folders)


def _report(place: Path) -> None:
    from alberdice.datasets import open_dataset

    data = open_dataset(place, verify=False)
    returns = data.returns
    error = float(returns.std(ddof=1) / len(returns) ** 0.5) if len(returns) > 1 else float("nan")
    print_json(
        {
            "dataset": str(place),
            "episodes": data.n_episodes,
            "steps": data.n_steps,
            "return_mean": float(returns.mean()),
            "return_stderr": error,
            "return_lowest": float(returns.min()),
            "return_highest": float(returns.max()),
            "recipe": data.header.recipe,
        }
    )
    tell(f"wrote {place}")
