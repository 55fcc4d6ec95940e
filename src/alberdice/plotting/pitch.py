"""Football episodes as images: positions alone, seen from above, one's own team playing to the right.

One's own team is blue, a dark rim around those who are controlled; the other team is vermilion.  The ball is white, larger the
higher it flies, and leaves dots where it was.  What is shown is the part of the pitch that the ball, the agents and the goal
were in, in metres: a unit of gfootball's is 54.4 m along the pitch and 83.6 m across.

``pitch_raster``    frames of an episode as images, for ``draw_strip`` and ``save_animation``
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.football import features as of
from alberdice.environments.football.scenarios import Scenario
from alberdice.errors import InvalidArgumentError

__all__ = ["pitch_raster"]

Image = NDArray[np.uint8]
Places = NDArray[np.float64]
OWN, OTHER, BALL = (0, 114, 178), (213, 94, 0), (255, 255, 255)
GRASS, LINE, NET, INK = (190, 214, 178), (240, 246, 236), (214, 214, 210), (40, 40, 40)
#: the pitch in metres: half its length and width, half a goal, boxes (depth, half a width), and how far a net goes back
_HALF, _GOAL, _BOXES, _NET = (55.0, 36.0), 3.7, ((16.5, 20.15), (5.5, 9.15)), 2.5
_MARGIN, _TRAIL = 4.0, 15
_RADIUS, _BALL_RADIUS, _THIN = 0.9, 0.5, 0.12


def pitch_raster(scenario: Scenario, states: NDArray[np.floating[Any]], *, pixels: int = 7) -> Image:
    """Images (T, H, W, 3) of the states (T, S) of an episode, see ``environments.football.features``.

    Args:
        scenario: which one was played.
        states: of one episode, in their order.
        pixels: of a metre.

    Raises:
        InvalidArgumentError: states of another scenario, or none.
    """
    size = of.state_size(scenario.n_agents)
    if states.ndim != 2 or states.shape[1] != size or not len(states):
        raise InvalidArgumentError("states", got=states.shape, expected=f"(T, {size}), as of football-{scenario.name}")
    own = _metres(states[:, of.OWN])[:, : scenario.own]
    others = _metres(states[:, of.OTHERS])[:, : scenario.others]
    ball, height = _metres(states[:, of.BALL][:, :2])[:, 0], np.asarray(states[:, of.BALL][:, 2], np.float64)
    x, y = _window(np.concatenate([own[:, list(scenario.controlled)].reshape(-1, 2), ball]), pixels)
    empty = _pitch(x, y)
    images = np.repeat(empty[None], len(states), axis=0)
    for t, image in enumerate(images):
        for place in ball[max(0, t - _TRAIL) : t]:
            image[_disc(x, y, place, 2 * _THIN)] = INK
        for place in others[t]:
            _player(image, x, y, place, OTHER, rim=False)
        for k, place in enumerate(own[t]):
            _player(image, x, y, place, OWN, rim=k in scenario.controlled)
        radius = _BALL_RADIUS * (1 + 0.25 * min(height[t], 8.0))
        image[_disc(x, y, ball[t], radius + 0.2)] = INK
        image[_disc(x, y, ball[t], radius)] = BALL
    return images


def _metres(places: NDArray[np.floating[Any]]) -> Places:
    """(T, K, 2) of (T, 2 K) coordinates."""
    return np.asarray(places, np.float64).reshape(len(places), -1, 2) * of.METRES


def _window(places: Places, pixels: int) -> tuple[Places, Places]:
    """Places x ``(1, W)`` and y ``(H, 1)`` of the pixels around these places and the other team's goal."""
    goal = [(_HALF[0] + _NET, -_GOAL), (_HALF[0] + _NET, _GOAL)]
    seen = np.concatenate([places, goal])
    edge = np.array(_HALF) + _NET
    low, high = np.maximum(seen.min(axis=0) - _MARGIN, -edge), np.minimum(seen.max(axis=0) + _MARGIN, edge)
    x, y = (low[k] + (np.arange(round((high[k] - low[k]) * pixels)) + 0.5) / pixels for k in range(2))
    return x[None], y[:, None]


def _pitch(x: Places, y: Places) -> Image:
    """The empty pitch, its lines and both goals."""
    image = np.empty((y.size, x.size, 3), np.uint8)
    image[:] = GRASS
    length, width = _HALF
    image[(abs(x) > length) & (abs(x) < length + _NET) & (abs(y) < _GOAL)] = NET
    lines = (_near(abs(x), length) & (abs(y) < width)) | (_near(abs(y), width) & (abs(x) < length))
    lines |= (_near(x, 0.0) & (abs(y) < width)) | _near(np.hypot(x, y), 9.15)
    for depth, half in _BOXES:
        lines |= _near(abs(x), length - depth) & (abs(y) < half)
        lines |= _near(abs(y), half) & (abs(x) > length - depth) & (abs(x) < length)
    image[lines] = LINE
    return image


def _near(values: Places, line: float) -> NDArray[np.bool_]:
    return np.asarray(abs(values - line) < _THIN)


def _disc(x: Places, y: Places, place: Places, radius: float) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(x - place[0], y - place[1]) < radius)


def _player(image: Image, x: Places, y: Places, place: Places, colour: tuple[int, int, int], *, rim: bool) -> None:
    image[_disc(x, y, place, _RADIUS + 0.25)] = INK if rim else LINE
    image[_disc(x, y, place, _RADIUS)] = colour
