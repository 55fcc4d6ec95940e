"""Offline multi-agent datasets: one in-memory form and store, importers, exporters, built-in recipes, and the way to theory.

    formats, recipes ──► OfflineDataset ──► store, formats
                              ├──► statistics (drawn by ``alberdice.plotting``)
                              ├──► torch tensors (deep layer)
                              └──► empirical MMDP and data distribution (tabular layer)

Importing this package loads no torch, h5py, Minari, tensorstore or matplotlib; each is loaded by the function that needs it.
"""

from typing import TYPE_CHECKING, Any

from alberdice._lazy import lazily
from alberdice.datasets.build import EpisodeArrays, from_episodes, from_transitions
from alberdice.datasets.builtin import RECIPES, Recipe, make_builtin
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.empirical import (
    EmpiricalModel,
    SparseEmpiricalModel,
    empirical_model,
    sparse_empirical_model,
)
from alberdice.datasets.episode import Episode
from alberdice.datasets.formats import (
    read_cfcql,
    read_joint_actions,
    read_log,
    read_madt,
    read_minari,
    read_pymarl,
    read_vault,
    understand_log,
    write_joint_actions,
    write_pymarl,
    write_vault,
)
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.joined import concatenate
from alberdice.datasets.load import load_dataset
from alberdice.datasets.statistics import DatasetSummary, joint_action_counts, summarise
from alberdice.datasets.store import default_root, open_dataset, stored_datasets, write_dataset

__all__ = [
    "RECIPES",
    "DatasetHeader",
    "DatasetSummary",
    "EmpiricalModel",
    "Episode",
    "EpisodeArrays",
    "OfflineDataset",
    "Recipe",
    "SparseEmpiricalModel",
    "concatenate",
    "default_root",
    "empirical_model",
    "from_episodes",
    "from_transitions",
    "joint_action_counts",
    "load_dataset",
    "make_builtin",
    "open_dataset",
    "plot_dataset",
    "read_cfcql",
    "read_joint_actions",
    "read_log",
    "read_madt",
    "read_minari",
    "read_pymarl",
    "read_vault",
    "sparse_empirical_model",
    "stored_datasets",
    "summarise",
    "understand_log",
    "write_dataset",
    "write_joint_actions",
    "write_pymarl",
    "write_vault",
]

if TYPE_CHECKING:
    plot_dataset: Any  # of a higher layer, under the name that it had here
else:
    __getattr__, __dir__ = lazily(__name__, {"alberdice.plotting": ("plot_dataset",)})
