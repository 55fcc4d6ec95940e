"""In which order sparse factors eliminate states: found once for a graph, for A^T diag(w) A and for I - gamma P_pi alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

__all__ = ["elimination_order", "factor_in_order", "hubs"]

#: a hub has more neighbours than this, and than so many square roots of all states: the usual rule of minimum-degree orderings
HUB, HUBS = 16, 10.0
#: SuperLU without a search for pivots: none is needed by positive definite or diagonally dominant matrices
DIAGONAL: dict[str, Any] = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}


def hubs(square: sp.csr_array | sp.csc_array) -> NDArray[np.bool_]:
    """States with so many neighbours in A^T A that an order of elimination had better leave them to the end, ``(S,)``."""
    return np.asarray(np.diff(square.indptr) > max(HUB, HUBS * math.sqrt(square.shape[0])))


def elimination_order(matrix: sp.csr_array) -> NDArray[np.intp]:
    """States in minimum-degree order of A^T A, ``(S,)``, hubs last.

    The entries of every I - gamma P_pi are among those of A^T A. Minimum degree takes time with the square of a hub's
    neighbours, at each of them, and a hub fills nothing in at the end.
    """
    pattern = abs(matrix)
    products = sp.csc_array(pattern.T @ pattern)
    products.setdiag(products.sum(axis=0) + 1.0)  # dominant: any order can factorise it
    crowded = hubs(products)
    rest = np.flatnonzero(~crowded)
    if len(rest) == 0:
        return np.flatnonzero(crowded)
    found = spla.splu(sp.csc_array(products[rest][:, rest]), permc_spec="MMD_AT_PLUS_A", **DIAGONAL)
    return np.concatenate([rest[np.argsort(found.perm_c)], np.flatnonzero(crowded)])


def factor_in_order(matrix: sp.csc_array) -> spla.SuperLU:
    """SuperLU in the order of the matrix's own rows and columns; RuntimeError if it is singular to working precision."""
    return spla.splu(matrix, permc_spec="NATURAL", **DIAGONAL)
