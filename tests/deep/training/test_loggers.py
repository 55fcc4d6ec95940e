"""TensorBoard and metrics.csv of runs that were stopped: no gap and no double, whatever the clock says."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from deep_samples import tiny
from run_samples import Killed, curves, kill_at

from alberdice.deep.training.callbacks import survivors
from alberdice.deep.training.loggers import MetricsFile, TensorBoard
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import ResourceError


def test_curves_have_every_step_once_after_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process starts within the first one's second, the third a day before it."""
    now = [1.8e9]
    monkeypatch.setattr("time.time", lambda: now[0])
    monkeypatch.setattr("alberdice.deep.training.fit.LOOK_EVERY", 5)
    with pytest.raises(Killed):
        train(tiny(), tmp_path / "parts", progress=kill_at(13))
    with pytest.raises(Killed):
        train(tiny(), tmp_path / "parts", resume=True, progress=kill_at(7))
    now[0] -= 86400
    train(tiny(), tmp_path / "parts", resume=True)
    train(tiny(), tmp_path / "whole")
    assert curves(tmp_path / "parts") == curves(tmp_path / "whole")
    assert {step for name, points in curves(tmp_path / "parts").items() for step, _ in points} == {5, 10, 15, 16, 20, 22}


def test_an_event_is_on_the_disk_once_it_is_logged(tmp_path: Path) -> None:
    """Nothing waits in a process that may be killed."""
    with closing(TensorBoard(tmp_path / "tensorboard")) as board:
        for update in (1, 2):
            board.log("training", update, {"loss": 0.5 * update, "other": float("nan")})
            assert curves(tmp_path) == {"training/loss": [(k, 0.5 * k) for k in range(1, update + 1)]}


@pytest.mark.parametrize("seconds", [0.0, -86400.0, 1e6, -1.7e9])
def test_files_are_read_in_the_order_in_which_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    now = [1.8e9]
    monkeypatch.setattr("time.time", lambda: now[0])
    for done in (0, 5, 3, 4):
        with closing(TensorBoard(tmp_path / "tensorboard", done)) as board:
            for update in range(done + 1, 8):
                board.log("training", update, {"loss": float(10 * done + update)})
        now[0] += seconds
    assert curves(tmp_path) == {"training/loss": [(1, 1), (2, 2), (3, 3), (4, 34), (5, 45), (6, 46), (7, 47)]}


def test_a_record_that_was_cut_hides_nothing_that_follows(tmp_path: Path) -> None:
    with closing(TensorBoard(tmp_path / "tensorboard")) as first:
        first.log("training", 5, {"loss": 1.0})
        first.log("training", 10, {"loss": 2.0})
    first.path.write_bytes(first.path.read_bytes()[:-7])
    with closing(TensorBoard(tmp_path / "tensorboard", 5)) as second:
        second.log("training", 10, {"loss": 3.0})
    assert curves(tmp_path) == {"training/loss": [(5, 1.0), (10, 3.0)]}


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ResourceError, match=r"tensorboard: got no room left on the disk"):
        TensorBoard(tmp_path / "tensorboard")


def test_metrics_are_whole_as_soon_as_a_run_goes_on(tmp_path: Path) -> None:
    """Rows after the checkpoint will come again; rows before it that the file lacks are known."""
    folder, rows = RunDirectory(tmp_path), [{"update": 5, "return_mean": 1.5}, {"update": 10, "return_mean": 2.5}]
    folder.write_metrics([*rows[1:], {"update": 15, "return_mean": 3.5}])
    MetricsFile(folder, rows)
    assert folder.read_metrics() == rows


def test_which_evaluations_are_kept_is_a_matter_of_their_number(tmp_path: Path) -> None:
    assert survivors([10, 20, 30], 3) == {10, 20, 30}
    assert survivors([10, 20, 30, 40], 3) == {20, 40}
    assert survivors(range(10, 80, 10), 3) == {40, 60, 70}
    with pytest.raises(Killed):
        train(tiny(evaluate_every=2, keep_policies=3, keep_states=True), tmp_path, progress=kill_at(17))
    folder = RunDirectory(tmp_path)
    folder.save_policies(12, {}, {})  # as of a process that was killed while it dropped one
    folder.save_state(14, {}, {})
    train(tiny(evaluate_every=2, keep_policies=3, keep_states=True), tmp_path, resume=True)
    updates = [int(row["update"]) for row in folder.read_metrics()]
    assert set(folder.kept_updates()) == set(folder.kept_updates("states")) == survivors(updates, 3)


def test_the_settings_stand_beside_the_curves(tmp_path: Path) -> None:
    """Read by TensorBoard itself; a run that goes on does not write them again."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for done in (0, 5):
        with closing(TensorBoard(tmp_path / "tensorboard", done, {"alpha": 0.5, "name": "a|b"})) as board:
            board.log("evaluation", done, {"return_mean": 1.0, "return_exact": 2.0, "out_of_data": 0.25})
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    (event,) = read.Tensors("settings")
    assert event.tensor_proto.string_val[0].decode() == "| setting | value |\n|---|---|\n| alpha | 0.5 |\n| name | a\\|b |"
    assert {"evaluation/return_exact", "evaluation/out_of_data"} <= set(read.Tags()["scalars"])


def test_the_settings_are_hyperparameters_and_the_evaluations_their_metrics(tmp_path: Path) -> None:
    """As TensorBoard's own plugin reads them: rows of its table HPARAMS for two runs of a folder."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

    for name, alpha, value in (("a", 0.5, 1.0), ("b", 0.25, 2.0)):
        settings = {"alpha": alpha, "hidden": (8, 8), "algorithm": "bc", "capture": False, "updates": 7}
        with closing(TensorBoard(tmp_path / name / "tensorboard", 0, settings)) as board:
            board.log("evaluation", 7, {"return_exact": value, "out_of_data": value / 4})
    runs = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    runs.Reload()
    context = backend_context.Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(tmp_path))))
    request, experiment = RequestContext(), ""
    found = get_experiment.Handler(request, context, experiment, api_pb2.GetExperimentRequest()).run()
    assert {each.name.tag for each in found.metric_infos} == {
        f"evaluation/{name}" for name in ("return_mean", "return_exact", "gap_to_data", "out_of_data")
    }
    assert {each.name for each in found.hparam_infos} == {"alpha", "hidden", "algorithm", "capture", "updates"}
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=10, allowed_statuses=[api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_RUNNING]
    )
    rows = list_session_groups.Handler(request, context, experiment, asked).run().session_groups
    told = {
        (row.hparams["alpha"].number_value, row.hparams["hidden"].string_value): {
            each.name.tag: each.value for each in row.metric_values
        }
        for row in rows
    }
    assert told == {
        (0.5, "(8, 8)"): {"evaluation/return_exact": 1.0, "evaluation/out_of_data": 0.25},
        (0.25, "(8, 8)"): {"evaluation/return_exact": 2.0, "evaluation/out_of_data": 0.5},
    }
