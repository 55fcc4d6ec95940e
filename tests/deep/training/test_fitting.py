"""The loop without files: who is called, when, with what; and that looking on changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained

import alberdice as ad
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.training.fit import Fitting, fit
from alberdice.errors import InvalidArgumentError, SolverError


class Book:
    """Evaluator, logger and callback that write down what they hear."""

    def __init__(self, stop_at: int = 0) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.closed, self.stop_at = 0, stop_at

    def evaluate(self, policies: Any, update: int) -> Mapping[str, float]:
        self.heard.append(("evaluate", update))
        return {"mine": float(update)}

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        self.heard.append((kind, update))

    def close(self) -> None:
        self.closed += 1

    def after_update(self, fitting: Fitting) -> None:
        if fitting.done == self.stop_at:
            fitting.stop("enough")


def made(**changes: Any) -> tuple[Any, Any, torch.Generator]:
    config = tiny("bc", **changes)
    data = TrainingData.build(ad.datasets.load_dataset(config.dataset))
    learner = learner_class("bc")(data, config, torch.Generator().manual_seed(config.seed))
    return config, learner, torch.Generator().manual_seed(config.seed + 1)


def test_everybody_is_called_in_order_and_learning_is_the_same() -> None:
    config, learner, generator = made()
    book = Book()
    done = fit(learner, 12, generator, evaluators=[book], loggers=[book], callbacks=[book], evaluate_every=5)
    expected = [(kind, u) for u in (5, 10, 12) for kind in ("training", "evaluate", "evaluation")]
    assert book.heard == expected
    assert book.closed == 1
    assert [row["mine"] for row in done.history] == [5.0, 10.0, 12.0]
    assert equal(learner.state_dict(), trained(config))


def test_a_callback_stops_the_loop() -> None:
    _, learner, generator = made()
    done = fit(learner, 12, generator, callbacks=[Book(stop_at=7)])
    assert (done.done, done.stopped) == (7, "enough")


def test_loggers_are_closed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _, learner, generator = made()
    monkeypatch.setattr(type(learner), "complaint", lambda self, metrics: "bad: do better")
    book = Book()
    with pytest.raises(SolverError, match=r"training at update 12: got bad.*do better"):
        fit(learner, 12, generator, loggers=[book])
    assert book.closed == 1


def test_train_on_data_in_memory_without_a_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    game, book = ad.games.penalty_xor(), Book()
    settings = {name: value for name, value in vars(tiny()).items() if name in ("updates", "batch_size", "hidden", "select")}
    data = ad.datasets.make_builtin("matrix-d")
    run = ad.deep.train(data, "bc", game, seed=3, evaluators=[book], loggers=[book], evaluate_episodes=20, **settings)
    assert not list(tmp_path.iterdir())
    assert run.path is None
    assert run.history[-1]["mine"] == run.result["updates"] == 12
    assert run.history[-1]["return_mean"] == run.result["return_mean"]
    assert run.evaluate(200).environment == "penalty-xor"
    assert "bc on matrix-d, seed 3: done" in repr(run)
    named = ad.deep.train("matrix-d", "bc", seed=3, evaluate_episodes=20, **settings)
    assert equal(run.learner.state_dict(), named.learner.state_dict())


def test_without_an_environment_the_result_says_so() -> None:
    run = ad.deep.train(chain_dataset(), "bc", updates=3, batch_size=4, hidden=(4,), select="last")
    assert run.result["environment"] == "none"
    assert run.result["notes"]
    with pytest.raises(InvalidArgumentError, match="where to play"):
        run.evaluate()


def test_policies_act_on_arrays_with_masks() -> None:
    run = ad.deep.train(chain_dataset(masks=True), "bc", updates=3, batch_size=4, hidden=(4,), select="last")
    seen = np.random.default_rng(0).normal(size=(50, 3, 5))
    masks = np.zeros((50, 3, 4), bool)
    masks[:, 0, 1] = masks[:, 1, 2] = masks[:, 2, 3] = True
    actor = run.policies.actor(50)
    assert (actor.act(seen, masks, np.random.default_rng(1)) == [1, 2, 3]).all()
    free = [actor.act(seen, None, np.random.default_rng(seed)) for seed in (2, 2, 3)]
    assert (free[0] == free[1]).all()
    assert (free[0] != free[2]).any()
    assert (free[0].max(axis=0) < [2, 3, 4]).all()
    greedy = actor.act(seen, None, np.random.default_rng(4), play="greedy")
    tables = actor.log_probabilities(torch.from_numpy(seen))
    assert (greedy == tables.argmax(-1).numpy()).all()


def test_the_policies_of_an_early_end_are_scored_too() -> None:
    settings = {"updates": 60, "pretrain_updates": 10, "batch_size": 32, "hidden": (8,), "starts": 1, "evaluate_episodes": 20}
    run = ad.deep.train("matrix-c", callbacks=[Book(stop_at=27)], **settings)
    assert run.fitting.done == 27
    assert run.result["selection"]["last"]["update"] == 27
