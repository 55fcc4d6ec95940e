"""Pictures by their structure: how many marks, where, how large; never pixels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Polygon, Rectangle

import alberdice as ad
from alberdice.cli.logged import _shown
from alberdice.games.bridge import CELLS, GOALS
from alberdice.games.game import Game
from alberdice.plotting import draw_first_moves, draw_heatmaps, draw_policy, save, solution_figures

ORANGE, BLUE = "#d55e00", "#0072b2"


@pytest.fixture(scope="module")
def game():
    return ad.games.bridge()


def area(polygon):
    x, y = polygon.get_xy()[:-1].T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def arrows(axes):
    """Cell -> arrows on it, as (polygon, direction of its head in (row, column))."""
    found = {}
    for patch in axes.patches:
        if isinstance(patch, Polygon) and not isinstance(patch, Rectangle) and len(patch.get_xy()) == 8:
            corners = patch.get_xy()[:-1]
            middle, tip = corners[[0, 6]].mean(axis=0), corners[3]
            step = np.round((tip - middle) / np.linalg.norm(tip - middle)).astype(int)
            cell = (round(float(corners[:, 1].mean())), round(float(corners[:, 0].mean())))
            found.setdefault(cell, []).append((patch, (int(step[1]), int(step[0]))))
    return found


def dots(axes, colour):
    return [p for p in axes.patches if isinstance(p, Circle) and to_hex(p.get_facecolor()) == colour]


def panels(figure):
    """Other agent's cell -> axes, from the small maps' titles."""
    found = {}
    for axes in figure.axes:
        if " at (" in axes.get_title():
            row, column = axes.get_title().split("(")[1].rstrip(")").split(", ")
            found[int(row), int(column)] = axes
    return found


@pytest.mark.parametrize("agent", [0, 1])
def test_one_small_map_per_position_laid_out_as_on_the_map(game, agent):
    figure = draw_policy(game, game.optimal_policies[0], agent, title="AlberDICE")
    maps = panels(figure)
    assert set(maps) == set(CELLS)
    for (r1, c1), (r2, c2) in [((0, 0), (0, 1)), ((1, 2), (1, 3)), ((0, 0), (1, 0)), ((1, 4), (2, 4))]:
        one, two = maps[r1, c1].get_position(), maps[r2, c2].get_position()
        assert (one.x0 < two.x0) == (c1 < c2)
        assert (one.y0 > two.y0) == (r1 < r2)
    texts = [t.get_text() for axes in figure.axes for t in axes.texts]
    assert "AlberDICE" in texts
    assert f"What agent {agent + 1} does" in texts


@pytest.mark.parametrize("agent", [0, 1])
def test_arrows_are_the_policy(game, agent):
    generator = np.random.default_rng(3)
    policy = ad.FactorizedPolicy([generator.dirichlet(np.ones(5), game.mmdp.n_states) for _ in range(2)])
    whole = area(draw_lone_arrow(game))
    steps = {(-1, 0): 1, (1, 0): 2, (0, 1): 3, (0, -1): 4}
    for other, axes in panels(draw_policy(game, policy, agent)).items():
        drawn = {}
        for on_cell in arrows(axes).values():
            for polygon, step in on_cell:
                drawn.setdefault(nearest_cell(polygon), {})[steps[step]] = area(polygon) / whole
        for cell in CELLS:
            state = game.state_index(cell, other) if agent == 0 else game.state_index(other, cell)
            expected = {a: p for a, p in enumerate(policy[agent][state]) if a and p >= 1 / 200}
            if cell == GOALS[agent] or not game.possible[state]:
                expected = {}
            assert drawn.get(cell, {}) == pytest.approx(expected, abs=1e-9), (cell, other)


def nearest_cell(polygon):
    """The free cell whose square holds the arrow's tip."""
    column, row = polygon.get_xy()[3]
    return round(float(row)), round(float(column))


def draw_lone_arrow(game):
    table = np.zeros((game.mmdp.n_states, 5))
    table[:, 3] = 1
    axes = panels(draw_policy(game, ad.FactorizedPolicy([table, table]), 0))[1, 3]
    ((polygon, step),) = arrows(axes)[1, 2]
    assert step == (0, 1)
    corners = polygon.get_xy()[:-1]
    assert (corners[:, 0].min() + corners[:, 0].max()) / 2 == pytest.approx(2, abs=0.01)  # centred on its cell
    return polygon


