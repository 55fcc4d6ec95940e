"""Every algorithm's settings for fights, on a handful of episodes: it trains, plays, and says how many fights it won."""

from __future__ import annotations

from pathlib import Path

import pytest

import alberdice as ad
from alberdice.datasets.build import from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.record import record
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.environments import find_environment
from alberdice.environments.smax.fighters import fighter

EPISODES = "smax-episodes"
BUDGET = {"updates": 2, "pretrain_updates": 2, "batch_size": 64, "pretrain_batch_size": 64, "evaluate_episodes": 2}


@pytest.fixture(scope="module")
def data() -> OfflineDataset:
    with find_environment("smax-3m").open() as env:
        played = record(env, fighter(env.spec), range(3), 0).episodes
    return from_episodes("three-fights", env.spec.n_actions, played)


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "preset"), [*((name, "smax") for name in ALGORITHMS), ("alberdice", EPISODES)])
def test_it_trains_and_plays(algorithm: str, preset: str, data: OfflineDataset, tmp_path: Path) -> None:
    settings = learner_class(algorithm).settings
    own = {**settings.presets[preset], **{k: v for k, v in BUDGET.items() if hasattr(settings, k)}}  # type: ignore[attr-defined]
    run = ad.deep.train(data, algorithm, environment="smax-3m", out=tmp_path / "run", pictures=False, **own)
    assert run.result["status"] in ("done", "below_behaviour")
    assert run.result["episodes"] == 2
    assert 0 <= run.result["battle_won_mean"] <= 1


def test_weights_of_whole_fights_give_every_agent_as_many_turns() -> None:
    own = learner_class("alberdice").settings.presets[EPISODES]
    turns, rest = divmod(own["updates"], own["turn_updates"])
    assert rest == 0
    assert turns % 8 == 0  # 3s5z's eight agents
    assert turns % 6 == 0  # 6h_vs_8z's six
