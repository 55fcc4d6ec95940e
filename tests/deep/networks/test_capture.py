"""Recorded steps do what direct ones do; a tape stands for the GPU's graphs, see tape.py."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from capture_samples import CASES, TensorsAsNumbers, config_of, fresh
from deep_samples import chain_dataset, equal, tiny
from tape import NotRecordable, Tape, Tapes

from alberdice.deep.algorithms.alberdice import behaviour
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.networks.capture import Captured, Direct
from alberdice.deep.training.device import capture_updates, check_captured
from alberdice.deep.training.loop import train
from alberdice.errors import InvalidArgumentError

CPU = torch.device("cpu")


def on_gpu(mapped: bool = False) -> Any:
    """Data that say that they are on a GPU."""
    return SimpleNamespace(states=SimpleNamespace(device=torch.device("cuda")), mapped=mapped)


def state(learner: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state_dict().items()}


def trained(case: str, execution: Any, agents: int) -> tuple[list[dict[str, torch.Tensor]], list[dict[str, torch.Tensor]]]:
    """State and metrics after every update."""
    learner, generator = fresh(case, agents=agents), torch.Generator().manual_seed(1)
    learner.execution = execution
    states, metrics = [], []
    for _ in range(config_of(case).total):
        metrics.append(learner.update(generator))
        states.append(state(learner))
    return states, metrics


@pytest.mark.parametrize("agents", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_replayed_updates_are_direct_ones_bit_for_bit(case: str, agents: int) -> None:
    """Of every built-in learner, whose steps may therefore be recorded; metrics stay what they were."""
    tapes = Tapes()
    states, metrics = trained(case, TensorsAsNumbers(), agents)
    replayed, noted = trained(case, Captured(CPU, tapes), agents)
    phases = 2 if "alberdice" in case else 1
    assert (tapes.recordings, tapes.replays) == (phases, len(states) - 3 * phases)
    for k in range(len(states)):
        assert equal(states[k], replayed[k]), f"update {k + 1}"
        assert equal(metrics[k], noted[k]), f"update {k + 1}"


@pytest.mark.parametrize("case", [case for case in CASES if "alberdice" in case])
def test_replays_with_sampled_prices(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others' price as large games have it, where no table holds all joint actions."""
    monkeypatch.setattr(behaviour, "_TABLE_LIMIT", 0)
    states, metrics = trained(case, TensorsAsNumbers(), 3)
    replayed, noted = trained(case, Captured(CPU, Tapes()), 3)
    assert all(equal(*pair) for pair in zip(states + metrics, replayed + noted, strict=True))


def test_another_generator_is_another_recording() -> None:
    found = []
    for execution in (TensorsAsNumbers(), Captured(CPU, Tapes())):
        learner = fresh("bc")
        learner.execution = execution
        for seed in (1, 2):
            generator = torch.Generator().manual_seed(seed)
            for _ in range(5):
                learner.update(generator)
        found.append(state(learner))
    assert equal(*found)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["alberdice with a memory", "alberdice with a memory, as printed"])
def test_the_effective_sample_size_does_not_depend_on_rows_without_weight(case: str) -> None:
    """Mean over draws: resampling fills all rows, weights rest on the scored ones alone."""
    found = []
    for all_rows in (True, False):
        learner, generator = fresh(case, agents=3), torch.Generator().manual_seed(1)
        learner.form.all_rows = all_rows
        for _ in range(config_of(case).pretraining):
            learner.update(generator)
        first, sizes = state(learner), []
        learner.annealing.lower = lambda effective, sizes=sizes: sizes.append(float(effective))
        for _ in range(300):
            learner.load_state_dict(first)
            learner.update(generator)
        found.append(np.mean(sizes))
    assert found[0] == pytest.approx(found[1], rel=0.1)


