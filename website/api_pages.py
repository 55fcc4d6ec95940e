"""The pages of the API, a directive of mkdocstrings per public name."""

from __future__ import annotations

from types import ModuleType

import alberdice
from alberdice import deep, environments, games, tabular

#: page -> title, words, where the names are found
TABULAR = "Exact models, evaluation, and the tabular layer. Everything here is checked, and certified where it is solved."


def api_pages() -> dict[str, str]:
    """The text of every page."""
    core = [f"alberdice.{name}" for name in alberdice.__all__ if not isinstance(getattr(alberdice, name), ModuleType)]
    return {
        "api/tabular.md": _page("Models and solvers", TABULAR, [*core, *_names("alberdice.tabular", tabular)]),
        "api/games.md": _page("Games", "Rules once; model and environment derived.", _names("alberdice.games", games)),
        "api/datasets.md": _page(
            "Datasets", "Logged data: form, store, importers, recipes.", _names("alberdice.datasets", alberdice.datasets)
        ),
        "api/environments.md": _page(
            "Environments", "The contract, and the table of names.", _names("alberdice.environments", environments)
        ),
        "api/deep.md": _page(
            "Learning",
            "Training, evaluation and deployment; `alberdice.deep` loads each name when it is first asked for.",
            _names("alberdice.deep", deep),
        ),
    }


def _names(module: str, found: ModuleType) -> list[str]:
    """Where each name is documented."""
    return [f"{module}.{name}" for name in found.__all__]


def _page(title: str, words: str, names: list[str]) -> str:
    return "\n\n".join([f"# {title}", words, *(f"::: {name}" for name in names)]) + "\n"
