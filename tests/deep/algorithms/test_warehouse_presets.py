"""Every algorithm's settings for warehouses, on a handful of episodes: it trains, plays, and says which convention it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alberdice as ad
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.warehouses import make_warehouse
from alberdice.deep.learner import ALGORITHMS, learner_class

FEED_FORWARD, CONVENTIONS, MIXED = "rware-feed-forward", "rware-conventions", "rware-mixed"
ANEW = "rware-conventions-anew"
BUDGET = {
    "updates": 2,
    "pretrain_updates": 2,
    "batch_size": 64,
    "pretrain_batch_size": 64,
    "evaluate_episodes": 2,
    "memory_updates": 0,
}


@pytest.fixture(scope="module")
def data() -> OfflineDataset:
    return make_warehouse("tiny", 2, "conventions", np.random.default_rng(0), episodes=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "preset"),
    [
        *((name, "rware") for name in ALGORITHMS),
        *(("alberdice", preset) for preset in (FEED_FORWARD, CONVENTIONS, ANEW, MIXED)),
        ("bc", FEED_FORWARD),
    ],
)
def test_it_trains_and_plays(algorithm: str, preset: str, data: OfflineDataset, tmp_path: Path) -> None:
    settings = learner_class(algorithm).settings
    own = {**settings.presets[preset], **{k: v for k, v in BUDGET.items() if hasattr(settings, k)}}  # type: ignore[attr-defined]
    if preset in (CONVENTIONS, ANEW, MIXED):
        own["memory_updates"] = 2
    run = ad.deep.train(data, algorithm, environment="rware-tiny-2ag", out=tmp_path / "run", pictures=False, **own)
    assert run.result["status"] in ("done", "below_behaviour")
    assert run.result["episodes"] == 2
    assert 0 <= run.result["agree_mean"] <= 1
    assert 0.5 <= run.result["purity_mean"] <= 1
    assert run.policies.has_memory == (preset in (CONVENTIONS, MIXED) or (preset == "rware" and algorithm != "omar"))
    again = ad.deep.load(tmp_path / "run").features
    assert again.levels is not None
    assert len(again.levels) == 10 + 11  # the columns and the rows of the map
