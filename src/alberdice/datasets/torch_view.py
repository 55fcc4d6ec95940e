"""A dataset as torch tensors: the same flat arrays, gathered by the same indices.

On the CPU every tensor shares the dataset's memory (no copy): treat them as read-only.  On another device each array is copied
once, and batches are then gathered there.  ``next_row`` leads from a step to the frame after it, so frames are held once.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from alberdice.datasets.packages import require
from alberdice.errors import InvalidArgumentError

if TYPE_CHECKING:
    import torch

    from alberdice.datasets.form import StepForm

__all__ = ["TorchDataset"]


def _share(array: Any) -> torch.Tensor:
    """A tensor on the same memory."""
    library = require("torch", "deep")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        shared: torch.Tensor = library.from_numpy(np.asarray(array))
    return shared


class TorchDataset:
    """Tensors of a dataset on one device.

    ``tensors`` holds frame_states (T + E, S), frame_observations (T + E, N, O), frame_masks (T + E, N, A) (only where the
    source has masks), actions (T, N) int64, rewards (T,), terminated, truncated (T,) bool, episode, time, next_row (T,)
    int64, usable (K,).

    Args:
        dataset: the dataset.
        device: a torch device, e.g. ``"cpu"`` or ``"cuda:0"``.
    """

    def __init__(self, dataset: StepForm, device: str = "cpu") -> None:
        names = [
            "frame_states",
            "frame_observations",
            "actions",
            "rewards",
            "terminated",
            "truncated",
            "episode",
            "time",
            "next_row",
        ]
        if dataset.frame_masks is not None:
            names.append("frame_masks")
        self.dataset = dataset
        self.device = device
        self.tensors = {name: _share(getattr(dataset, name)).to(device) for name in names}
        self.tensors["usable"] = _share(dataset.usable).to(device)
        self._own = _share(np.arange(max(dataset.n_actions)) < np.asarray(dataset.n_actions)[:, None]).to(device)
        known = np.concatenate([np.ones(len(dataset.actions), np.bool_), dataset.final_known])
        self._known = _share(known).to(device)

    def __len__(self) -> int:
        return len(self.tensors["usable"])

    def _masks(self, rows: torch.Tensor) -> torch.Tensor:
        if "frame_masks" in self.tensors:
            return self.tensors["frame_masks"][rows]
        return self._own & self._known[rows][..., None, None]

    def batch(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        """Transitions of these steps, with the keys and shapes of :meth:`OfflineDataset.batch`.

        Args:
            index: (B,) int64 step indices on this device.
        """
        own = self.tensors
        after = own["next_row"][index]
        return {
            "states": own["frame_states"][index],
            "observations": own["frame_observations"][index],
            "actions": own["actions"][index],
            "rewards": own["rewards"][index],
            "next_states": own["frame_states"][after],
            "next_observations": own["frame_observations"][after],
            "terminated": own["terminated"][index],
            "truncated": own["truncated"][index],
            "action_masks": self._masks(index),
            "next_action_masks": self._masks(after),
            "next_known": self._known[after],
            "episode": own["episode"][index],
            "time": own["time"][index],
        }

    def sample(self, size: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``size`` transitions drawn uniformly with replacement; the generator lives on this device.

        Raises:
            InvalidArgumentError: size below 1, or a dataset without transitions.
        """
        library = require("torch", "deep")
        if size < 1 or not len(self):
            raise InvalidArgumentError("size", got=f"{size} of {len(self)} transitions", expected="at least 1 of at least 1")
        drawn = library.randint(len(self), (size,), generator=generator, device=self.device)
        return self.batch(self.tensors["usable"][drawn])