@pytest.mark.parametrize("case", ["alberdice with a memory", "alberdice with a memory, as printed"])
def test_all_rows_and_scored_rows_alone_are_the_same_update(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding and known steps have no weight; a few updates, before rounding shows.  Resampling draws other rows then.

    The others' price is taken from a table: drawn prices would draw for other rows.
    """
    maker, algorithm, changes = CASES[case]
    monkeypatch.setitem(CASES, case, (maker, algorithm, {**changes, "others_see": "state"}))
    learners = [fresh(case, agents=3) for _ in range(2)]
    learners[1].form.all_rows = False
    generators = [torch.Generator().manual_seed(1) for _ in learners]
    pretraining = config_of(case).pretraining
    for done in range(pretraining + 3):
        here, there = (learner.update(generator) for learner, generator in zip(learners, generators, strict=True))
        if done >= pretraining and "printed" in case:
            break  # the policies' loss, which no draw enters, is compared alone
        for name in here:
            torch.testing.assert_close(here[name], there[name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(here["policy_loss"], there["policy_loss"], rtol=1e-4, atol=1e-5)
    drawn = [learner.form.draw(32, torch.Generator().manual_seed(2)) for learner in learners]
    assert len(drawn[0].steps) > len(drawn[1].steps) == int(drawn[0].scored) == int(drawn[1].scored)


@pytest.mark.parametrize("case", ["alberdice", "alberdice with a memory"])
def test_recordings_follow_a_learner_whose_state_is_set_back(case: str) -> None:
    """Its caches are filled again then, from other behaviour policies, and the former recording looks at the former ones."""
    other, total = state(fresh(case)), config_of(case).total
    other["own"] = other["own"] + 0.5
    other["updates_done"] = torch.tensor(config_of(case).pretraining)
    found = []
    for execution in (TensorsAsNumbers(), Captured(CPU, Tapes())):
        learner, generator = fresh(case), torch.Generator().manual_seed(1)
        learner.execution = execution
        for _ in range(total):
            learner.update(generator)
        learner.load_state_dict(other)
        for _ in range(6):
            learner.update(generator)
        found.append(state(learner))
    assert equal(*found)


@pytest.mark.parametrize(
    ("what", "step"),
    [
        ("asks for a value", lambda x: x.sum().item()),
        ("asks for a value", lambda x: x.nonzero()),
        ("asks for a value", lambda x: 1 if x.sum() > 0 else 0),
        ("by a mask", lambda x: x[x > 0]),
        ("from the CPU's memory", lambda x: x + torch.tensor([1.0, 2.0, 3.0])),
        ("without saying where", lambda x: x + torch.zeros(3)),
    ],
)
def test_the_tape_refuses_what_a_graph_cannot_hold(what: str, step: Any) -> None:
    given = torch.ones(3)
    with pytest.raises(NotRecordable, match=what), Tape():
        step(given)


def test_the_tape_keeps_what_a_graph_would_keep() -> None:
    """A number of the CPU stays what it was; a tensor that is filled again is read again; views and draws work."""
    total, rate, generator = torch.zeros(4), torch.ones(()), torch.Generator().manual_seed(0)
    numbers = iter([1.0, 100.0, 100.0])

    def step() -> dict[str, torch.Tensor]:
        number = next(numbers)
        total[:2].add_(number * rate)
        return {"total": total.sum(), "drawn": torch.rand(2, generator=generator, device="cpu")}

    replay, metrics = Tapes().record(step, generator)
    assert total.sum() == 0
    expected = torch.Generator().manual_seed(0)
    for rate_now, sum_now in ((1.0, 2.0), (3.0, 8.0), (0.0, 8.0)):
        rate.fill_(rate_now)
        replay()
        assert metrics["total"] == sum_now
        assert torch.equal(metrics["drawn"], torch.rand(2, generator=expected))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_only_a_gpu_replays_graphs(tmp_path: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"capture: got on, expected a GPU, .*; leave capture out"):
        train(tiny(capture="on"), tmp_path / "run")


def test_a_learner_of_ones_own_must_let_its_steps_be_recorded() -> None:
    with pytest.raises(InvalidArgumentError, match=r"capture: got alberdice, expected a learner whose update runs .*execution"):
        capture_updates(object(), tiny(capture="on"), on_gpu(), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "mapped", "processes", "recorded"),
    [
        (tiny("bc"), False, 1, True),
        (tiny("alberdice"), False, 1, True),
        (tiny("bc", capture="off"), False, 1, False),
        (tiny("bc"), True, 1, False),
        (tiny("bc"), False, 2, False),
        (tiny("alberdice", weights="episodes"), False, 1, False),
        (replace(tiny("bc"), algorithm="mine:Learner"), False, 1, False),
    ],
)
def test_what_is_recorded_unless_said_otherwise(
    config: TrainConfig, mapped: bool, processes: int, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alberdice.deep.training.device.CudaGraphs", Tapes)
    learner = fresh("bc")
    capture_updates(learner, config, on_gpu(mapped), processes)
    assert isinstance(learner.execution, Captured) == recorded


def test_nothing_is_recorded_on_a_cpu() -> None:
    learner = fresh("bc")
    capture_updates(learner, tiny("bc"), TrainingData.build(chain_dataset()), 1)
    assert isinstance(learner.execution, Direct)


def test_a_learner_that_runs_no_step_is_told_so() -> None:
    learner = fresh("bc")
    learner.execution = Captured(CPU, Tapes())
    with pytest.raises(InvalidArgumentError, match=r"capture: got bc, expected a learner whose update runs .*execution"):
        check_captured(learner, tiny("bc"))
    learner.update(torch.Generator().manual_seed(0))
    check_captured(learner, tiny("bc"))
