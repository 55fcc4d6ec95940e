"""Where nothing is left to gain or lose: an episode may stop there without a change of its return."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.mmdp import MMDP

__all__ = ["terminal_states"]


def terminal_states(model: MMDP) -> NDArray[np.bool_]:
    """Find the states that every joint action repeats with reward 0, shape ``(S,)``; none if S = 1."""
    if model.n_states == 1:
        return np.zeros(1, dtype=np.bool_)
    staying = model.transition.tocoo()
    loops = np.zeros(model.transition.shape[0], dtype=np.bool_)
    own = staying.col == staying.row // model.n_joint_actions
    loops[staying.row[own & (staying.data == 1.0)]] = True
    quiet = model.reward.reshape(model.n_states, -1) == 0
    return np.asarray((loops.reshape(model.n_states, -1) & quiet).all(axis=1))
