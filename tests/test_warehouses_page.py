"""What docs/warehouses.md, docs/warehouses-measured.md and docs/results.md print is what the benchmarks' files hold."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import handed_on
import learning_by_playing
import machine
import pages
import warehouse_choices
import warehouse_learning

GUIDE, RECORD = ((pages.DOCS / f"warehouses{name}.md").read_text(encoding="utf-8") for name in ("", "-measured"))
#: the page that a script writes its tables into
PAGES = {warehouse_learning: RECORD, warehouse_choices: RECORD, learning_by_playing: GUIDE, handed_on: GUIDE}


def content(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def plain(value: float, digits: int) -> str:
    """Without a nought before the point, as the pages write shares and errors."""
    return re.sub(r"^(-?|\+?)0\.", r"\1.", f"{value:.{digits}f}")


def span(told: tuple[float, float] | list[float], digits: int) -> str:
    """Mean and error."""
    return f"{told[0]:.{digits}f} ± {plain(told[1], digits)}"


def rows_after(words: str) -> list[list[str]]:
    """The cells of the guide's first table behind these words."""
    found = re.search(r"(?:^\|.*\n)+", GUIDE[GUIDE.index(words) :], re.MULTILINE)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()]


def prose(page: str, first: str, last: str | None = None) -> str:
    """What a page says from these words to those, or to its end, on one line."""
    begin = page.index(first)
    return " ".join(page[begin : page.index(last, begin) if last else None].split())


@pytest.mark.parametrize("script", PAGES, ids=lambda script: script.__name__)
def test_tables_are_the_files(script: Any) -> None:
    for name, table in script.tables_of_page().items():
        written = pages.with_table(PAGES[script], table, *pages.marks(name)) == PAGES[script]
        assert written, f"the table of '{name}' is not what the JSON holds: python benchmarks/{script.__name__}.py --page"


@pytest.mark.parametrize("name", ["warehouse_learning", "warehouse_learning_earlier"])
def test_what_is_compared_is_of_the_runs(name: str) -> None:
    held = content(name)
    for row, again in zip(held["compared"], warehouse_learning.compared(held["runs"]), strict=True):
        assert row == {key: v for key, v in again.items() if key in row}, "python benchmarks/warehouse_learning.py --page"


def test_a_report_writes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a report has written")

    monkeypatch.setattr(Path, "write_text", refuse)
    for script in PAGES:
        monkeypatch.setattr(sys, "argv", [script.__name__, "--report"])
        script.main()
        assert all(table in capsys.readouterr().out for table in list(script.tables_of_page().values())[:1])


def test_the_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("one\n<!-- a -->\n\nold\n\n<!-- end of a -->\n\nold\n", encoding="utf-8")
    pages.write_tables(page, {"a": pages.in_markdown([["x", "y"], ["1", ""]])})
    told = "| x | y |\n| --- | --- |\n| 1 |  |"
    assert page.read_text(encoding="utf-8") == f"one\n<!-- a -->\n\n{told}\n\n<!-- end of a -->\n\nold\n"


def test_experts_are_the_file() -> None:
    head, _, *printed = rows_after("# Robotic warehouses")
    expected = [
        [f"{row['size']}, {row['agents']} agents", *(span((row[kind]["mean"], row[kind]["stderr"]), 2) for kind in head[1:])]
        for row in content("warehouse_experts")["rows"]
    ]
    assert printed == expected
    assert f"; {content('warehouse_experts')['episodes']} episodes each;" in GUIDE


def test_speeds_are_the_file() -> None:
    held = content("warehouses")
    _, _, ours, rware, times = rows_after("in environment steps per processor second:")
    assert ours[1:] == [f"{row['ours']:,}" for row in held["speed"]]
    assert rware[1:] == [f"{row['rware']:,}" for row in held["speed"]]
    assert times[1:] == [f"{row['ratio']:.0f}" for row in held["speed"]]
    assert all(row["equal"] for row in held["equality"])
    assert f"over {sum(row['steps'] for row in held['equality']):,} steps of the six" in " ".join(GUIDE.split())


