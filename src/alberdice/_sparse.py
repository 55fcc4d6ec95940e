"""Sparse matrices of others, checked in full before SciPy's compiled routines trust them.

Those routines take indices and pointers at their word: a column out of range, or a pointer that runs backwards, makes them
read and write outside their arrays.  Nothing here calls one before the structure has been found sound, and nothing believes a
matrix that says of itself that it is sorted or free of duplicates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice.errors import AlberDICEError

__all__ = ["checked_csr"]


def checked_csr(matrix: Any, name: str, error: type[AlberDICEError]) -> sp.csr_array:
    """A float64 copy in CSR form, sorted and without duplicates.

    Args:
        matrix: two-dimensional, in any of SciPy's formats.
        name: of the argument.
        error: kind of the error.

    Raises:
        AlberDICEError: of the given kind: indices or pointers that do not fit the shape.
    """
    check = {"csr": _check_compressed, "csc": _check_compressed, "bsr": _check_compressed, "coo": _check_coordinates}
    try:
        if matrix.format in check:
            check[matrix.format](matrix, name, error)
        elif matrix.format == "lil":
            matrix = _checked_lists(matrix, name, error)
        elif matrix.format == "dok":
            matrix = sp.coo_array(matrix)
            _check_coordinates(matrix, name, error)
        rows = matrix if matrix.format == "csr" else matrix.tocsr()
        if rows is not matrix:
            _check_compressed(rows, name, error)
        # Made anew: the flags of a matrix may lie about order and duplicates.
        made = sp.csr_array((rows.data.astype(np.float64), rows.indices.copy(), rows.indptr.copy()), shape=rows.shape)
    except AlberDICEError:
        raise
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError) as problem:
        got = f"a damaged {getattr(matrix, 'format', 'sparse')} matrix ({(str(problem).splitlines() or [''])[0]})"
        raise error(name, got=got, expected="a sound sparse matrix", remedy="build it again") from None
    made.sum_duplicates()
    return made


def _check_integers(array: Any, where: str, shape: tuple[int, ...], error: type[AlberDICEError]) -> NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or array.shape != shape:
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise error(where, got=got, expected=f"integers of shape {shape}")
    return array


def _check_range(array: NDArray[Any], where: str, size: int, error: type[AlberDICEError]) -> None:
    wrong = (array < 0) | (array >= size)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise error(f"{where}[{at}]", got=int(array[at]), expected=f"0 to {size - 1}")


def _check_compressed(matrix: Any, name: str, error: type[AlberDICEError]) -> None:
    """CSR, CSC and BSR: pointers from 0 to the number of entries, never backwards; indices within the other axis."""
    blocks = matrix.format == "bsr"
    block = matrix.data.shape[1:] if blocks else (1, 1)
    if blocks and (len(block) != 2 or 0 in block or any(n % b for n, b in zip(matrix.shape, block, strict=True))):
        raise error(f"{name}.data", got=f"blocks of shape {block}", expected=f"blocks that divide {matrix.shape}")
    rows, columns = (n // b for n, b in zip(matrix.shape, block, strict=True))
    major, minor = (columns, rows) if matrix.format == "csc" else (rows, columns)
    pointers = _check_integers(matrix.indptr, f"{name}.indptr", (major + 1,), error)
    indices = _check_integers(matrix.indices, f"{name}.indices", (len(matrix.data),), error)
    if pointers[0] != 0:
        raise error(f"{name}.indptr[0]", got=int(pointers[0]), expected=0)
    back = np.flatnonzero(pointers[1:] < pointers[:-1])
    if len(back):
        at = int(back[0]) + 1
        raise error(f"{name}.indptr[{at}]", got=int(pointers[at]), expected=f"at least {int(pointers[at - 1])}, the one before")
    if pointers[-1] != len(indices):
        raise error(f"{name}.indptr[{major}]", got=int(pointers[-1]), expected=f"{len(indices)}, the number of entries")
    _check_range(indices, f"{name}.indices", minor, error)


def _check_coordinates(matrix: Any, name: str, error: type[AlberDICEError]) -> None:
    for axis, array in (("row", matrix.row), ("col", matrix.col)):
        _check_integers(array, f"{name}.{axis}", (len(matrix.data),), error)
        _check_range(array, f"{name}.{axis}", matrix.shape[0 if axis == "row" else 1], error)


def _checked_lists(matrix: Any, name: str, error: type[AlberDICEError]) -> sp.coo_array:
    """Lists of columns and values per row, as coordinates."""
    if len(matrix.rows) != matrix.shape[0] or len(matrix.data) != matrix.shape[0]:
        raise error(f"{name}.rows", got=f"{len(matrix.rows)} rows", expected=f"{matrix.shape[0]} rows")
    columns = [np.asarray(row, np.int64) for row in matrix.rows]
    values = [np.asarray(row, np.float64) for row in matrix.data]
    for at, (where, what) in enumerate(zip(columns, values, strict=True)):
        if where.shape != what.shape:
            raise error(f"{name}.rows[{at}]", got=f"{len(where)} columns", expected=f"{len(what)}, one per value")
        _check_range(where, f"{name}.rows[{at}]", matrix.shape[1], error)
    rows = np.repeat(np.arange(len(columns)), [len(row) for row in columns])
    flat = np.concatenate([[], *columns]).astype(np.int64)
    return sp.coo_array((np.concatenate([[], *values]), (rows, flat)), shape=matrix.shape)
