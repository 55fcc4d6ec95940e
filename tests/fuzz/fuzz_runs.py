"""What training leaves behind, as targets: a run's folder, its checkpoint, an export, a run of MAT."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alberdice.errors import AlberDICEError

SETTINGS: dict[str, Any] = {
    "algorithm": "bc",
    "dataset": "matrix-d",
    "updates": 12,
    "batch_size": 16,
    "hidden": (4,),
    "evaluate_every": 4,
    "evaluate_episodes": 5,
    "checkpoint_every": 5,
    "keep_policies": 2,
    "pictures": False,
    "select": "last",
}


class Told(AlberDICEError):
    """What a command said before it ended with exit code 1 or 2."""

    def __init__(self, words: str) -> None:
        super().__init__("", got="", expected="")
        self.words = words

    def __str__(self) -> str:
        return self.words


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _tensors(tensors: Mapping[str, Any]) -> list[Any]:
    return [[n, str(t.dtype), tuple(t.shape), t.numpy().tobytes().hex()] for n, t in sorted(tensors.items())]


@contextlib.contextmanager
def _quiet() -> Any:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def _stopped_run(folder: Path) -> Path:
    """A run that was stopped after 9 updates, with the result of one that came to its end: every file that there may be."""
    from alberdice.deep.config import from_mapping
    from alberdice.deep.learner import learner_class
    from alberdice.deep.training.loop import train

    settings = from_mapping(SETTINGS, learner_class("bc").settings(algorithm="bc"), where="fuzz")
    seen = iter(range(1, 100))

    def stop(note: str) -> None:
        if next(seen) == 9:
            raise KeyboardInterrupt

    with _quiet():
        train(settings, folder / "done")
        with contextlib.suppress(KeyboardInterrupt):
            train(settings, folder / "run", progress=stop)
    (folder / "run" / "result.json").write_bytes((folder / "done" / "result.json").read_bytes())
    return folder / "run"


def _resume(path: Path) -> None:
    """``alberdice-deep train --resume``, as a user types it."""
    from alberdice.cli.common import run_command
    from alberdice.cli.deep import _commands

    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = run_command("alberdice-deep", _commands, ["train", "--resume", "--out", str(path)], "")
    if code:
        lines = [line for line in said.getvalue().splitlines() if line.startswith("alberdice-deep: ")]
        if not lines or "a fault of the program" in lines[-1]:
            raise RuntimeError(said.getvalue()[-500:])
        raise Told(lines[-1])


def read_run(path: Path) -> str:
    """Everything that reads a run's folder: its result, metrics and policies, an evaluation, and going on with it."""
    from alberdice.deep.training.callbacks import survivors
    from alberdice.deep.training.run_directory import RunDirectory
    from alberdice.deep.training.saved_run import evaluate_run, policies_of_run

    folder = RunDirectory(path)
    with _quiet():
        done = folder.load()[1]["update"]
        read = [folder.read_result(), [row for row in folder.checked_metrics() if row["update"] <= done]]
        evaluated = [row["update"] for row in folder.load()[1]["history"]]
        kept = sorted(survivors(evaluated, SETTINGS["keep_policies"]))
        policies = [_tensors(policies_of_run(path, str(update)).save()[0]) for update in kept]
        states = [_tensors(folder.load_state(update)[0]) for update in kept]
        played = {k: v for k, v in evaluate_run(path, episodes=5).items() if k != "run"}
        del read[0]["wall_seconds"]
    _resume(path)
    after = [[row["update"], row["return_mean"]] for row in folder.read_metrics()]
    return _digest(read, policies, states, played, _tensors(folder.load()[0]), after)


def _alone(folder: Path) -> Path:
    place = folder / "alone"
    place.mkdir()
    (place / "checkpoint.safetensors").write_bytes((_stopped_run(folder / "made") / "checkpoint.safetensors").read_bytes())
    return place / "checkpoint.safetensors"


def read_checkpoint_file(path: Path) -> str:
    """A checkpoint, and the policies in it."""
    from alberdice.deep.training.checkpoints import read_checkpoint
    from alberdice.deep.training.saved_run import policies_of_run

    tensors, header = read_checkpoint(path)
    policies, shape = policies_of_run(path.parent).save()
    return _digest(_tensors(tensors), header, _tensors(policies), shape)


def _export(folder: Path) -> Path:
    from alberdice.deep.training.export import export
    from alberdice.deep.training.saved_run import policies_of_run

    return export(policies_of_run(_stopped_run(folder / "made")), folder / "mine.safetensors")


def read_exported(path: Path) -> str:
    """Exported policies."""
    from alberdice.deep.training.export import read_export

    policies, about = read_export(path)
    tensors, header = policies.save()
    return _digest(_tensors(tensors), header, about)


def _mat(folder: Path, iterations: int = 10) -> Path:
    from alberdice.deep.online.run import train_mat
    from alberdice.deep.online.settings import MATConfig

    config = MATConfig(iterations=iterations, batch_episodes=2, epochs=1, width=4)
    return train_mat("penalty-xor", config, 0, folder / "mat")


def read_mat(path: Path) -> str:
    """A run of MAT: its policies, and going on with it."""
    from alberdice.deep.online.folder import mat_player

    played = _tensors(mat_player(path).network.state_dict())
    _mat(path.parent)
    return _digest(played, (path / "metrics.jsonl").read_text())


#: name, how a sample is made, how it is read
RUNS: tuple[tuple[str, Callable[[Path], Path], Callable[[Path], str]], ...] = (
    ("run", _stopped_run, read_run),
    ("checkpoint", _alone, read_checkpoint_file),
    ("export", _export, read_exported),
    ("mat run", _mat, read_mat),
)