def test_the_ring_is_the_file() -> None:
    held = content("warehouse_exact")
    head, _, deliveries, gain, seconds = rows_after("## A warehouse with a known model")
    rounds = held["alberdice"]
    assert head[1:] == [f"{row['alpha']:g}".removeprefix("0") for row in rounds]
    assert deliveries[1:] == [f"{row['return']:.1f}" for row in rounds]
    assert gain[1:] == [plain(row["gain"], 4) for row in rounds]
    assert [float(cell) for cell in seconds[1:]] == pytest.approx([row["seconds"] for row in rounds], abs=0.51)
    said = prose(GUIDE, "## A warehouse with a known model")
    filtered, one = held["filtered_cloned"], held["one_agent_each_way"]
    for words in (
        f"{held['states']:,} states",
        f"{held['clockwise_by_noise']['0']:.0f} deliveries in 60 steps either way, {one:.0f} with one agent each way",
        f"{held['optimum']:.1f} is the most",
        f"the clone delivers {held['cloned']:.1f} and the clone of the clean episodes {filtered:.1f}",
        f"it delivers {rounds[-1]['return'] - filtered:.1f} more than the clean episodes",
    ):
        assert words in said


def row_of(data: str, variant: str, episodes: int) -> dict[str, Any]:
    """What ``compared`` says of a variant without a memory, with all of the updates."""
    asked = {"data": f"rware-{data}", "variant": variant, "data_episodes": episodes, "policy": "feed-forward", "share": 1.0}
    (found,) = (row for row in content("warehouse_learning")["compared"] if row.items() >= asked.items())
    return found


#: lines of "What to expect": data, their episodes, what the preset's run is called, and who else clones
EXPECTED = {
    "tiny-2ag, two conventions": ("tiny-2ag-conventions", 1000, "alberdice-wide-chunks", "bc-chunks"),
    "small-4ag, two conventions": ("small-4ag-conventions", 2000, "alberdice-wide-chunks", "bc-chunks"),
    "tiny-2ag, mixed quality": ("tiny-2ag-mixed", 4000, "alberdice-best-chunks", "bc-best-chunks"),
    "small-4ag, mixed quality": ("small-4ag-mixed", 2000, "alberdice-best-chunks", "bc-best-chunks"),
}


def expected(title: str) -> list[str]:
    """A line of the guide's own small table."""
    data, episodes, variant, other = EXPECTED[title]
    row, clone = (row_of(data, f"{variant}{who}", episodes) for who in ("", " pi^D"))
    drawn = [row, clone, row_of(data, other, episodes)]
    cells = [f"{span((each['mean'], each['error']), 2)} ({plain(each['share_of_data'], 2)})" for each in drawn]
    return [f"{title}, {episodes:,}", str(row["seeds"]), span(row["sharp"], 2), *cells]


def test_what_to_expect_is_the_file() -> None:
    assert rows_after("## What to expect")[2:] == [expected(title) for title in EXPECTED]


def said_of_what_to_expect() -> list[str]:
    of = {title: row_of(*(EXPECTED[title][k] for k in (0, 2, 1))) for title in EXPECTED}
    played = [plain(row["sharp"][0] * row["share_of_data"] / row["mean"], 2) for row in list(of.values())[:2]]
    agreed = [row["agree"] for row in of.values()]
    others = [row_of(data, other, n)["agree"] for data, n, _, other in EXPECTED.values()]
    wide, four = (
        row_of("tiny-2ag-conventions", "alberdice-wide", 1000),
        row_of("small-4ag-conventions", "alberdice-wide-anew", 1000),
    )
    lost = of["small-4ag, mixed quality"]["minus"]["alberdice-best-chunks before"]
    anew = row_of("small-4ag-mixed", "alberdice-best-anew", 2000)["minus"]["alberdice-best-anew before"]
    best = row_of("small-4ag-mixed", "bc-best", 2000)
    return [
        f"deliver {played[0]} of the data's mean, two in the tiny warehouse, and {played[1]}, four in the small one",
        f"agree in {plain(min(agreed), 2)} to {max(agreed):.2f} of the episodes of each line",
        f"those who clone agree in {', '.join(plain(x, 2) for x in others[:3])} and {plain(others[3], 2)}",
        f"it is {plain(wide['share_of_data'], 2)} in the tiny warehouse with drawn actions",
        f"actions ({span((wide['mean'], wide['error']), 2)})",
        f"and {plain(four['sharp'][0] * four['share_of_data'] / four['mean'], 2)} with four agents in the small one",
        f"({span((-lost[0], lost[1]), 1).removeprefix('0')} less), and cloning anew takes {span((-anew[0], anew[1]), 1)}",
        f"Filtered cloning without a memory has {span((best['mean'], best['error']), 2)} there",
    ]


def test_what_is_said_of_what_to_expect_is_the_file() -> None:
    words = prose(GUIDE, "## What to expect", "## Where")
    missing = [each for each in said_of_what_to_expect() if each not in words]
    assert not missing, f"by warehouse_learning.json the guide is to say: {missing}"


