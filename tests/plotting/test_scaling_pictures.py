"""Pictures of how things grow: logarithmic axes, all points, the fitted line through them."""

from __future__ import annotations

import math

import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.plotting import Curve, Panel, draw_panels


def test_panels() -> None:
    cost = Panel("exponent 1.00", "agents", "ms", [Curve("", [2, 4, 8], [10, 20, math.nan], (5.0, 1.0))], log=True)
    quality = Panel("", "agents", "return", [Curve("learned", [2, 4], [0.9, 0.8]), Curve("clones", [2, 4], [0.5, 0.0])])
    figure = draw_panels([[cost, quality], [cost]], title="Scaling")
    first, second, third = figure.axes
    assert (first.get_xscale(), first.get_yscale(), second.get_yscale()) == ("log", "log", "linear")
    points, line = first.lines
    assert points.get_xydata().tolist() == [[2, 10], [4, 20]]
    assert line.get_xydata().tolist() == [[2, 10], [4, 20]]
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["learned", "clones"]
    assert third.get_title() == "exponent 1.00"


def test_no_panel() -> None:
    with pytest.raises(InvalidArgumentError, match="no panel"):
        draw_panels([[]])


def test_labels_have_room() -> None:
    curve = Curve("", [0.008, 0.106, 0.152, 0.379, 0.846], [1.0, 2.0, 3.0, 4.0, 5.0])
    (axes,) = draw_panels([[Panel("", "shown", "ms", [curve])]]).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.008", "0.106", "0.379", "0.846"]
    (one,) = draw_panels([[Panel("", "N", "ms", [Curve("", [2], [1.0])])]]).axes
    assert [text.get_text() for text in one.get_xticklabels()] == ["2"]
