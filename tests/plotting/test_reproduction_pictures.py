"""Pictures of trained tables, by their structure: marks where the numbers are, shares beside the histograms."""

from __future__ import annotations

import numpy as np
import pytest

import alberdice as ad
from alberdice.plotting import Mark, draw_returns, draw_uncertainties

MARKS = {
    "bridge-optimal": {
        "BC": Mark((-2.0, -3.0), -2.5, 0.5, (-2.21, 0.9)),
        "Mine": Mark((-1.25,), -1.25, float("nan"), None, diverged=True),
    },
    "bridge-mix": {"BC": Mark((-5.0, -7.0), -6.0, 1.0, (-5.88, None))},
}


def points(axes):
    """Marker -> (x, y) of all its points."""
    found = {}
    for line in axes.lines:
        if line.get_marker() in ("o", "X", "D"):
            places = zip(line.get_xdata(), line.get_ydata(), strict=True)
            found.setdefault(line.get_marker(), []).extend((float(x), round(float(y), 2)) for x, y in places)
    return found


def test_marks_are_where_the_numbers_are():
    figure = draw_returns(MARKS, title="Table 2")
    optimal, mix = figure.axes
    assert points(optimal) == {
        "o": [(-2.0, -0.14), (-3.0, -0.14), (-2.5, -0.14), (-1.25, 0.86)],
        "D": [(-2.21, 0.18)],
        "X": [(-1.25, 0.86)],
    }
    assert points(mix)["o"] == [(-5.0, -0.14), (-7.0, -0.14), (-6.0, -0.14)]
    bars = [segment[:, 0].tolist() for bar in optimal.collections for segment in bar.get_segments()]
    assert sorted(bars) == [pytest.approx([-3.11, -1.31]), pytest.approx([-3.0, -2.0])]
    assert [t.get_text() for t in optimal.get_yticklabels()] == ["BC", "Mine"]
    assert (optimal.get_title(), mix.get_title()) == ("bridge-optimal", "bridge-mix")
    assert optimal.get_xlim() == mix.get_xlim()
    assert optimal.get_ylim()[0] > optimal.get_ylim()[1]  # the first on top
    assert "with a diverged seed" in [t.get_text() for t in figure.legends[0].get_texts()]
    plain = draw_returns({"bridge-mix": MARKS["bridge-mix"]})
    assert "with a diverged seed" not in [t.get_text() for t in plain.legends[0].get_texts()]


UNCERTAINTY = np.array([[[1e-4, 1e-3], [1e-2, 1.0]]])


def test_histograms_hold_the_shares():
    steps = {"BC": [[[1.0, 1.0], [1.0, 1.0]]], "AlberDICE": [[[0.0, 3.0], [0.0, 0.0]]]}
    figure = draw_uncertainties(UNCERTAINTY, steps, [[[5, 4], [1, 0]]], 0.01, title="matrix-c")
    data, bc, own = figure.axes
    for axes, name, share, heights in ((data, "data", "0.0%", [0.1, 0.4, 0.5]), (bc, "BC", "25.0%", 4 * [0.25])):
        assert axes.get_ylabel() == name
        assert [t.get_text() for t in axes.texts] == [share]
        assert sorted(p.get_height() for p in axes.patches if p.get_height() > 0) == pytest.approx(heights)
    assert [p.get_height() for p in own.patches if p.get_height() > 0] == [1.0]
    (bar,) = (p for p in own.patches if p.get_height() > 0)
    assert bar.get_x() <= -3 <= bar.get_x() + bar.get_width()
    assert {axes.lines[0].get_xdata()[0] for axes in figure.axes} == {-2.0}
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    low, high = data.get_xlim()
    assert low < -4 < 0 < high


def test_refusals():
    with pytest.raises(ad.InvalidArgumentError, match="marks: got none"):
        draw_returns({"bridge-mix": {}})
    with pytest.raises(ad.InvalidArgumentError, match="steps: got none of anybody"):
        draw_uncertainties(UNCERTAINTY, {}, UNCERTAINTY, 1.0)
    with pytest.raises(ad.InvalidArgumentError, match="steps: got none of BC"):
        draw_uncertainties(UNCERTAINTY, {"BC": 0 * UNCERTAINTY}, UNCERTAINTY, 1.0)
