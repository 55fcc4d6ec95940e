"""bf16 and tf32: what they change, and what stays float32 under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from deep_samples import chain_dataset, equal, tiny
from run_samples import Killed, final_state, kill_at
from torch.overrides import TorchFunctionMode

from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.networks.precision import full_precision
from alberdice.deep.training import evaluators
from alberdice.deep.training.device import arithmetic_of, tensor_floats
from alberdice.deep.training.loop import train
from alberdice.errors import InvalidArgumentError

#: functions whose rounding in bf16 would be noise in exp(e / alpha)
SENSITIVE = {"log_softmax", "logsumexp", "exp", "cumsum"}
PRODUCTS = {"bmm", "baddbmm", "mm", "addmm", "matmul", "linear"}


class Watch(TorchFunctionMode):
    """Types of what goes into sensitive functions, and of what comes out of matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.into: dict[str, set[torch.dtype]] = {}
        self.products: set[torch.dtype] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, found = getattr(function, "__name__", ""), function(*args, **(kwargs or {}))
        if name in SENSITIVE:
            self.into.setdefault(name, set()).add(args[0].dtype)
        if name in PRODUCTS:
            self.products.add(found.dtype)
        return found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_products_are_rounded_and_log_sum_exps_are_not(algorithm: str) -> None:
    config = tiny(algorithm, precision="bf16", dataset="bridge-mix")
    data = TrainingData.build(chain_dataset(n_actions=(2, 3)), share=config.merges_frames)
    learner = learner_class(algorithm)(data, config, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with arithmetic_of(config, "cpu") as arithmetic, Watch() as watch:
        for _ in range(config.total):
            with arithmetic():
                learner.update(generator)
    assert torch.bfloat16 in watch.products
    assert "log_softmax" in watch.into
    for name, types in watch.into.items():
        assert torch.bfloat16 not in types, name
    for name, tensor in learner.state_dict().items():
        assert tensor.dtype != torch.bfloat16, name
        assert tensor.isfinite().all(), name


def test_bf16_changes_what_is_learned_and_stays_finite(tmp_path: Path) -> None:
    results = {p: train(tiny(precision=p), tmp_path / p) for p in ("float32", "bf16")}
    states = {p: final_state(tmp_path / p) for p in results}
    assert not torch.equal(states["float32"]["policy"], states["bf16"]["policy"])
    assert torch.allclose(states["float32"]["policy"], states["bf16"]["policy"], atol=0.02)
    assert {n: t.dtype for n, t in states["float32"].items()} == {n: t.dtype for n, t in states["bf16"].items()}
    assert all(tensor.isfinite().all() for tensor in states["bf16"].values())
    assert results["bf16"]["return_exact"] == pytest.approx(results["float32"]["return_exact"], abs=0.05)


def test_bf16_resumes_bit_for_bit(tmp_path: Path) -> None:
    whole, parts, config = tmp_path / "whole", tmp_path / "parts", tiny(precision="bf16")
    train(config, whole)
    with pytest.raises(Killed):
        train(config, parts, progress=kill_at(17))
    with pytest.raises(InvalidArgumentError, match="precision: got float32, expected bf16, as the run began"):
        train(tiny(), parts, resume=True)
    train(config, parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_tf32_is_refused_on_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"precision: got tf32, expected a GPU.*; use float32, or bf16"):
        train(tiny(precision="tf32"), tmp_path / "run")


def test_tf32_is_for_the_updates_only() -> None:
    with arithmetic_of(tiny(precision="tf32"), "cuda") as arithmetic:
        assert arithmetic is tensor_floats
        assert torch.get_float32_matmul_precision() == "highest"
        with arithmetic():
            assert torch.get_float32_matmul_precision() == "high"
        assert torch.get_float32_matmul_precision() == "highest"


def test_policies_are_evaluated_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], evaluators.evaluate

    def spy(*arguments: Any, **more: Any) -> Any:
        seen.append(torch.is_autocast_enabled("cpu"))
        return real(*arguments, **more)

    monkeypatch.setattr(evaluators, "evaluate", spy)
    train(tiny(precision="bf16"), tmp_path / "run")
    assert seen == [False, False]


def test_weights_that_change_within_an_update_are_used_as_they_are_then() -> None:
    """Autocast remembers its copies of leaves otherwise."""
    weight, x = torch.ones(4, 4, requires_grad=True), torch.ones(1, 4)
    with arithmetic_of(tiny(precision="bf16"), "cpu") as arithmetic, arithmetic():
        before = x @ weight
        with torch.no_grad():
            weight += 1
        assert (x @ weight).sum() == 2 * before.sum()


def test_the_last_layer_is_exact() -> None:
    """Without hidden layers a network is a table, and stays one; with them the type is the parameters' all the same."""
    generator = torch.Generator().manual_seed(0)
    for hidden, dtype in (((), torch.float32), ((8,), torch.float32), ((8,), torch.float64)):
        network = StackedMLP(5, hidden, 3)
        parameters, x = network.initial(2, generator, dtype), torch.rand(2, 7, 5, generator=generator).to(dtype)
        plain = network(parameters, x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(parameters, x)
        assert rounded.dtype == dtype
        assert torch.equal(plain, rounded) == (hidden == () or dtype == torch.float64)


def test_full_precision_costs_nothing_where_there_is_no_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16), full_precision(torch.zeros(1)):
        assert not torch.is_autocast_enabled("cpu")
    assert type(full_precision(torch.zeros(1))).__name__ == "nullcontext"
