"""Which convention is played: counted from the data, and pictures on the command line."""

import json

import numpy as np
import pytest

from alberdice.cli.deep import main
from alberdice.datasets import make_builtin, write_dataset
from alberdice.datasets.traffic import Traffic, traffic_of
from alberdice.datasets.warehouses import kinds_of, make_warehouse
from alberdice.errors import InvalidDataError

HEADER = {"environment": "rware-tiny-2ag"}


@pytest.fixture(scope="module")
def data():
    return make_warehouse("tiny", 2, "conventions", np.random.default_rng(1), episodes=8).with_header(**HEADER)


def test_the_conventions_of_the_recipe_are_found(data):
    found = traffic_of(data)
    wanted = kinds_of(8, 1, np.random.default_rng(1))[0]
    np.testing.assert_array_equal(found.conventions, np.repeat(wanted[:, None], 2, axis=1))
    summary = found.summary()
    assert (summary["agree"], summary["pure"]) == (1.0, 1.0)
    assert summary["share_outer-up"] == summary["share_inner-up"] == 0.5
    assert summary["return"] == pytest.approx(data.returns.mean())
    assert summary["return_where_they_do_not"] is None


def test_the_summary_counts_by_agreement():
    moves = np.array([[[9, 1], [8, 2]], [[1, 9], [10, 0]], [[5, 0], [0, 0]]])
    summary = Traffic(moves, np.array([6.0, 2.0, 4.0])).summary()
    assert summary["agree"] == pytest.approx(1 / 3)
    assert summary["return_where_agents_agree"] == 6.0
    assert summary["return_where_they_do_not"] == 3.0
    assert summary["pure"] == pytest.approx(1 / 3)


def test_teams_that_stand_still_have_no_convention():
    still = Traffic(np.array([[[0, 0], [0, 0]], [[3, 3], [3, 3]]]), np.zeros(2))
    np.testing.assert_array_equal(still.conventions, -1)
    assert {name: still.metrics()[name].tolist() for name in ("agree", "pure", "purity")} == {
        "agree": [0.0, 0.0],
        "pure": [0.0, 0.0],
        "purity": [0.5, 0.5],
    }
    assert still.summary()["share_outer-up"] == still.summary()["share_inner-up"] == 0.0


def test_other_data_are_refused():
    with pytest.raises(InvalidDataError, match="rware-"):
        traffic_of(make_builtin("matrix-a"))


def test_the_command_prints_and_draws(data, tmp_path, capsys):
    write_dataset(data, "lab/w-v0", root=tmp_path)
    words = ["traffic", "lab/w-v0", "--root", str(tmp_path), "--out", str(tmp_path / "pictures"), "--steps", "20"]
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 8
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == [
        "agreement.png",
        "conventions.png",
        "episode.gif",
        "strip.png",
        "traffic.png",
    ]
    with pytest.raises(SystemExit) as done:
        main([*words, "--episode", "8"])
    assert done.value.code == 2