def test_staying_is_a_dot_of_the_arrows_area(game):
    stay, half = np.zeros((2, game.mmdp.n_states, 5))
    stay[:, 0] = 1
    half[:, [0, 4]] = 0.5
    whole = area(draw_lone_arrow(game))
    for table, share in ((stay, 1.0), (half, 0.5)):
        axes = panels(draw_policy(game, ad.FactorizedPolicy([table, table]), 1))[1, 1]
        marks = dots(axes, BLUE)
        assert len(marks) == 14 - 2  # not on its goal, not on the other's cell
        for mark in marks:
            assert np.pi * mark.radius**2 == pytest.approx(share * whole, rel=1e-6)


def test_the_other_agent_and_the_goals_are_drawn(game):
    uniform = ad.FactorizedPolicy.uniform(game.mmdp)
    for other, axes in panels(draw_policy(game, uniform, 0)).items():
        (disc,) = dots(axes, BLUE)
        assert (round(disc.center[1]), round(disc.center[0])) == other
        assert "2" in [t.get_text() for t in axes.texts]
        stars = [p for p in axes.patches if isinstance(p, Polygon) and len(p.get_xy()) == 11]
        assert {to_hex(p.get_facecolor()) for p in stars} == {ORANGE, BLUE}
        walls = [
            p for p in axes.patches if isinstance(p, Rectangle) and to_hex(p.get_facecolor()) == "#5a5a5a" and p.get_fill()
        ]
        assert sorted(p.get_center().round().tolist() for p in walls) == [[2, 0], [2, 2], [3, 0], [3, 2]]


def legend_texts(figure):
    return {text.get_text() for text in figure.axes[-1].texts}


def test_states_out_of_the_data_are_blank(game):
    data, policy = game.data("optimal"), game.optimal_policies[1]
    seen = arrows(panels(draw_policy(game, policy, 0, data=data))[1, 3])
    assert to_hex(seen[1, 2][0][0].get_facecolor()) == ORANGE
    assert (1, 1) not in seen
    assert (1, 1) in arrows(panels(draw_policy(game, policy, 0))[1, 3])
    assert "blank: not in the data" in legend_texts(draw_policy(game, policy, 0, data=data))


def test_legends_name_what_is_there_alone(game):
    walk, stay = np.zeros((2, game.mmdp.n_states, 5))
    walk[:, 3], stay[:, 0] = 1, 1
    drawn = {name: ad.FactorizedPolicy([table, table]) for name, table in (("walks", walk), ("stays", stay))}
    everything = ad.DataDistribution.from_counts(np.ones(game.mmdp.reward.shape))
    for draw in (
        lambda policy, data: draw_policy(game, policy, 0, data=data),
        lambda policy, data: draw_first_moves(game, {"it": policy}, data=data),
    ):
        assert "stays, 100%" not in legend_texts(draw(drawn["walks"], everything))
        assert "stays, 100%" in legend_texts(draw(drawn["stays"], everything))
        assert "blank: not in the data" not in legend_texts(draw(drawn["walks"], everything))


def test_the_legend_of_first_moves_knows_only_what_they_show(game):
    """A state without data where both agents are elsewhere is not on the picture; one at the other's start is."""
    counts = np.ones(game.mmdp.reward.shape)
    for cells, there in (((0, 0), (0, 1)), False), (((0, 4), game.start[1]), True):
        some = counts.copy()
        some[game.state_index(*cells)] = 0
        data = ad.DataDistribution.from_counts(some, floor=0.0)
        said = legend_texts(draw_first_moves(game, {"it": game.optimal_policies[0]}, data=data))
        assert ("blank: not in the data" in said) == there
        assert "blank: not in the data" in legend_texts(draw_policy(game, game.optimal_policies[0], 0, data=data))


def test_first_moves_of_several_policies(game):
    first, second = game.optimal_policies
    figure = draw_first_moves(game, {"crosses": first, "gives way": second})
    left, right, left2, right2, legend = figure.axes
    assert [t.get_text() for t in left.texts][-1] == "crosses"
    assert [t.get_text() for t in left2.texts][-1] == "gives way"
    assert [(polygon[1]) for polygon in arrows(left)[1, 2] + arrows(right)[1, 3]] == [(0, 1), (0, 1)]
    assert [(polygon[1]) for polygon in arrows(left2)[1, 2] + arrows(right2)[1, 3]] == [(0, -1), (0, -1)]
    frames = [p for p in left.patches if isinstance(p, Rectangle) and p.get_linewidth() > 2]
    assert [p.get_center().tolist() for p in frames] == [pytest.approx([2, 1])]
    assert left.get_title() == "what agent 1 does"
    assert len(legend.texts) == 7
    titled = draw_first_moves(game, {"crosses": first}, title="Bridge, data 'mix'")
    assert "Bridge, data 'mix'" in {text.get_text() for text in titled.texts}


