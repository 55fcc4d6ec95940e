"""Pictures of warehouses: what is where, and files that open."""

import numpy as np
import pytest
from PIL import Image

from alberdice.environments.rware import Layout, Warehouses
from alberdice.environments.rware.views import read
from alberdice.errors import InvalidArgumentError
from alberdice.plotting import draw_agreement, draw_conventions, draw_strip, draw_traffic, save, save_animation
from alberdice.plotting.warehouse import COLOURS, REQUESTED, SHELF, raster, traffic

LAYOUT = Layout(1, 3)


@pytest.fixture(scope="module")
def frames():
    env = Warehouses(LAYOUT, 2, 4)
    frame = env.reset(np.array([3]))
    out = [(frame.observations[0], frame.state[0])]
    rng = np.random.default_rng(0)
    for _ in range(12):
        frame = env.step(rng.integers(5, size=(1, 2))).frame
        out.append((frame.observations[0], frame.state[0]))
    return tuple(np.stack(part) for part in zip(*out, strict=True))


def test_the_image_shows_shelves_requests_and_agents(frames):
    reading = read(LAYOUT, *frames)
    image = raster(LAYOUT, reading, pixels=12)[0].reshape(LAYOUT.height, 12, LAYOUT.width, 12, 3).swapaxes(1, 2)
    agents = reading.cells[0].tolist()
    for slot in LAYOUT.slots.tolist():
        if slot not in agents:
            colour = REQUESTED if reading.requested[0, slot] else SHELF
            assert tuple(image[LAYOUT.y[slot], LAYOUT.x[slot], 6, 6]) == colour
    for agent, cell in enumerate(agents):
        tile = image[LAYOUT.y[cell], LAYOUT.x[cell]]
        assert (tile == COLOURS[agent]).all(axis=2).any()
        ahead = [(3, 6), (8, 6), (6, 3), (6, 8)][reading.directions[0, agent]]
        assert tile[ahead].tolist() == [255, 255, 255]


def test_an_animation_opens_with_all_its_frames(frames, tmp_path):
    images = raster(LAYOUT, read(LAYOUT, *frames))
    with Image.open(save_animation(images, tmp_path / "a.gif")) as opened:
        assert opened.size == (images.shape[2], images.shape[1])
        assert 1 < opened.n_frames <= len(images)  # equal frames in a row are one, shown longer
    assert save(draw_strip(images, [0, 5], title="two"), tmp_path / "s.png").stat().st_size > 1000


def test_traffic_counts_entries_and_directions(tmp_path):
    a, b = LAYOUT.cell(0, 5), LAYOUT.cell(0, 4)
    entries, flow = traffic(LAYOUT, np.array([[a, b], [b, b], [b, a]]))
    assert entries[[a, b]].tolist() == [1, 1]
    assert flow[a].tolist() == [0, -1]
    assert flow[b].tolist() == [0, 1]
    assert entries.sum() == 2
    assert save(draw_traffic(LAYOUT, {"one": (entries, flow)}), tmp_path / "t.png").stat().st_size > 1000
    assert save(draw_conventions(LAYOUT), tmp_path / "c.png").stat().st_size > 1000


def test_every_episode_is_a_dot_beside_its_groups_mean(tmp_path):
    groups = {"outer-up": np.array([3.0, 5.0, 5.0]), "not agreed": np.array([1.0])}
    figure = draw_agreement(groups, title="two conventions")
    first, mean, other, _ = figure.axes[0].lines
    assert sorted(first.get_ydata()) == [3, 5, 5]
    assert len(set(first.get_xdata())) == 3
    assert list(mean.get_ydata()) == [pytest.approx(13 / 3)] * 2
    assert (list(other.get_xdata()), list(other.get_ydata())) == ([1.0], [1.0])
    assert figure.axes[0].get_xticklabels()[1].get_text() == "not agreed\n1 episodes, mean 1.0"
    assert save(figure, tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda images, place: save_animation(images, place / "a.png"), "ends in .gif"),
        (lambda images, place: save_animation(images, place / "no" / "a.gif"), "no folder"),
        (lambda images, place: save_animation(images[:0], place / "a.gif"), "images"),
    ],
)
def test_what_cannot_be_written_is_refused(make, words, frames, tmp_path):
    with pytest.raises(InvalidArgumentError, match=words):
        make(raster(LAYOUT, read(LAYOUT, *frames), pixels=8), tmp_path)
    with pytest.raises(InvalidArgumentError, match="8 or more"):
        raster(LAYOUT, read(LAYOUT, *frames), pixels=7)
