"""One name for every dataset: a built-in recipe, a directory, or an id of the store.

"bridge-mix"              made by its recipe and seed
"path/to/directory"       the native store's (with or without ``data``), or a Minari dataset of others
"lab/warehouse-v0"        an id under the store's root
"""

from __future__ import annotations

from pathlib import Path

from alberdice.console import explain
from alberdice.datasets.builtin import RECIPES, is_builtin, make_builtin
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats import read_minari
from alberdice.datasets.store import dataset_directory, default_root, is_native, open_dataset
from alberdice.errors import InvalidDataError
from alberdice.files import is_directory

__all__ = ["load_dataset"]


def load_dataset(
    name: str | Path,
    *,
    seed: int = 0,
    root: str | Path | None = None,
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """The dataset of that name.

    Args:
        name: a built-in dataset's name, a directory, or an id of the store.
        seed: of a built-in dataset's recipe.
        root: directory of all stored datasets; None is Minari's own.
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: nothing of that name, or nothing that can be read.
    """
    if isinstance(name, str) and is_builtin(name):
        explain(f"{name}: made by its recipe with seed {seed}")
        return make_builtin(name, seed)
    if not str(name):
        raise InvalidDataError("dataset ''", got="an empty name", expected="a built-in dataset, a directory, or an id")
    directory = Path(name) if Path(name).parts else Path.cwd()  # so that messages name the folder
    if not is_directory(directory):
        try:
            directory = dataset_directory(str(name), root)
        except ValueError:
            directory = Path(name)
    if not is_directory(directory):
        known = f"one of {', '.join(RECIPES)}; a directory; or an id under {default_root() if root is None else root}"
        raise InvalidDataError(f"dataset {str(name)!r}", got="nothing of that name", expected=known)
    explain(f"{name}: read from {directory}")
    read = open_dataset if is_native(directory) else read_minari
    return read(directory, memory_share=memory_share, scratch=scratch)