def test_bridge_refusals(game):
    small = ad.FactorizedPolicy([np.full((2, 5), 0.2)] * 2)
    with pytest.raises(ad.InvalidPolicyError, match=r"policy\[0\]: got shape \(2, 5\), expected shape \(196, 5\)"):
        draw_policy(game, small, 0)
    with pytest.raises(ad.InvalidPolicyError, match=r"mine\[0\]: got shape"):
        draw_first_moves(game, {"mine": small})
    with pytest.raises(ad.InvalidArgumentError, match="agent: got 2"):
        draw_policy(game, game.optimal_policies[0], 2)
    with pytest.raises(ad.InvalidArgumentError, match="policies: got none"):
        draw_first_moves(game, {})


VALUES = {
    "BC": {"a": [[0, 1], [0, 0]], "b": [[0.25, 0.25], [0.25, 0.25]], "c": [[0.446, 0.222], [0.222, 0.11]]},
    "AlberDICE": {"a": [[0, 1], [0, 0]], "b": [[0, 0], [1, 0]], "c": [[0, 1], [0, 0]]},
}


def heat_maps(figure):
    return [axes for axes in figure.axes if axes.images]


def test_heatmaps_hold_the_values():
    figure = draw_heatmaps(VALUES, title="Penalty XOR")
    maps = heat_maps(figure)
    assert len(maps) == 6
    for k, axes in enumerate(maps):
        algorithm, dataset = list(VALUES)[k // 3], "abc"[k % 3]
        table = np.array(VALUES[algorithm][dataset])
        np.testing.assert_array_equal(axes.images[0].get_array(), table)
        numbers = {tuple(t.get_position()): t.get_text() for t in axes.texts}
        assert numbers == {(c, r): f"{table[r, c]:.2f}" for r in range(2) for c in range(2)}
    assert [axes.get_title() for axes in maps] == ["a", "b", "c", "", "", ""]
    assert {"BC", "AlberDICE", "Penalty XOR"} <= {t.get_text() for t in figure.texts}
    assert {axes.images[0].get_clim() for axes in maps} == {(0.0, 1.25)}
    positions = [axes.get_position() for axes in maps]
    assert positions[0].x0 < positions[1].x0
    assert positions[0].y0 > positions[3].y0


def test_heatmaps_hatch_what_the_data_lack_and_frame_what_is_optimal():
    observed = {"a": [[False, True], [False, False]], "b": [[False, True], [True, False]], "c": [[True, True], [True, False]]}
    figure = draw_heatmaps(VALUES, observed=observed, payoff=[[0, 1], [1, -2]])
    for k, axes in enumerate(heat_maps(figure)):
        hatched = {tuple(p.get_center()[::-1]) for p in axes.patches if p.get_hatch()}
        assert hatched == {(r, c) for r in range(2) for c in range(2) if not observed["abc"[k % 3]][r][c]}
        framed = {tuple(p.get_center()[::-1].round(9)) for p in axes.patches if not p.get_hatch()}
        assert framed == {(0, 1), (1, 0)}
        pays = {tuple(t.get_position()): t.get_text() for t in axes.texts if t.get_text().startswith("pays")}
        assert set(pays.values()) == {"pays 0", "pays 1", "pays -2"}
        assert [text for (x, y), text in pays.items() if (round(x), round(y)) == (1, 1)] == ["pays -2"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["optimal: pays most, 1", "not in the dataset"]
    assert not draw_heatmaps(VALUES).legends


def test_solutions_say_data_and_returns():
    game = ad.games.penalty_xor()
    data = game.data("c")
    run = ad.tabular.alternate(game.mmdp, data, 0.1)
    uniform = ad.FactorizedPolicy.uniform(game.mmdp)
    ((_, figure),) = solution_figures(game, data, run, {"BC": uniform, "AlberDICE": run.policy}, "c")
    texts = {text.get_text() for text in figure.texts}
    assert {"BC\n0.000", "AlberDICE\n1.000"} <= texts  # (0 + 1 + 1 - 2) / 4
    assert any("data 'c'" in text for text in texts)


def test_states_that_a_policy_never_visits_are_blank_and_names_are_whole():
    model = ad.MMDP(np.eye(2)[[[[1, 1]], [[1, 1]]]], np.ones((2, 1, 2)), [0, 1], 0.9)  # from state 1 never to state 0
    names = ("state (" + ", ".join("0" * 40) + ")", "state (#17)")
    game = Game("two", model, (("A",), ("A", "B")), names, horizon=5)
    data = ad.DataDistribution.from_counts(np.ones((2, 1, 2)))
    run = ad.tabular.alternate(model, data, 0.1)
    ((_, figure),) = solution_figures(game, data, run, {"AlberDICE": run.policy}, "mine")
    tables = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert [np.isnan(np.ma.filled(table.astype(float), np.nan)).all(axis=1).tolist() for table in tables[:2]] == [
        [False, True]
    ] * 2
    figure.draw_without_rendering()
    for label in figure.axes[0].get_yticklabels():
        assert label.get_window_extent().x0 > 0
    assert "two, data 'mine': return over 5 steps, 5" in {text.get_text() for text in figure.texts}
    assert _shown(np.eye(20)[17]) == "(#17)"
    assert _shown(np.array([0, 2.5] * 5)) == "(#1: 2.5, #3: 2.5, #5: 2.5, #7: 2.5, #9: 2.5)"
    assert _shown(np.eye(3)[1]) == "(0, 1, 0)"


def test_heatmap_labels_on_the_outside_only():
    maps = heat_maps(draw_heatmaps(VALUES, action_names=(("left", "right"), ("up", "down"))))
    assert [t.get_text() for t in maps[0].get_yticklabels()] == ["left", "right"]
    assert [t.get_text() for t in maps[3].get_xticklabels()] == ["up", "down"]
    assert {t.get_text() for t in maps[4].get_yticklabels()} <= {""}
    assert {t.get_text() for t in maps[0].get_xticklabels()} <= {""}
    assert maps[3].get_xlabel() == "agent 2"
    assert maps[3].get_ylabel() == "agent 1"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_heatmaps({}), "values: got no table"),
        (lambda: draw_heatmaps({"BC": {}}), "values: got no table"),
        (lambda: draw_heatmaps({"BC": {"a": [0.5, 0.5]}}), r"values\['BC'\]\['a'\]: got shape \(2,\)"),
        (lambda: draw_heatmaps({"BC": {"a": [[1.5]]}}), r"got 1.5 to 1.5, expected numbers in \[0, 1\]"),
        (lambda: draw_heatmaps({"BC": {"a": [[1.0]]}, "X": {"b": [[1.0]]}}), r"values\['X'\]: got \['b'\]"),
        (lambda: draw_heatmaps({"BC": {"a": [[1.0]], "b": [[0.5, 0.5]]}}), r"\['b'\]: got shape \(1, 2\)"),
        (lambda: draw_heatmaps(VALUES, payoff=[[0, 1, 2]]), r"payoff: got shape \(1, 3\)"),
        (
            lambda: draw_heatmaps(VALUES, observed={"a": [[0, 1], [1, 0]]}),
            r"observed\['a'\]: got dtype int64, expected booleans",
        ),
        (lambda: draw_heatmaps(VALUES, observed={"a": [[True]]}), r"observed\['a'\]: got shape \(1, 1\)"),
        (lambda: draw_heatmaps(VALUES, action_names=("A", "AB")), "action_names: got"),
    ],
)
def test_heatmap_refusals(call, message):
    with pytest.raises(ad.InvalidArgumentError, match=message):
        call()


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_saving_is_reproducible(tmp_path, kind, magic):
    one, two = (save(draw_heatmaps({"BC": VALUES["BC"]}), tmp_path / f"{k}.{kind}") for k in "12")
    assert one.read_bytes().startswith(magic)
    assert one.read_bytes() == two.read_bytes()


def test_saving_refusals(tmp_path):
    figure = draw_heatmaps({"BC": {"a": [[1.0]]}})
    with pytest.raises(ad.InvalidArgumentError, match=r"expected a name that ends in .png, .pdf, .svg"):
        save(figure, tmp_path / "picture.bmp")
    with pytest.raises(ad.InvalidArgumentError, match="which is no folder"):
        save(figure, tmp_path / "nowhere" / "picture.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ad.ResourceError, match="expected a file that can be written"):
        save(figure, tmp_path / "taken.png")


def test_drawing_needs_no_pyplot():
    code = (
        "import sys, alberdice as ad, alberdice.plotting as p; loaded = 'matplotlib' in sys.modules;"
        "p.draw_heatmaps({'BC': {'a': [[1.0]]}}); print(loaded, 'matplotlib.pyplot' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
