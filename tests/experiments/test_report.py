"""Reports: one file, nothing from outside, every number of the folder in it, text of outside origin escaped."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from deep_samples import tiny
from run_samples import run

from alberdice.datasets import load
from alberdice.datasets.load import make_builtin
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.report import page, write_report
from alberdice.experiments.report.run import read_run, run_sections
from alberdice.experiments.report.sweep import curves

BAD = '<script>alert("1")</script>&\u202e'


class Reader(HTMLParser):
    """Tags, addresses and text of a page; VOID tags need no end."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "data", "srcset", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sweep")
    for algorithm, seed in (("bc", 0), ("bc", 1), ("alberdice", 0)):
        train(tiny(algorithm, seed=seed, dataset="matrix-c"), root / f"{algorithm}-{seed}")
    return root


def test_a_run_as_one_file(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep / "alberdice-0"
    assert run("report", folder) == 0
    target = folder / "report.html"
    assert capsys.readouterr().out == f"{target}\n"
    text = target.read_text(encoding="utf-8")
    found = Reader(text)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in found.addresses)
    assert len(found.addresses) == 3  # curve, policy, joint actions
    assert not re.search(r"https?://", re.sub(r"base64,[\w+/=]+", "", text))
    assert "script" not in found.tags
    result = json.loads((folder / "result.json").read_text())
    words = "|".join(found.words)
    for value in (result["return_mean"], result["return_stderr"], result["data_return"], result["return_exact"]):
        assert page.plain(value) in words
    config = json.loads((folder / "config.json").read_text())
    assert set(config) <= set(found.words)
    ends = {"done": "The run came to its end", "below_behaviour": "It came to its end, but its policies are below"}
    assert ends[result["status"]] in words  # of few updates: play may tell that they were too few
    assert result["versions"]["torch"] in words
    assert found.tags.count("tr") > len(config) + 12
    write_report(folder)
    assert target.read_text(encoding="utf-8") == text  # one folder, one file, byte for byte


@pytest.mark.slow
def test_several_runs_are_set_beside_each_other(sweep: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sweep, tmp_path / "sweep")
    (copy / "bc-1" / "result.json").unlink()
    good, bad = RunDirectory(copy / "bc-0"), RunDirectory(copy / "alberdice-0")
    good.write_result({**good.read_result(), "status": "done"})
    bad.write_result({**bad.read_result(), "status": "diverged", "reason": "a loss is not finite"})
    text = write_report(copy, tmp_path / "out.html").read_text(encoding="utf-8")
    words = " ".join(Reader(text).words)
    assert "3 runs, 2 of which did not end well." in words
    assert (
        "alberdice-0: Training collapsed: the numbers are those of the last good evaluation. Why: a loss is not finite."
        in words
    )
    assert "bc-1: The run has no result yet" in words
    with pytest.raises(InvalidArgumentError, match="something is there already"):
        write_report(copy, tmp_path / "out.html")
    write_report(copy, tmp_path / "out.html", overwrite=True)


