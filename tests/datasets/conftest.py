"""Whole inputs of every format, which tests copy and spoil."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from dataset_files import minari_buffers, pymarl_arrays, sample, save_cfcql, save_pymarl

from alberdice.datasets import write_dataset, write_vault


@pytest.fixture(scope="session")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One whole input of each kind."""
    base = tmp_path_factory.mktemp("wholes")
    data, rng = sample(), np.random.default_rng(1)
    arrays = pymarl_arrays(data, rng)
    paths = {
        "native": write_dataset(data, "lab/x-v0", root=base),
        "vault": base / "x" / "u",
        "minari": base / "lab" / "theirs-v0",
    }
    paths["pymarl"] = save_pymarl(base / "buffer", arrays)
    paths["cfcql"] = save_cfcql(base / "x.h5", arrays, rng)
    write_vault(data, paths["vault"])
    minari = pytest.importorskip("minari")
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(base)
    try:
        buffers, observations, actions = minari_buffers(data, "stacked")
        with pytest.warns(UserWarning, match=r"\w"):
            minari.create_dataset_from_buffers("lab/theirs-v0", buffers, observation_space=observations, action_space=actions)
    finally:
        os.environ.pop("MINARI_DATASETS_PATH")
        if before is not None:
            os.environ["MINARI_DATASETS_PATH"] = before
    for kind in ("csv", "json"):
        paths[kind] = base / f"x.{kind}"
        paths[kind].write_text("")
    return paths