def test_what_is_said_of_data_handed_on_is_the_file() -> None:
    parts = content("handed_on")["parts"]

    def less(part: str, one: str, play: str, other: str) -> str:
        found = [
            {run["seed"]: np.array(run[key]) for run in parts[part]["runs"] if run["algorithm"] == name}
            for name, key in ((one, play), (other, "returns"))
        ]
        mean, error = warehouse_learning.difference(*found)
        return f"{plain(abs(mean), 1)} ± {plain(error, 1)}"

    mean = {True: [], False: []}
    for each in parts["seeds"]["crossed"]:
        if len(set(each.get("agents", "ab"))) == 2:  # agents of two teams, or a team one after another
            mean["agents" in each].append(np.mean(each["returns"]))
    together, alone = ((f"{min(x):.1f}", f"{max(x):.1f}") for x in (mean[True], mean[False]))
    agreed = [run["metrics"]["agree"] for run in parts["conventions"]["runs"] if run["algorithm"] == "alberdice"]
    shares = [
        np.mean([np.mean(run["returns"]) for run in held["runs"] if run["algorithm"] == name]) / held["data_return"]
        for held in parts.values()
        for name in ("bc", "alberdice", "alberdice pi^D")
    ]
    words = prose(GUIDE, "### Handed on", "## Settings")
    said = [
        f"in all but {round(sum(100 * (1 - share) for share in agreed))} of {100 * len(agreed)} episodes",
        f"all lose {plain(1 - max(shares), 2)} or more of the data's mean",
        "deliver {} to {} together".format(*together),
        "teams by themselves {} to {}".format(*alone),
        f"{less('seeds', 'alberdice', 'sharp_returns', 'bc')} below cloning with drawn actions",
        f"deliver {less('conventions', 'alberdice', 'returns', 'bc')} more than cloning",
        f"{less('conventions', 'alberdice', 'returns', 'alberdice pi^D')} more than their own clone",
        f"{less('conventions', 'alberdice', 'sharp_returns', 'bc')} more than cloning",
    ]
    assert not [each for each in said if each not in words]
    prices = {part: [run["price"] for run in held["runs"] if run["algorithm"] == "alberdice"] for part, held in parts.items()}
    assert max(prices["seeds"]) < 0.05 < min(prices["conventions"])


def said_of_mixed_data() -> list[str]:
    row = row_of("tiny-2ag-mixed", "alberdice-best-memory", 4000)
    paper = [row_of("tiny-2ag-mixed", f"alberdice-best-memory-paper{who}", 4000) for who in ("", " pi^D")]
    less = row["minus"]
    return [
        f"deliver {row['share_of_data']:.2f} of the data's mean",
        f"above their own clones by {less['alberdice-best-memory pi^D'][0]:.1f} deliveries",
        f"(+{span(less['bc-best'], 1)})",
        f"(+{span(less['bc-best-memory'], 1)})",
        f"above OMAR by {less['omar'][0]:.1f} and OptiDICE by {less['optidice'][0]:.1f}",
        f"one seed: {span((paper[0]['mean'], paper[0]['error']), 2)} (its own clone: {paper[1]['mean']:.2f})",
    ]


def sharp_difference(data: str, one: str, other: str) -> list[float]:
    """Mean and error of the paired differences, both played sharp."""
    runs = [run for run in content("warehouse_learning")["runs"] if run["data"] == data]
    by = ({run["seed"]: np.array(run["sharp_returns"]) for run in runs if run["variant"] == name} for name in (one, other))
    return warehouse_learning.difference(*by)


