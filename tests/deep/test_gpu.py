"""What only a GPU can show: the CPU's results, whole runs, resuming, updates that never wait, and recorded ones that replay."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from capture_samples import CASES, TensorsAsNumbers, config_of, fresh
from deep_samples import tiny
from run_samples import Killed, final_state, kill_at
from torch.overrides import TorchFunctionMode

from alberdice.deep.networks.capture import Captured, CudaGraphs
from alberdice.deep.online.mat import MAT
from alberdice.deep.online.settings import MATConfig
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import evaluate_run
from alberdice.environments import find_environment

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


#: functions that draw
DRAWS = {"rand", "randint", "randperm", "multinomial"}


class DrawnOnTheCPU(TorchFunctionMode):
    """All draws from one CPU generator, wherever they are asked for, so that both devices learn from the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(function, "__name__", "") not in DRAWS or "generator" not in given:
            return function(*args, **given)
        device = given.get("device", args[0].device if isinstance(args[0], torch.Tensor) else "cpu")
        moved = [a.cpu() if isinstance(a, torch.Tensor) else a for a in args]
        kept = {name: value for name, value in given.items() if name != "device"}
        return function(*moved, **{**kept, "generator": self.generator}).to(device)


def metrics_on(device: str, case: str) -> tuple[list[dict[str, float]], Any]:
    learner, generator = fresh(case, device), torch.Generator(device).manual_seed(1)
    with DrawnOnTheCPU(2):
        found = [{k: float(v) for k, v in learner.update(generator).items()} for _ in range(config_of(case).total)]
    return found, learner


@contextmanager
def no_synchronisation() -> Iterator[None]:
    """Any wait of the CPU for the GPU raises."""
    torch.cuda.synchronize()
    try:
        with warnings.catch_warnings():  # torch says that it misses some
            warnings.filterwarnings("ignore", message="Synchronization debug mode", category=UserWarning)
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("case", CASES)
def test_cpu_and_gpu_learn_the_same(case: str) -> None:
    """A few updates: rounding differs, and Adam's first steps make the most of it where a gradient is nearly zero.

    Where rows are resampled, rounding draws another row before long: there only the first updates are compared.
    """
    (cpu, on_cpu), (gpu, on_gpu) = metrics_on("cpu", case), metrics_on("cuda", case)
    compared = config_of(case).pretraining + 2 if "printed" in case else len(cpu)
    for k, (here, there) in enumerate(zip(cpu[:compared], gpu[:compared], strict=True)):
        assert there == pytest.approx(here, rel=1e-2, abs=2e-3), f"update {k + 1}"
    if "printed" in case:
        return
    seen = torch.rand(6, 2, 5, generator=torch.Generator().manual_seed(3))
    tables = [learner.policies.actor(6).log_probabilities(seen.to(d)) for learner, d in ((on_cpu, "cpu"), (on_gpu, "cuda"))]
    torch.testing.assert_close(tables[1].cpu(), tables[0], rtol=0, atol=1e-2)


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_an_update_does_not_wait_for_the_gpu(case: str, captured: bool) -> None:
    learner, generator = fresh(case, "cuda"), torch.Generator("cuda").manual_seed(1)
    if captured:
        learner.execution = Captured(torch.device("cuda"), CudaGraphs())
    for _ in range(5):  # a recording among them
        learner.update(generator)
    with no_synchronisation():
        learner.update(generator)  # of the pretraining, where there is one
    for _ in range(config_of(case).pretraining):
        learner.update(generator)  # fills caches at its end, and may wait for that
    with no_synchronisation():
        for _ in range(3):
            learner.update(generator)


@pytest.mark.parametrize("case", CASES)
def test_replayed_updates_are_direct_ones(case: str) -> None:
    """Draws included; sums by atomics come in any order, so not bit for bit."""
    found = []
    for execution in (TensorsAsNumbers(), Captured(torch.device("cuda"), CudaGraphs())):
        learner, generator = fresh(case, "cuda"), torch.Generator("cuda").manual_seed(1)
        learner.execution = execution
        metrics = [{k: float(v) for k, v in learner.update(generator).items()} for _ in range(config_of(case).total)]
        found.append((metrics, generator.get_state()))
    for k, (directly, replayed) in enumerate(zip(found[0][0], found[1][0], strict=True)):
        assert replayed == pytest.approx(directly, rel=5e-3, abs=1e-3), f"update {k + 1}"
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_a_run_from_end_to_end(tmp_path: Path, precision: str, capture: bool) -> None:
    result = train(tiny(device="cuda", precision=precision, capture="on" if capture else "off"), tmp_path / "run")
    assert (result["status"], result["device"]) == ("done", "cuda")
    played = evaluate_run(tmp_path / "run", episodes=20)  # on the CPU, from the checkpoint
    assert played["return_exact"] == pytest.approx(result["return_exact"], abs=1e-5)


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("at", [7, 10, 17])
def test_resume_on_the_gpu(tmp_path: Path, at: int, capture: bool) -> None:
    whole, parts, config = tmp_path / "whole", tmp_path / "parts", tiny(device="cuda", capture="on" if capture else "off")
    train(config, whole)
    with pytest.raises(Killed):
        train(config, parts, progress=kill_at(at))
    train(config, parts, resume=True)
    first, second = final_state(whole), final_state(parts)
    assert first.keys() == second.keys()
    for name, tensor in first.items():  # sums by atomics come in any order, so not bit for bit
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=2e-3, msg=name)


def test_the_generator_of_the_gpu_resumes_exactly(tmp_path: Path) -> None:
    train(tiny(device="cuda"), tmp_path / "whole")
    with pytest.raises(Killed):
        train(tiny(device="cuda"), tmp_path / "parts", progress=kill_at(17))
    train(tiny(device="cuda"), tmp_path / "parts", resume=True)
    assert torch.equal(final_state(tmp_path / "whole")["generator"], final_state(tmp_path / "parts")["generator"])


def test_mat_plays_and_learns_as_on_the_cpu() -> None:
    """All draws are NumPy's or the CPU's, and a state may go on on either device."""
    with find_environment("bridge").open() as env:
        learners = [MAT(env.spec, MATConfig(iterations=4, epochs=2), 0, device) for device in ("cpu", "cuda")]
        here, there = (learner.play(env) for learner in learners)
    assert torch.equal(here.actions, there.actions.cpu())
    metrics = [learner.learn(rollout) for learner, rollout in zip(learners, (here, there), strict=True)]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-2, abs=2e-3)
    learners[0].load(learners[1].state())
    learners[1].load(learners[0].state())
    for name, tensor in learners[0].state().items():
        torch.testing.assert_close(learners[1].state()[name], tensor, rtol=0, atol=0)
