"""A bounded run of the killer; by hand: ``make kills SEED=0 KILLS=105``."""

from __future__ import annotations

import pytest
from kill_run import run, table


@pytest.mark.slow
def test_killed_runs_go_on_bit_for_bit() -> None:
    found = run(seed=3, kills=9, learners=("alberdice", "omar", "mat"))
    assert sum(each["ended"] == "killed" for line in found for each in line["attempts"]) == 9
    assert not any(line["differs"] for line in found), "\n".join(table(found))