def said_of_chunks() -> list[str]:
    mixed = row_of("tiny-2ag-mixed", "alberdice-best-chunks", 4000)
    windows = row_of("tiny-2ag-mixed", "alberdice-best-memory", 4000)
    four, less = row_of("small-4ag-conventions", "alberdice-wide-chunks", 2000), mixed["minus"]
    whole = four["mean"] / four["share_of_data"]
    two, bc = (row_of("tiny-2ag-conventions", variant, 1000) for variant in ("alberdice-wide-chunks", "bc-chunks"))
    paper = row_of("small-4ag-conventions", "alberdice-wide-chunks-paper", 2000)
    last, begun = (row_of("small-4ag-mixed", f"alberdice-best-chunks{who}", 2000) for who in ("", " before"))
    lost = last["minus"]["alberdice-best-chunks before"]
    cloned, optidice = row_of("small-4ag-conventions", "bc-chunks", 2000), row_of("small-4ag-mixed", "optidice", 2000)
    gained = sharp_difference("rware-small-4ag-mixed", "alberdice-best-chunks", "optidice")
    return [
        f"{last['minus']['optidice'][0]:.1f} above OptiDICE and {last['minus']['omar'][0]:.1f} above OMAR",
        f"sharp OptiDICE has {optidice['sharp'][0]:.1f} of its {optidice['mean']:.1f}",
        f"played so, is {span(gained, 1)} above it",
        f"has {span((cloned['mean'], cloned['error']), 1)}: they agree in {plain(cloned['agree'], 2)} of the episodes",
        f"{span((two['mean'], two['error']), 2)} with drawn actions, {plain(two['share_of_data'], 2)} of the data's mean",
        f"({span(two['minus']['alberdice-wide-chunks before'], 1).lstrip('0')} above what it was before",
        f"{span(two['sharp'], 2)}, {plain(two['sharp'][0] * two['share_of_data'] / two['mean'], 2)}, played sharp",
        f"{span((bc['mean'], bc['error']), 2)}: they clone each convention, and agree in {plain(bc['agree'], 2)}",
        f"With alpha = 1, one seed: {span(paper['sharp'], 1)} played sharp",
        f"{span((last['mean'], last['error']), 1)} drawn, {last['share_of_data']:.2f} of the data's mean",
        f"({last['sharp'][0]:.1f} played sharp), a little below what it was before transformers cloned it",
        f"cloned it ({begun['mean']:.1f}; {span((-lost[0], lost[1]), 1).removeprefix('0')} less;",
        f"{last['minus']['alberdice-best-chunks pi^D'][0]:.1f} above its clone",
        f"{span(last['minus']['bc-best-chunks'], 1)} above filtered cloning by the same transformers",
        f"{span(last['minus']['bc-best'], 1)} above filtered cloning without a memory",
        f"{span((mixed['mean'], mixed['error']), 2)} deliveries, {mixed['share_of_data']:.2f} of the data's mean",
        f"{less['alberdice-best-chunks pi^D'][0]:.1f} above the run's own clone",
        f"{span(less['bc-best-chunks'], 1)} above filtered cloning by the same transformers",
        f"{less['optidice'][0]:.1f} above OptiDICE and {less['omar'][0]:.1f} above OMAR",
        f"On windows it was {span((windows['mean'], windows['error']), 2)}",
        f"played sharp, {span(four['sharp'], 1)}, {plain(four['sharp'][0] / whole, 2)} of the data's mean",
        f"({four['mean']:.1f}, {plain(four['share_of_data'], 2)}, drawn)",
    ]


def said_of_conventions() -> list[str]:
    wide, clone = (row_of("tiny-2ag-conventions", f"alberdice-wide{who}", 1000) for who in ("", " pi^D"))
    paper = row_of("tiny-2ag-conventions", "alberdice-wide-paper", 1000)
    best = row_of("tiny-2ag-conventions", "bc-best", 1000)
    data = wide["mean"] / wide["share_of_data"]
    return [
        f"{plain(wide['share_of_data'], 2)} of the data's mean with drawn actions",
        f"({span((wide['mean'], wide['error']), 2)};",
        f"{span(wide['minus']['alberdice-wide pi^D'], 1)} above the run's own clone",
        f"deliver {span(wide['sharp'], 2)}, {plain(wide['sharp'][0] / data, 2)} of the data's mean",
        f"clone has {clone['sharp'][0]:.2f} so",
        f"most probable actions it is {span(wide['greedy'], 2)}",
        f"remain {wide['greedy'][0] - best['greedy'][0]:.1f} below",
        f"with drawn actions: {span((paper['mean'], paper['error']), 2)}",
        f"most probable actions it is {span(paper['greedy'], 2)}",
    ]


def said_of_four_agents() -> list[str]:
    data = "small-4ag-conventions"
    row, clone = (row_of(data, f"alberdice-wide-anew{who}", 1000) for who in ("", " pi^D"))
    bc, optidice, omar = (row_of(data, name, 1000) for name in ("bc", "optidice", "omar"))
    less = row["minus"]
    whole = row["mean"] / row["share_of_data"]
    return [
        f"deliver {span((row['mean'], row['error']), 1)}, {plain(row['share_of_data'], 2)} of the data's mean",
        f"{span(row['sharp'], 1)}, {plain(row['sharp'][0] / whole, 2)}.",
        f"own clone has {clone['mean']:.1f} ({clone['sharp'][0]:.1f} played sharp)",
        f"cloning {bc['mean']:.1f} ({bc['sharp'][0]:.1f})",
        f"OptiDICE {optidice['mean']:.1f} ({optidice['sharp'][0]:.1f}), OMAR {omar['mean']:.1f} ({omar['sharp'][0]:.1f})",
        f"Cloning anew is worth {span(less['alberdice-wide-anew before'], 1)} drawn",
    ]


