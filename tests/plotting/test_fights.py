"""Pictures of fights, from states that are written here."""

import json

import numpy as np
import pytest

from alberdice.cli.deep import main
from alberdice.datasets import EpisodeArrays, from_episodes, write_dataset
from alberdice.environments.smax import MAPS
from alberdice.errors import InvalidArgumentError
from alberdice.plotting.fights import ALLY, ENEMY, GROUND, SHOT, draw_rate_curve, fight_raster

BATTLE = MAPS["3m"]


def state(allies, enemies):
    """Health and place per unit."""
    found = np.zeros(BATTLE.state_size, np.float32)
    for at, (health, x, y) in enumerate([*allies, *enemies]):
        found[10 * at : 10 * at + 3] = health, x, y
    return found


def pixel(image, x, y):
    return tuple(int(v) for v in image[int((32 - y) * 8), int(x * 8)])


def test_units_stand_where_the_state_says_and_north_is_up():
    first = state([(1, 5, 30), (0.25, 10, 10), (0, 0, 0)], [(1, 20, 10), (1, 25, 5), (0, 0, 0)])
    (image,) = fight_raster(BATTLE, first[None], np.array([[1, 6, 0]]))
    assert image.shape == (256, 256, 3)
    assert pixel(image, 5, 30) == ALLY
    assert pixel(image, 20.0, 10.3) == ENEMY
    assert pixel(image, 5, 2) == GROUND
    half = tuple((np.array(ALLY) + GROUND) // 2)
    assert pixel(image, 10, 10.4) == half  # a quarter of the health fills half of the radius
    row = image[(22 * 8) - 1 : (22 * 8) + 1, 88:150].reshape(-1, 3)
    assert (row == SHOT).all(axis=1).any()
    (quiet,) = fight_raster(BATTLE, first[None])
    assert not (quiet == SHOT).all(axis=-1).any()
    with pytest.raises(InvalidArgumentError, match="as on 3m"):
        fight_raster(BATTLE, np.zeros((2, 5)))


def test_curves_of_runs():
    rows = [{"update": u, "battle_won_mean": 0.1 * u, "battle_won_stderr": 0.02} for u in range(5)]
    figure = draw_rate_curve({"bc": rows, "silent": [{"update": 0.0}]}, "battle_won", title="SMAX")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["bc"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, 0.1, 0.2, 0.3, 0.4])
    with pytest.raises(InvalidArgumentError, match="battle_won_mean"):
        draw_rate_curve({"silent": [{"update": 0.0}]}, "battle_won")


def test_the_command_counts_victories_and_draws(tmp_path, capsys):
    begin = state([(1, 5, 10)] * 3, [(1, 20, 10)] * 3)
    ends = [state([(1, 5, 10)] * 3, [(0, 0, 0)] * 3), state([(0, 0, 0)] * 3, [(1, 5, 5)] * 3)]
    seen, masks = np.zeros((2, 3, 75), np.float32), np.ones((2, 3, 9), bool)
    played = [
        EpisodeArrays(np.stack([begin, end]), seen, np.array([[6, 7, 8]]), np.ones(1), True, False, masks) for end in ends
    ]
    data = from_episodes("few", (9, 9, 9), played).with_header(environment="smax-3m")
    write_dataset(data, "lab/few-v0", root=tmp_path)
    with pytest.raises(SystemExit, match="0"):
        main(["fight", "lab/few-v0", "--root", str(tmp_path), "--out", str(tmp_path / "pictures")])
    told = json.loads(capsys.readouterr().out)
    assert (told["battle_won"], told["episodes"], told["enemies_left_mean"]) == (0.5, 2, 1.5)
    assert {p.name for p in (tmp_path / "pictures").iterdir()} == {"strip.png", "fight.gif"}
    write_dataset(data.with_header(environment="bridge"), "lab/other-v0", root=tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["fight", "lab/other-v0", "--root", str(tmp_path)])
    assert "data of smax-3s5z" in capsys.readouterr().err
