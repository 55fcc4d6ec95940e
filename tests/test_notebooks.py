"""Notebooks of docs/: every one is run from its first cell to its last, and shows what it draws; reprs for them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import alberdice as ad
from alberdice.datasets import load_dataset
from alberdice.markup import table
from alberdice.plotting import draw_heatmaps

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_some() -> None:
    assert len(NOTEBOOKS) == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # a kernel's own
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # results are computed, never stored
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds & {"image/png", "text/html"}


def test_results_are_short_in_one_line_and_a_table_in_notebooks() -> None:
    game = ad.games.xor()
    data = game.data("symmetric")
    run = ad.tabular.alternate(game.mmdp, data, alpha=0.1, escape=False)
    assert repr(run).startswith("AlternatingRun(objective -0.54732, converged after 1 rounds, no agent gains more than")
    assert repr(run).endswith("a saddle)")
    found = ad.tabular.select_equilibrium(game.mmdp, data, 0.1, starts=2, generator=np.random.default_rng(0))
    assert repr(found).startswith("EquilibriumSelection(")
    dataset = load_dataset("matrix-c")
    for each in (run, found, dataset):
        assert len(repr(each)) < 160
        assert "<table>" in each._repr_html_()
    assert "-0.54732" in run._repr_html_()


def test_text_in_tables_is_escaped_and_numbers_stand_on_the_right() -> None:
    class Words(HTMLParser):
        found = ""

        def handle_data(self, data: str) -> None:
            self.found += f"{data}|"

    text = table(("a", "b"), [("<b>&", 1.5), (None, True)], caption="<i>")
    words = Words()
    words.feed(text)
    assert words.found == "<i>|a|b|<b>&|1.5|–|yes|"
    assert text.count("text-align: right") == 1


def test_figures_show_themselves() -> None:
    figure = draw_heatmaps({"one": {"XOR": np.full((2, 2), 0.25)}})
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
