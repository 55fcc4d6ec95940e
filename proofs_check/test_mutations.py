"""Properties that cannot fail prove nothing: each is seen to fail when one named function of the package is wrong."""

from __future__ import annotations

import importlib
from typing import Any

import make_readme
import pytest
from hypothesis import Phase, settings

import alberdice as ad

pytest.importorskip("torch")
from mutations import MUTATIONS, Wrong

QUICK = (Phase.explicit, Phase.generate)


def test_every_property_has_its_mutation() -> None:
    named = {entry for row in make_readme.load() for entry in row["property"]}
    assert {f"{file}.py::{test}" for file, test, *_ in MUTATIONS} == named


@pytest.mark.slow
@pytest.mark.parametrize(("file", "test", "home", "name", "wrong"), MUTATIONS, ids=[f"{m[0]}::{m[1]}" for m in MUTATIONS])
def test_the_property_fails_under_its_mutation(
    file: str, test: str, home: Any, name: str, wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = getattr(importlib.import_module(file), test)
    if hasattr(check, "hypothesis"):  # the failure is what counts, not the smallest example of it
        quick = settings(getattr(check, "_hypothesis_internal_use_settings", None), phases=QUICK, report_multiple_bugs=False)
        monkeypatch.setattr(check, "_hypothesis_internal_use_settings", quick, raising=False)
    monkeypatch.setattr(home, name, wrong(getattr(home, name)))
    with pytest.raises((AssertionError, ad.AlberDICEError)):
        check()
