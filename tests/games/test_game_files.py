"""Games from files: labels are no payoffs, cells are decimals, fields occur once, messages name the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import alberdice as ad
from alberdice.games.files import read_game


def written(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


MODEL = {"transition": [[[1.0]]], "reward": [[3.0]], "initial": [1.0], "discount": 0.5}


def test_games_come_back(tmp_path: Path) -> None:
    game, notes = read_game(written(tmp_path / "g.csv", "11,-30,0\n-30,7,6\n"))
    np.testing.assert_array_equal(game.mmdp.reward[0], [[11, -30, 0], [-30, 7, 6]])
    assert notes == ()
    for name, content in (("p.json", {"payoff": [[[1, 2]], [[3, 4]]]}), ("m.json", MODEL)):
        assert read_game(written(tmp_path / name, json.dumps(content)))[0].name == name[0]
    np.savez(tmp_path / "m.npz", **{key: np.asarray(value) for key, value in MODEL.items()})
    assert read_game(tmp_path / "m.npz")[0].mmdp.reward.tolist() == [[3.0]]


def test_penalty_xor_is_no_header(tmp_path: Path) -> None:
    """Its first row and its first column read 0, 1; a square table has no room for labels of a square game."""
    game, notes = read_game(written(tmp_path / "g.csv", "0,1\n1,-2\n"))
    assert game.mmdp.reward[0].tolist() == [[0, 1], [1, -2]]
    assert notes == ()


LABELLED = {
    "header": ("0,1\n0.0,1.0\n1.0,-2.0\n", "first row: got 0, 1, .*header=False"),
    "header of three": ("0,1,2\n5,6,7\n5,6,7\n5,6,9\n", "first row: got 0, 1, 2, .*header=False"),
    "floating header": ("0.0,1.0\n4,5\n5,-2\n", "first row: got 0, 1, .*header=False"),
    "index": ("0,5,6\n1,7,8\n", "first column: got 0, 1, .*index=False"),
    "both": (",0,1\n0,5,6\n1,7,8\n", "line 1, column 1: got '', .*header=False, index=False"),
    "names": ("A,B\n1,2\n3,4\n", "line 1, column 1: got 'A', .*header=False, index=False"),
    "row names": ("a,1,2\nb,3,4\n", "line 1, column 1: got 'a', .*header=False, index=False"),
}


@pytest.mark.parametrize("case", LABELLED)
def test_labels_are_refused(case: str, tmp_path: Path) -> None:
    content, match = LABELLED[case]
    with pytest.raises(ad.InvalidModelError, match=f"g.csv: {match}"):
        read_game(written(tmp_path / "g.csv", content))


@pytest.mark.parametrize(
    "content", ["0,1,2\n5,6,7\n", "0,1,2\n5,6,7\n3,4,5\n2,2,2\n1,1,1\n", "0,8,9\n1,7,7\n2,6,6\n3,5,5\n4,4,4\n"]
)
def test_what_could_be_labels_is_said(content: str, tmp_path: Path) -> None:
    _, notes = read_game(written(tmp_path / "g.csv", content))
    assert len(notes) == 1
    assert "as labels would" in notes[0]


WRONG = {
    "underscore.csv": ("1_0,2\n3,4\n", "line 1, column 1: got '1_0', expected a number"),
    "later.csv": ("1,2\n3,0x4\n", "line 2, column 2: got '0x4', expected a number$"),
    "digits.csv": (f"1,{'9' * 5000}\n3,4\n", "line 1, column 2: got '9+', expected a number"),
    "nan.csv": ("1,nan\n3,4\n", "line 1, column 2: got 'nan', expected a number"),
    "empty.csv": ("\n\n", "got an empty file"),
    "twice.json": ('{"payoff": [[1]], "payoff": [[2]]}', "payoff: got the field twice"),
    "more.json": ('{"payoff": [[1]], "x": 1}', r"got fields \['payoff', 'x'\], expected 'payoff', or 'discount'"),
    "sum.json": (json.dumps(MODEL | {"transition": [[[0.5]]]}), r"transition\[s=0, a=\(0\)\]: got a sum of 0.5.*divide each"),
    "discount.json": (json.dumps(MODEL | {"discount": [0.5]}), r"discount: got shape \(1,\)"),
    "deep.json": ('{"payoff": ' + "[" * 90 + "]" * 90 + "}", "payoff: got"),
    "ragged.json": ('{"payoff": [[1, 2], [3]]}', "payoff: got a ragged nest"),
    "text.json": ('{"payoff": [["1", "2"]]}', "payoff: got dtype <U1"),
    "plain.txt": ("1,2\n", "got a .txt file, expected a .json, .csv or .npz file"),
    "packed.csv.gz": ("1,2\n", "got a .gz file, expected a .json, .csv or .npz file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_say_what_is_wrong_once(name: str, tmp_path: Path) -> None:
    content, match = WRONG[name]
    with pytest.raises(ad.InvalidModelError, match=match) as caught:
        read_game(written(tmp_path / name, content))
    words = str(caught.value)
    assert words.startswith(str(tmp_path / name))
    assert words.count(name) == 1
    assert "npz" not in words or "expected a .json, .csv or .npz file" in words


def test_float32_games_are_read_and_said(tmp_path: Path) -> None:
    third = np.float32(1) / np.float32(3)
    fields = {"transition": np.full((3, 2, 3), third), "reward": np.zeros((3, 2)), "initial": np.full(3, third)}
    np.savez(tmp_path / "x.npz", **fields, discount=0.9)
    with pytest.warns(ad.RoundingWarning, match=r"(initial|transition\[s=0, a=\(0\)\]): float32 numbers whose sums miss 1"):
        game = read_game(tmp_path / "x.npz")[0]
    np.testing.assert_allclose(game.mmdp.initial, 1 / 3, rtol=0, atol=1e-16)