def test_data_are_made_once_for_a_page(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(name: str, seed: int) -> Any:
        made.append((name, seed))
        return make_builtin(name, seed)

    monkeypatch.setattr(load, "make_builtin", counted)
    text = write_report(sweep, tmp_path / "out.html").read_text(encoding="utf-8")
    assert made == [("matrix-c", 0)]
    assert text.count("SHA-256") == 3
    assert text.count("data:image/svg") == 10  # three of each run, and the curves beside each other


@pytest.mark.parametrize("own", ["mine.html", "report.html"])
def test_only_reports_are_replaced(sweep: Path, tmp_path: Path, own: str) -> None:
    folder = shutil.copytree(sweep / "bc-0", tmp_path / "run")
    (folder / own).write_text("<p>thesis</p>")
    with pytest.raises(InvalidArgumentError, match=r"a file that is no report .* nothing was removed"):
        write_report(folder, None if own == "report.html" else folder / own, overwrite=True)
    assert (folder / own).read_text() == "<p>thesis</p>"
    (folder / own).unlink()
    (folder / own).symlink_to(folder / "config.json")
    with pytest.raises(InvalidArgumentError, match="a symbolic link"):
        write_report(folder, None if own == "report.html" else folder / own, overwrite=True)


def test_means_over_seeds_by_hand(sweep: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sweep, tmp_path / "sweep")
    for name, value in (("bc-0", 1.0), ("bc-1", 4.0)):
        folder = RunDirectory(copy / name)
        folder.write_result({**folder.read_result(), "return_mean": value, "status": "done"})
    text = write_report(copy, tmp_path / "out.html").read_text(encoding="utf-8")
    row = "".join(f'<td class="n" style="text-align: right">{number}</td>' for number in (2, 2, 2.5, 1.5))
    assert f"<td>matrix-c</td><td>bc</td>{row}" in text  # (1 + 4) / 2; sqrt(4.5 / 2)


def test_text_of_outside_origin_stays_text(sweep: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sweep / "bc-0", tmp_path / "$x_{$ <b>")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dataset": BAD, BAD: BAD}))
    written = RunDirectory(folder)
    written.write_result({**written.read_result(), "status": BAD, "reason": BAD, "notes": [BAD], "choices": {BAD: BAD}})
    text = write_report(folder).read_text(encoding="utf-8")
    found = Reader(text)
    assert "script" not in found.tags
    assert "<script" not in text
    assert "\u202e" not in text
    assert any("Not shown: the data" in words for words in found.words)  # there are no such data
    both = write_report(tmp_path, tmp_path / "both.html").read_text(encoding="utf-8")
    assert "<script" not in both
    Reader(both)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("metrics.csv", "\n6,", "\n7,", "metrics.csv: got other rows than the checkpoint knows"),
        ("metrics.csv", "\n12,", "\n13,", "metrics.csv: got other rows than the checkpoint knows"),
        ("metrics.csv", "update,", "up,", "metrics.csv: header: got up,"),
        ("metrics.csv", None, None, "metrics.csv: got no such file"),
        ("result.json", '"return_mean": ', '"return_mean": 1', "result.json: got content that its checksum denies"),
        ("result.json", '"seed": 0', '"seed": 4', "The run has a result, but its file is damaged."),
    ],
)
def test_changed_numbers_are_not_shown(
    sweep: Path, tmp_path: Path, name: str, old: str | None, new: str | None, words: str
) -> None:
    """Neither in a report of the run nor in one of several, which say why."""
    folder = shutil.copytree(sweep / "bc-0", tmp_path / "runs" / "bc-0")
    shutil.copytree(sweep / "bc-1", tmp_path / "runs" / "bc-1")
    text = (folder / name).read_text()
    (folder / name).unlink()
    if old is not None and new is not None:
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))
    shown = read_run(folder)
    assert shown.rows == [] if name == "metrics.csv" else shown.result == {"status": "unreadable"}
    for page_of in (folder, tmp_path / "runs"):
        assert words in " ".join(Reader(write_report(page_of).read_text(encoding="utf-8")).words)


def test_code_that_only_a_folder_names_is_not_run(sweep: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sweep / "bc-0", tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "environment": "nowhere_at_all:make"}))
    words = " ".join(Reader(write_report(folder).read_text(encoding="utf-8")).words)
    assert "Not shown: the pictures" in words
    assert "settings that its checkpoint was not made with" in words


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", tmp_path) == 2
    assert "got 0 runs, expected the folder of a run" in capsys.readouterr().err
    with pytest.raises(InvalidArgumentError, match=r"expected a file name ending in \.html"):
        write_report(tmp_path, tmp_path / "a.pdf")


def test_curves_by_their_lines(sweep: Path) -> None:
    runs = [read_run(sweep / name) for name in ("bc-0", "bc-1", "alberdice-0")]
    figure = curves(runs, "matrix-c")
    assert figure is not None
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(runs[0].rows)]
    assert lines[0].get_ydata().tolist() == [row["return_mean"] for row in runs[0].rows]
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["bc", "alberdice", "the data"]
    assert curves(runs, "another") is None
    assert run_sections(runs[0])