def said_of_four_agents_of_mixed_quality() -> list[str]:
    anew, before, clone = (row_of("small-4ag-mixed", f"alberdice-best-anew{who}", 2000) for who in ("", " before", " pi^D"))
    best, less = row_of("small-4ag-mixed", "bc-best", 2000), before["minus"]
    lost = anew["minus"]["alberdice-best-anew before"]
    return [
        f"deliver {span((before['mean'], before['error']), 1)}, {before['share_of_data']:.2f} of the data's mean",
        f"{less['alberdice-best-anew pi^D'][0]:.1f} above their own clone, {span(less['bc-best'], 1)} above filtered cloning",
        f"{before['sharp'][0]:.1f} played sharp), and {anew['mean']:.1f} afterwards",
        f"cloning anew takes {span((-lost[0], lost[1]), 1)}",
        f"({clone['mean']:.1f}, {clone['sharp'][0]:.1f}; filtered cloning {best['mean']:.1f}, {best['sharp'][0]:.1f})",
    ]


@pytest.mark.parametrize(
    "said", [said_of_chunks, said_of_mixed_data, said_of_conventions, said_of_four_agents, said_of_four_agents_of_mixed_quality]
)
def test_the_prose_has_the_tables_numbers(said: Any) -> None:
    below = prose(RECORD, "<!-- end of measured -->", "<!-- measured earlier -->")
    missing = [words for words in said() if words not in below]
    assert not missing, f"by warehouse_learning.json the prose below the tables is to say: {missing}"


def test_learning_by_playing_is_the_file() -> None:
    """What the prose says of the curves."""
    runs = content("learning_by_playing")["runs"]
    (nothing,) = (run for run in runs if run["part"] == "nothing")
    curve = [np.array(nothing["curve"][name]) for name in ("steps", "return")]
    below = prose(GUIDE, "<!-- end of played warehouses -->", "## Settings for warehouses")
    missing = [words for words in said_of_clones_that_play(runs) if words not in below]
    assert not missing, f"by learning_by_playing.json the prose below the guide's tables is to say: {missing}"
    record = prose(RECORD, "## Learning by playing")
    missing = [words for words in said_of_playing_from_nothing(nothing, *curve) if words not in record]
    assert not missing, f"by learning_by_playing.json the record is to say: {missing}"


def said_of_clones_that_play(runs: list[dict[str, Any]]) -> list[str]:
    said = []
    for name in ("rware-tiny-2ag", "rware-small-4ag"):
        own = [run for run in runs if (run["part"], run["environment"]) == ("cloned", name)]
        means = [np.mean(run["learned"]["drawn"]["returns"]) for run in own]
        error = np.std(means, ddof=1) / len(own) ** 0.5
        clone = np.mean([np.mean(run["clone"]["drawn"]["returns"]) for run in own])
        said.append(f"from {clone:.1f} to {span([float(np.mean(means)), float(error)], 1)} deliveries")
        said.append(f"{plain(float(np.mean(means)) / own[0]['data_return'], 2)} of the data's mean")
    return said


def said_of_playing_from_nothing(nothing: dict[str, Any], steps: Any, returns: Any) -> list[str]:
    said = [f"{returns[steps < 2e6].mean():.1f} deliveries over the first 2 million steps"]
    for low, high in ((7, 8), (9, 10), (16, 17)):
        said.append(f"{returns[(steps > low * 1e6) & (steps <= high * 1e6)].mean():.1f} in the {high}th")
    pace = nothing["steps"] / nothing["seconds"]
    return [*said, f"{pace / 1000:.1f} thousand steps a second", f"40 million would take {4e7 / pace / 60:.0f} minutes there"]


def test_table_3_is_the_file() -> None:
    page = (pages.DOCS / "results.md").read_text(encoding="utf-8")
    for name, table in pages.tables_of_results().items():
        written = pages.with_table(page, table, *pages.marks(name)) == page
        assert written, f"the table of '{name}' is not what its JSON holds: python benchmarks/pages.py"
    whole, small = page[page.index("## Table 3") : page.index("## Table 4")].split("#### On a small budget")
    for text, name in ((whole, "table3"), (small, "table3_reduced")):
        assert f"{len(content(name)['cells'])} of 36 cells" in text
    row, bc = (row_of("tiny-2ag-conventions", variant, 1000) for variant in ("alberdice-wide-chunks", "bc-chunks"))
    mean, error = (value * row["share_of_data"] / row["mean"] for value in row["sharp"])
    assert f"has {plain(mean, 2)} ± {plain(error, 2)} for AlberDICE so, and {plain(bc['share_of_data'], 2)} for BC" in whole
