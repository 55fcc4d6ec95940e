"""Data that are mapped from a file: the same bits as in memory, read ahead or not, and pages that are given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained

from alberdice.datasets import OfflineDataset, load_dataset, memory, write_dataset
from alberdice.datasets.subset import of_episodes
from alberdice.deep.batches import tables
from alberdice.deep.batches.tables import MappedTable
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.training.loop import run_training
from alberdice.errors import InvalidArgumentError


@pytest.fixture
def mapped(tmp_path: Path) -> OfflineDataset:
    write_dataset(chain_dataset(masks=True), "chain-v0", root=tmp_path)
    return load_dataset("chain-v0", root=tmp_path, memory_share=0.0)


SETTINGS: dict[str, dict[str, Any]] = {
    "bc": {},
    "icq": {"window": 2},
    "omar": {},
    "madtkd": {},
    "optidice": {},
    "alberdice": {},
}


@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("share", [True, False])
def test_rows_have_the_bits_of_those_in_memory(share: bool, levels: int, tmp_path: Path) -> None:
    source = of_episodes(load_dataset("bridge-optimal"), np.arange(8))
    write_dataset(source, "bridge-v0", root=tmp_path)
    data = load_dataset("bridge-v0", root=tmp_path, memory_share=0.0)
    assert data.memory_mapped
    found, held = (TrainingData.build(each, share=share, levels=levels) for each in (data, source))
    assert found.mapped
    assert not held.mapped
    rows = torch.tensor([[0, len(held.states) - 1], [3, 3]])
    for name in ("states", "observations"):
        lazy, table = getattr(found, name), getattr(held, name)
        assert (lazy.shape, len(lazy), lazy.device) == (table.shape, len(table), table.device)
        assert torch.equal(lazy[torch.arange(len(table))], table)
        assert torch.equal(lazy[rows], table[rows])
        assert torch.equal(lazy.index_select(0, rows[1]), table.index_select(0, rows[1]))


@pytest.mark.parametrize("algorithm", SETTINGS)
def test_learners_learn_the_same_bit_for_bit(algorithm: str, mapped: OfflineDataset) -> None:
    config = tiny(algorithm, **SETTINGS[algorithm])
    assert equal(trained(config, mapped), trained(config, chain_dataset(masks=True)))


@pytest.mark.parametrize(("algorithm", "first"), [("bc", 0), ("alberdice", 10)])
def test_rows_are_read_ahead(algorithm: str, first: int, mapped: OfflineDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first update of its kind, an update finds all rows read that it asks for."""
    asked: list[bool] = []
    plain = MappedTable.__getitem__

    def counting(self: MappedTable, rows: torch.Tensor) -> torch.Tensor:
        asked.append(any(torch.equal(wanted, rows) for wanted, _ in self._expected))
        return plain(self, rows)

    monkeypatch.setattr(MappedTable, "__getitem__", counting)
    config = tiny(algorithm)
    trained(config, mapped, first + 1)
    before, _ = len(asked), asked.clear()
    trained(config, mapped, first + 3)
    assert len(asked) > before
    assert all(asked[before:])


def test_denormal_features_are_as_in_memory(mapped: OfflineDataset) -> None:
    table = MappedTable(mapped.frame_states, np.arange(3), lambda raw: torch.full((len(raw), 1), 1e-40), torch.zeros(1))
    torch.set_flush_denormal(True)
    try:
        found = table[torch.arange(2)]
    finally:
        torch.set_flush_denormal(False)
    assert (found > 0).all()


def test_pages_are_given_back(mapped: OfflineDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(tables, "release", given.append)
    TrainingData.build(mapped).observations[torch.arange(2)]
    assert given == [mapped.frame_observations]


def test_a_released_array_holds_what_it_held(tmp_path: Path) -> None:
    for mode in ("r+", "c"):
        array = np.memmap(tmp_path / mode, np.float64, "w+", shape=(4,))
        array[:] = 1.0
        array.flush()
        again = np.memmap(tmp_path / mode, np.float64, mode, shape=(4,))
        again[:] = 2.0
        memory.release(again[1:])
        assert (again == 2.0).all()
    memory.release(np.zeros(3))


def test_a_share_of_none_maps_and_is_not_recorded(tmp_path: Path) -> None:
    write_dataset(chain_dataset(), "chain-v0", root=tmp_path)
    common = {"dataset": str(tmp_path / "chain-v0"), "environment": "none"}
    runs = [run_training(tiny("bc", memory_share=share, **common), None) for share in (0.0, 1.0)]
    assert [run.learner.data.mapped for run in runs] == [True, False]  # type: ignore[attr-defined]
    assert equal(*(run.learner.state_dict() for run in runs))


def test_what_is_read_is_not_recorded(mapped: OfflineDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alberdice.deep.training.preparation.device_of", lambda config: "cpu")
    with pytest.raises(InvalidArgumentError, match="read from a file is not recorded"):
        run_training(tiny("bc", capture="on", environment="none"), None, dataset=mapped)
