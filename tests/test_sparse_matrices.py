"""Sparse input is sound in every part before a compiled routine of SciPy's sees it, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import alberdice as ad
from alberdice._sparse import checked_csr

DENSE = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
FORMATS = ("csr", "csc", "coo", "bsr", "lil", "dok", "dia")


def model(transition: Any) -> ad.MMDP:
    return ad.MMDP(transition, np.zeros((3, 2)), [1.0, 0.0, 0.0], 0.9)


def put(attribute: str, at: int, value: int) -> Callable[[Any], None]:
    def spoil(matrix: Any) -> None:
        getattr(matrix, attribute)[at] = value

    return spoil


def replaced(attribute: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def spoil(matrix: Any) -> None:
        setattr(matrix, attribute, change(getattr(matrix, attribute)))

    return spoil


def long_row(matrix: Any) -> None:
    matrix.rows[2].append(7)
    matrix.data[2].append(0.5)


SPOILT: list[tuple[str, Callable[[Any], None], str]] = [
    ("csr", put("indices", 1, 2**30), r"transition.indices\[1\]: got 1073741824, expected 0 to 2"),
    ("csr", put("indices", 0, -1), r"transition.indices\[0\]: got -1, expected 0 to 2"),
    ("csr", put("indptr", 2, 100), r"transition.indptr\[3\]: got 5, expected at least 100, the one before"),
    ("csr", put("indptr", 6, 10**6), r"transition.indptr\[6\]: got 1000000, expected 10, the number of entries"),
    ("csr", put("indptr", 6, 9), r"transition.indptr\[6\]: got 9, expected 10"),
    ("csr", put("indptr", 0, -3), r"transition.indptr\[0\]: got -3, expected 0"),
    ("csr", replaced("indptr", lambda a: a[:-2]), r"transition.indptr: got int32 \(5,\), expected integers of shape \(7,\)"),
    ("csr", replaced("indices", lambda a: a[:-1]), r"transition.indices: got int32 \(9,\)"),
    ("csr", replaced("indices", lambda a: a.astype(float)), r"transition.indices: got float64"),
    ("csr", replaced("data", lambda a: a[:-1]), r"transition.indices: got int32 \(10,\), expected integers of shape \(9,\)"),
    ("csc", put("indices", 0, 6), r"transition.indices\[0\]: got 6, expected 0 to 5"),
    ("csc", put("indptr", 1, 11), r"transition.indptr\[2\]: got .*, the one before"),
    ("bsr", put("indices", 0, 3), r"transition.indices\[0\]: got 3, expected 0 to 2"),
    ("coo", put("row", 0, 6), r"transition.row\[0\]: got 6, expected 0 to 5"),
    ("coo", put("col", 3, -2), r"transition.col\[3\]: got -2, expected 0 to 2"),
    ("lil", long_row, r"transition.rows\[2\]\[1\]: got 7, expected 0 to 2"),
    ("lil", lambda m: m.rows[1].append(0), r"transition.rows\[1\]: got 3 columns, expected 2, one per value"),
]


@pytest.mark.parametrize("kind", range(len(SPOILT)), ids=[f"{f}-{k}" for k, (f, _, _) in enumerate(SPOILT)])
def test_damaged_structure(kind: int) -> None:
    form, spoil, match = SPOILT[kind]
    matrix = sp.csr_array(DENSE).asformat(form)
    spoil(matrix)
    with pytest.raises(ad.InvalidModelError, match=match):
        model(matrix)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_every_format_is_the_same_matrix(form: str, kind: type) -> None:
    whole = np.rint(DENSE).astype(kind) if kind is np.int64 else DENSE.astype(kind)
    made = checked_csr(sp.csr_array(whole).asformat(form), "x", ad.InvalidModelError)
    np.testing.assert_array_equal(made.toarray(), whole)
    assert made.dtype == np.float64


def test_flags_that_lie_are_not_believed() -> None:
    matrix = sp.csr_array((np.full(12, 0.5), np.array([2, 2] * 6), np.arange(0, 13, 2)), shape=(6, 3))
    matrix.has_canonical_format = matrix.has_sorted_indices = True
    made = model(matrix).transition
    assert made.nnz == 6
    assert (made.data == 1.0).all()


def test_the_callers_matrix_is_left_alone() -> None:
    matrix = sp.csr_array(DENSE)
    before = [array.copy() for array in (matrix.data, matrix.indices, matrix.indptr)]
    made = model(matrix)
    for array, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)
        assert array.flags.writeable
    assert not np.shares_memory(made.transition.data, matrix.data)


@pytest.mark.parametrize("seed", range(200))
def test_random_damage_is_refused_or_harmless(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = sp.csr_array(DENSE).asformat(str(rng.choice(["csr", "csc", "coo", "bsr"])))
    names = ["row", "col"] if matrix.format == "coo" else ["indices", "indptr"]
    array = getattr(matrix, str(rng.choice(names)))
    array[rng.integers(len(array))] = rng.integers(-(2**31), 2**31 - 1)
    try:
        assert (model(matrix).transition.sum(axis=1) == 1).all()
    except ad.InvalidModelError as error:
        assert error.where.startswith("transition")
