"""A bounded run of the fuzzer; by hand: ``make fuzz SEED=0 N=2000``."""

from __future__ import annotations

import pytest
from fuzz_run import BAD, GOOD, run, table


def _check(seed: int, cases: int) -> None:
    found = run(seed, cases)
    assert len(found) == cases
    assert [line["case"] for line in found] == list(range(cases))
    bad = [line for line in found if line["outcome"] in BAD]
    assert not bad, f"{table(found)}\n{bad[:5]}"
    assert {line["outcome"] for line in found} == set(GOOD), "every kind of good outcome occurs"


@pytest.mark.slow
def test_a_bounded_run() -> None:
    _check(seed=1, cases=130)


@pytest.mark.slow
def test_a_longer_run() -> None:
    _check(seed=2, cases=1300)
