"""What only a GPU can show: the CPU's results, whole runs, resuming, and updates that never wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from deep_samples import chain_dataset, tiny
from test_training import Killed, final_state, kill_at
from torch.overrides import TorchFunctionMode

from alberdice.deep.config import TrainConfig
from alberdice.deep.data import TrainingData
from alberdice.deep.learner import ALGORITHMS, Learner, learner_class
from alberdice.deep.saved_run import evaluate_run
from alberdice.deep.training import train

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


def learner_on(device: str, config: TrainConfig) -> Learner:
    data = TrainingData.build(chain_dataset(n_actions=(2, 3)), share=config.merges_frames, device=device)
    return learner_class(config.algorithm)(data, config, torch.Generator().manual_seed(0))


def metrics_on(device: str, config: TrainConfig) -> tuple[list[dict[str, float]], Learner]:
    learner, generator = learner_on(device, config), torch.Generator(device).manual_seed(1)
    with DrawnOnTheCPU(2):
        found = [{k: float(v) for k, v in learner.update(generator).items()} for _ in range(config.total)]
    return found, learner


@contextmanager
def no_synchronisation() -> Iterator[None]:
    """Any wait of the CPU for the GPU raises."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_cpu_and_gpu_learn_the_same(algorithm: str) -> None:
    """A few updates: rounding differs, and Adam's first steps make the most of it where a gradient is nearly zero."""
    config = tiny(algorithm)
    (cpu, on_cpu), (gpu, on_gpu) = metrics_on("cpu", config), metrics_on("cuda", config)
    for k, (here, there) in enumerate(zip(cpu, gpu, strict=True)):
        assert there == pytest.approx(here, rel=5e-3, abs=1e-3), f"update {k + 1}"
    seen = torch.rand(6, 2, 5, generator=torch.Generator().manual_seed(3))
    tables = [learner.policies.actor(6).log_probabilities(seen.to(d)) for learner, d in ((on_cpu, "cpu"), (on_gpu, "cuda"))]
    torch.testing.assert_close(tables[1].cpu(), tables[0], rtol=0, atol=1e-2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_update_does_not_wait_for_the_gpu(algorithm: str) -> None:
    config = tiny(algorithm)
    learner, generator = learner_on("cuda", config), torch.Generator("cuda").manual_seed(1)
    for _ in range(2):
        learner.update(generator)
    with no_synchronisation():
        learner.update(generator)  # of the pretraining, where there is one
    for _ in range(config.pretraining):
        learner.update(generator)  # fills caches at its end, and may wait for that
    with no_synchronisation():
        for _ in range(3):
            learner.update(generator)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_a_run_from_end_to_end(tmp_path: Path, precision: str) -> None:
    result = train(tiny(device="cuda", precision=precision), tmp_path / "run")
    assert (result["status"], result["device"]) == ("done", "cuda")
    played = evaluate_run(tmp_path / "run", episodes=20)  # on the CPU, from the checkpoint
    assert played["return_exact"] == pytest.approx(result["return_exact"], abs=1e-5)


@pytest.mark.parametrize("at", [7, 10, 17])
def test_resume_on_the_gpu(tmp_path: Path, at: int) -> None:
    whole, parts, config = tmp_path / "whole", tmp_path / "parts", tiny(device="cuda")
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
