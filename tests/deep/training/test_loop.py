"""The loop: determinism, resuming bit for bit, signals, locks, collapse, full disks."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from run_samples import Killed, final_state, kill_at

from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.loop import Extras, run_training, train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import evaluate_run, policies_of_run
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError, SolverError


def test_files_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train(tiny(), out)
    assert RunDirectory(out).read_result() == json.loads(json.dumps(result))
    wanted = "algorithm dataset seed return_mean return_stderr episodes updates wall_seconds train_seconds device versions"
    assert set(wanted.split()) <= result.keys()
    assert result["status"] == "done"
    assert result["updates"] == 22
    assert {p.name for p in out.iterdir()} == {
        ".lock",
        "checkpoint.safetensors",
        "config.json",
        "metrics.csv",
        "policies",
        "result.json",
        "states",
        "tensorboard",
    }
    assert any((out / "tensorboard").iterdir())


def test_one_seed_one_result_and_other_seeds_others() -> None:
    assert equal(trained(tiny()), trained(tiny()))
    assert not equal(trained(tiny()), trained(tiny(seed=1)))


def test_the_loop_adds_nothing_to_the_learning(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    saved = final_state(tmp_path / "run")
    plain = trained(tiny())
    assert all(torch.equal(saved[name], tensor) for name, tensor in plain.items())


@pytest.mark.parametrize("at", [1, 7, 10, 11, 17, 21])
def test_resume_is_bit_for_bit(tmp_path: Path, at: int) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    with pytest.raises(Killed):
        train(tiny(), parts, progress=kill_at(at))
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))
    first, second = ((folder / "metrics.csv").read_text().splitlines() for folder in (whole, parts))
    assert len(first) == len(second) == 3
    for line, other in zip(first[1:], second[1:], strict=True):
        values, others = line.split(","), other.split(",")
        assert [*values[:1], *values[2:]] == [*others[:1], *others[2:]]  # all but the seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_stop(tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    updates = iter(range(1, 100))

    def progress(note: str) -> None:
        if next(updates) == 13:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), parts, progress=progress)
    assert signal.getsignal(number) is before
    assert RunDirectory(parts).load()[1]["update"] == 14
    assert "stopped at update 14" in capsys.readouterr().err
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


def test_resuming_a_finished_run_keeps_its_result(tmp_path: Path) -> None:
    first = train(tiny(), tmp_path / "run")
    again = train(tiny(), tmp_path / "run", resume=True)
    assert np.isfinite(first["return_mean"])
    for name in ("status", "updates", "return_mean", "return_stderr", "episodes", "return_exact"):
        assert again[name] == first[name], name


def test_resuming_a_finished_run_leaves_it_as_it_is(tmp_path: Path) -> None:
    """Not even the versions in its result are those of now; what is gone, or asked for otherwise, is made."""

    def files() -> dict[str, tuple[bytes, int]]:
        found = (path for path in tmp_path.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    folder, first = RunDirectory(tmp_path), train(tiny(), tmp_path)
    folder.write_result({**first, "versions": {"alberdice": "0"}})
    before = files()
    again = run_training(tiny(), tmp_path, resume=True)
    assert files() == before
    assert again.result["versions"] == {"alberdice": "0"}
    assert again.history[-1]["update"] == 22
    assert equal(
        again.learner.state_dict(), {k: v for k, v in final_state(tmp_path).items() if k in again.learner.state_dict()}
    )
    for change in ({"evaluate_episodes": 30}, {}):
        assert train(tiny(**change), tmp_path, resume=True)["versions"] != {"alberdice": "0"}
    (tmp_path / "result.json").unlink()
    assert train(tiny(), tmp_path, resume=True)["return_mean"] == first["return_mean"]
    assert (tmp_path / "result.json").exists()


def test_a_run_that_was_stopped_by_a_caller_goes_on(tmp_path: Path) -> None:
    """Though its result says that it is done."""

    class Enough:
        def after_update(self, fitting: Fitting) -> None:
            if fitting.done == 15:
                fitting.stop("enough")

    stopped = run_training(tiny(), tmp_path, extras=Extras(callbacks=[Enough()])).result
    assert (stopped["status"], stopped["updates"]) == ("done", 15)
    assert train(tiny(), tmp_path, resume=True)["updates"] == 22


def test_the_note_shows_return_gap_and_effective_rows_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alberdice.deep.training.fit.LOOK_EVERY", 4)
    notes: list[str] = []
    train(tiny(evaluate_every=3), tmp_path / "run", progress=notes.append)
    assert notes[:3] == ["", "", ""]
    assert notes[3] == "update 4"
    evaluated = re.fullmatch(r"return (-?[\d.]+), gap ([+-][\d.]+), rows \d+", notes[12])
    assert evaluated
    data_return = json.loads((tmp_path / "run" / "result.json").read_text())["data_return"]
    assert float(evaluated[1]) - float(evaluated[2]) == pytest.approx(data_return, abs=0.002)
    looked = notes[19]  # update 20: only looked at; the last evaluation, of update 19, is still shown
    shown = [note.rpartition(", ") for note in (looked, notes[18], notes[12])]
    assert shown[0][0] == shown[1][0] != shown[2][0]


def test_a_run_is_neither_overwritten_nor_continued_as_another(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(tiny(), out)
    with pytest.raises(InvalidArgumentError, match=r"a folder that holds a run.*--resume"):
        train(tiny(), out)
    with pytest.raises(InvalidArgumentError, match=r"alpha_end: got 0.1, expected 0.02, as the run began"):
        train(tiny(alpha_end=0.1), out, resume=True)
    before = final_state(out)
    assert train(tiny(evaluate_episodes=30), out, resume=True)["status"] == "done"
    assert equal(before, final_state(out))


def test_a_folder_in_use_is_locked(tmp_path: Path) -> None:
    with RunDirectory(tmp_path).locked(), pytest.raises(InvalidArgumentError, match="a run in progress"):
        train(tiny(), tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InvalidArgumentError, match="got a file, expected a folder"):
        train(tiny(), tmp_path / "run")


def test_collapse_stops_with_an_explanation(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match=r"leans on .* of 32 samples at alpha = .*raise alpha_end, batch_size or hold_share"):
        train(tiny(collapse_rows=1e6), tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "diverged"
    assert result["reason"].startswith("training at update")


def test_not_a_number_stops_with_an_explanation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alberdice.deep import losses

    monkeypatch.setattr(losses, "i_projection_loss", lambda table, *rest: table.sum() * float("nan"))
    with pytest.raises(SolverError, match=r"a loss is not finite.*lower learning_rate"):
        train(tiny(), tmp_path / "run")


def test_a_full_disk_loses_nothing_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts, real, calls = tmp_path / "whole", tmp_path / "parts", os.fsync, []
    train(tiny(), whole)

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 6:  # two for config.json and for each of two checkpoints: the file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="no room left on the disk"):
        train(tiny(keep_policies=0), parts)
    monkeypatch.setattr(os, "fsync", real)
    assert RunDirectory(parts).load()[1]["update"] == 10
    assert not list(parts.glob(".*.partial-*"))
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


def test_policies_come_from_the_checkpoint_alone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train(tiny(), out)
    found = evaluate_run(out, episodes=50, seed=3)
    assert found["return_exact"] == pytest.approx(result["return_exact"], abs=1e-12)
    assert found["episodes"] == 50
    assert policies_of_run(out).n_actions == (2, 2)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        policies_of_run(tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidDataError, match="a safetensors file"):
        policies_of_run(tmp_path)


def test_a_run_goes_on_with_its_own_data_only(tmp_path: Path) -> None:
    first, other = chain_dataset(), chain_dataset(1)
    config = tiny("bc", dataset=first.name, environment="none")
    with pytest.raises(Killed):
        run_training(config, tmp_path, dataset=first, progress=kill_at(7))
    with pytest.raises(InvalidDataError, match=r"dataset 'chain': got other content than when the run began"):
        run_training(config, tmp_path, dataset=other, resume=True)
    assert run_training(config, tmp_path, dataset=first, resume=True).result["updates"] == 12


def test_a_folder_without_its_settings_is_neither_overwritten_nor_continued_with_others(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    with pytest.raises(Killed):
        train(tiny(), parts, progress=kill_at(12))
    (parts / "config.json").unlink()
    with pytest.raises(InvalidArgumentError, match="a folder that holds a run"):
        train(tiny(), parts)
    with pytest.raises(InvalidArgumentError, match="as the run began"):
        train(tiny(alpha_end=0.1), parts, resume=True)
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


CHANGES = {
    "gone": (None, "no such file"),
    "empty": (lambda text: "", "metrics.csv"),
    "short": (lambda text: text.splitlines()[0] + "\n", "other rows than the checkpoint knows"),
    "another number": (lambda text: text.replace("\n16,", "\n15,"), "other rows than the checkpoint knows"),
    "a column more": (lambda text: text.replace("update", "mine,update").replace("\n16", "\n3,16"), "other rows"),
    "other": (lambda text: "nothing,of\nthe,kind\n", "header: got nothing,of"),
}


@pytest.mark.parametrize("damage", CHANGES)
def test_resuming_mends_lost_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    """From the checkpoint, which knows the rows; it is said, and what somebody wrote into the file is kept."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    with pytest.raises(Killed):
        train(tiny(), parts, progress=kill_at(21))
    path, kept = parts / "metrics.csv", parts / "metrics.csv.changed"
    change, words = CHANGES[damage]
    text = None if change is None else change(path.read_text())
    path.unlink()
    if text is not None:
        path.write_text(text)
    capsys.readouterr()
    train(tiny(), parts, resume=True)
    assert words in capsys.readouterr().err
    assert (kept.read_text() if kept.exists() else None) == text
    rows = [RunDirectory(folder).read_metrics() for folder in (whole, parts)]
    assert [row["update"] for row in rows[1]] == [row["update"] for row in rows[0]] == [16, 22]
    assert [row["return_mean"] for row in rows[1]] == [row["return_mean"] for row in rows[0]]


