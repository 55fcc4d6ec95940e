"""Pictures of a training run, by their structure: curves, bands, bins and bars; never pixels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from alberdice.errors import InvalidArgumentError
from alberdice.plotting import draw_joint_actions, draw_learning_curve, save
from alberdice.plotting.training_run import share_per_bin

ROWS = [
    {"update": 100, "alpha": 0.5, "effective_rows": 90.0, "nu_loss": 1.0, "return_mean": -4.0, "return_stderr": 0.5},
    {"update": 200, "alpha": 0.1, "effective_rows": 30.0, "nu_loss": 0.5, "return_mean": -2.0, "return_stderr": 0.25},
    {"update": 300, "alpha": 0.02, "effective_rows": 12.0, "nu_loss": 0.2, "return_mean": -1.0, "return_stderr": 0.125},
]


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


def line(axes, colour=None):
    return next(found for found in axes.lines if colour is None or to_hex(found.get_color()) == colour)


def test_return_with_its_error_over_updates():
    figure = draw_learning_curve(ROWS, data_return=-3.0, optimum=-0.9, title="a run")
    assert labels(figure) == ["return", "alpha", "effective rows"]
    curve = line(figure.axes[0], "#d55e00")
    np.testing.assert_allclose(curve.get_xydata(), [(100, -4), (200, -2), (300, -1)])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    for update, low, high in ((100, -4.5, -3.5), (200, -2.25, -1.75), (300, -1.125, -0.875)):
        heights = band[band[:, 0] == update, 1]
        assert (heights.min(), heights.max()) == (low, high)
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert shown == ["learned, ± 1 standard error", "optimum, -0.9", "the data, -3"]
    levels = {to_hex(each.get_color()): each.get_ydata()[0] for each in figure.axes[0].lines if len(each.get_ydata()) == 2}
    assert levels == {"#009e73": -0.9, "#6e6e6e": -3.0}
    assert [text.get_text() for text in figure.texts] == ["a run"]


def test_the_right_axis_is_the_gap_to_the_data():
    figure = draw_learning_curve(ROWS, data_return=-3.0)
    figure.draw_without_rendering()
    gap = figure.axes[0].child_axes[0]
    low, high = figure.axes[0].get_ylim()
    assert gap.get_ylabel() == "above the data"
    np.testing.assert_allclose(gap.get_ylim(), (low + 3, high + 3))


@pytest.mark.parametrize(("name", "place"), [("alpha", 1), ("effective_rows", 2)])
def test_what_else_there_is_on_a_logarithmic_scale(name, place):
    axes = draw_learning_curve(ROWS).axes[place]
    np.testing.assert_allclose(line(axes).get_ydata(), [row[name] for row in ROWS])
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] < min(row[name] for row in ROWS) < max(row[name] for row in ROWS) < axes.get_ylim()[1]


def test_learners_without_alpha_have_one_panel():
    rows = [{k: v for k, v in row.items() if k in ("update", "return_mean", "return_stderr")} for row in ROWS]
    assert labels(draw_learning_curve(rows)) == ["return"]


def test_losses_where_nothing_was_played():
    rows = [{k: v for k, v in row.items() if not k.startswith("return")} for row in ROWS]
    figure = draw_learning_curve(rows)
    assert labels(figure) == ["losses", "alpha", "effective rows"]
    np.testing.assert_allclose(line(figure.axes[0]).get_ydata(), [1.0, 0.5, 0.2])
    assert not figure.axes[0].child_axes


def test_a_row_may_lack_what_others_have():
    rows = [{"update": 1, "return_mean": 0.0, "return_stderr": 0.1, "episodes": 3}, {**ROWS[0]}]
    assert np.isnan(line(draw_learning_curve(rows).axes[1]).get_ydata()).tolist() == [True, False]


@pytest.mark.parametrize(("rows", "got"), [([], "got none"), ([{"update": 1}], "got only update")])
def test_nothing_to_draw_is_refused(rows, got):
    with pytest.raises(InvalidArgumentError, match=got):
        draw_learning_curve(rows)


def test_bins_hold_their_upper_edge():
    edges = [0.01, 0.1, 1.0]
    assert share_per_bin([0, 0, 0.01, 0.1, 0.11, 1.0, 0.002, 0.5], edges).tolist() == [0.25, 0.375, 0.375]


def bars(figure, colour):
    return [round(p.get_height(), 9) for p in figure.axes[0].patches if to_hex(p.get_facecolor()) == colour]


def names(figure):
    return [text.get_text().replace("\n", " ") for text in figure.axes[0].get_xticklabels()]


def test_joint_actions_by_their_probability():
    learned, data = [0.0, 0.0, 0.5, 1.0], [0.5, 0.05, 0.05, 0.02, 0.2]
    figure = draw_joint_actions(learned, data)
    assert names(figure) == ["never seen", "up to 3 %", "3 to 10 %", "10 to 30 %", "30 to 100 %"]
    assert bars(figure, "#d55e00") == [0.5, 0, 0, 0, 0.5]
    assert bars(figure, "#6e6e6e") == [0, 0.2, 0.4, 0.2, 0.2]
    assert [t.get_text() for t in figure.axes[0].texts] == ["50", "", "", "", "50", "", "20", "40", "20", "20"]


def test_bins_reach_as_low_as_the_data_but_not_for_ever():
    assert len(names(draw_joint_actions([0.0], [0.002, 0.5]))) == 7
    rare = draw_joint_actions([1e-9], [0.5])
    assert names(rare)[1] == "up to 0.03 %"
    assert bars(rare, "#d55e00")[:2] == [0, 1]


def test_small_shares_are_written_as_such():
    learned = np.concatenate([np.zeros(1), np.full(50, 0.05), np.full(9949, 0.9)])
    shown = [t.get_text() for t in draw_joint_actions(learned, [0.9]).axes[0].texts]
    assert shown[:5] == ["<0.1", "", "0.5", "", "99"]


@pytest.mark.parametrize("values", [[], [[0.5]], [1.5], [-0.1]])
def test_what_are_no_probabilities_is_refused(values):
    with pytest.raises(InvalidArgumentError, match=r"one probability in .* per step|finite|empty"):
        draw_joint_actions(values, [0.5])


def test_both_can_be_saved(tmp_path):
    for k, figure in enumerate((draw_learning_curve(ROWS, title="a"), draw_joint_actions([0.1], [0.2], title="b"))):
        assert save(figure, tmp_path / f"{k}.png").stat().st_size > 5000