def test_rows_before_the_first_evaluation_are_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    with pytest.raises(Killed):
        train(tiny(), parts, progress=kill_at(12))  # a checkpoint of update 11 that knows of no evaluation
    assert RunDirectory(parts).load()[1]["history"] == []
    (parts / "metrics.csv").write_text("update,return_mean\n3,99.0\n")
    train(tiny(), parts, resume=True)
    assert "other rows than the checkpoint knows" in capsys.readouterr().err
    assert [row["update"] for row in RunDirectory(parts).read_metrics()] == [16, 22]


def test_rows_after_the_checkpoint_are_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed process may leave them: nothing is wrong, and nothing is said."""
    with pytest.raises(Killed):
        train(tiny(), tmp_path, progress=kill_at(21))
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1].replace("16,", "21,", 1) + "\n")
    capsys.readouterr()
    train(tiny(), tmp_path, resume=True)
    assert "metrics.csv" not in capsys.readouterr().err
    assert [row["update"] for row in RunDirectory(tmp_path).read_metrics()] == [16, 22]


def test_policies_of_evaluations_are_kept_and_found_again(tmp_path: Path) -> None:
    result = train(tiny(evaluate_every=2, keep_policies=3), tmp_path)
    kept = RunDirectory(tmp_path).kept_updates()
    assert kept[-1] == result["updates"] == 22
    assert 2 <= len(kept) <= 3
    last, early = (policies_of_run(tmp_path, str(update)) for update in (kept[-1], kept[0]))
    assert torch.equal(last.parameters, policies_of_run(tmp_path, "last").parameters)  # type: ignore[attr-defined]
    assert not torch.equal(early.parameters, last.parameters)  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgumentError, match=rf"update: got 11, expected one of .*{kept[0]}"):
        policies_of_run(tmp_path, "11")
