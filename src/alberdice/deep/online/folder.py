"""The folder of a run of MAT: written so that a kill loses nothing that was saved, read so that no damage passes for a state.

RUN/mat.json            environment and how it is read, settings, the networks' shape, the dataset it was cloned from
RUN/state.safetensors   networks, moments, units, iterations done, and the metrics so far, under one checksum
RUN/metrics.jsonl       the metrics for people, one line per iteration: return, losses, episodes and steps so far
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alberdice.console import warn
from alberdice.deep.online.mat import MAT, MATPlayer
from alberdice.deep.online.network import MultiAgentTransformer
from alberdice.deep.training.checkpoints import check_state, read_checkpoint, read_tensors, write_checkpoint
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import is_file, storage_errors, write_atomically
from alberdice.readers import parse_json, read_json, read_text

__all__ = ["begin", "held", "is_mat_run", "keep", "mat_player"]

Lines = list[dict[str, Any]]

_SHAPE = {"observation", "choices", "n_agents", "width", "heads", "blocks"}


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold a new folder, or that of a run of MAT, while the block runs.

    Raises:
        InvalidArgumentError: another process holds it, or it holds something else.
    """
    strange = not is_file(out / "mat.json") and out.exists()
    if strange and (not out.is_dir() or any(path.name != ".lock" for path in out.iterdir())):
        expected, remedy = "nothing, or a run of MAT", "choose another folder"
        raise InvalidArgumentError(str(out), got="something else", expected=expected, remedy=remedy)
    with RunDirectory(out).locked():
        yield


def begin(out: Path, header: dict[str, Any], learner: MAT) -> Lines:
    """Say in the folder what the run is, or take up what is in it; the metrics that its state knows.

    Raises:
        InvalidArgumentError: a run of other settings.
        InvalidDataError: damaged files.
    """
    path = out / "mat.json"
    if not is_file(path):
        write_atomically(path, json.dumps(header, indent=1).encode())
        return []
    differing = next(_differences(json.loads(json.dumps(header)), read_json(path)), None)
    if differing:
        name, got, was = differing
        remedy = "go on with the same settings, or choose another folder"
        raise InvalidArgumentError(f"{out}, {name}", got=got, expected=f"{was}, as begun", remedy=remedy)
    if not is_file(out / "state.safetensors"):
        return []
    tensors, saved = _state(out)
    check_state(str(out / "state.safetensors"), tensors, _expected(learner))
    learner.load(tensors)
    lines: Lines = [line for line in saved["lines"] if line["iteration"] <= learner.iteration]
    _release(out, lines)
    _tell(out, lines)
    return lines


def _differences(now: dict[str, Any], was: dict[str, Any], of: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Entries of either table in which they differ, by their whole names; what is not there, or empty, is called nothing."""
    for key in {**now, **was}:
        one, other = (table.get(key, "") for table in (now, was))
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{of}{key}.")
        elif one != other:
            yield f"{of}{key}", "nothing" if one == "" else one, "nothing" if other == "" else other


def keep(out: Path, learner: MAT, lines: Lines) -> None:
    """Write metrics, then state: a killed process may leave lines that the state does not know, never fewer than it knows."""
    _tell(out, lines)
    write_checkpoint(out / "state.safetensors", learner.state(), {"network": learner.network.shape, "lines": lines})


def _tell(out: Path, lines: Lines) -> None:
    write_atomically(out / "metrics.jsonl", _text(lines))


def _text(lines: Lines) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _release(out: Path, lines: Lines) -> None:
    """Say what is wrong with the metrics that are about to be written anew; a changed file is kept as metrics.jsonl.changed."""
    path = out / "metrics.jsonl"
    with storage_errors(path):
        if not is_file(path):
            warn(f"warning: {path}: no such file; written anew from the state")
        elif not path.read_bytes().startswith(_text(lines)):
            os.replace(path, kept := out / "metrics.jsonl.changed")
            got = "other lines than the state knows"
            warn(f"warning: {path}: got {got}; written anew from the state, the changed file is {kept}")


def _expected(learner: MAT) -> dict[str, Tensor]:
    """Tensors of the names, types and shapes of a state."""
    found = {name: t for name, t in learner.state().items() if not name.startswith("adam.")}
    for at, parameter in enumerate(learner.network.parameters()):
        found |= {f"adam.{at}.step": torch.zeros(())}
        found |= {f"adam.{at}.{name}": parameter.detach() for name in ("exp_avg", "exp_avg_sq")}
    return found


def _state(out: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, and the ``network`` and ``lines`` that belong to them."""
    path = out / "state.safetensors"
    tensors, metadata = read_tensors(path)
    if metadata:
        tensors, saved = read_checkpoint(path)
    else:  # as of a release whose states carried no checksum, and left the metrics to their file
        told = [parse_json(line, str(out / "metrics.jsonl")) for line in read_text(out / "metrics.jsonl").splitlines()]
        saved = {"network": read_json(out / "mat.json").get("network"), "lines": told}
    shape, lines = saved.get("network"), saved.get("lines")
    sizes = shape.values() if isinstance(shape, dict) and shape.keys() == _SHAPE else ()
    if not sizes or not all(isinstance(size, int) and 0 < size < 100_000 for size in sizes):
        raise InvalidDataError(f"{path}: network", got=repr(shape)[:200], expected=f"the sizes {', '.join(sorted(_SHAPE))}")
    if not isinstance(lines, list) or not all(isinstance(line, dict) and _counted(line) for line in lines):
        raise InvalidDataError(f"{path}: lines", got=repr(lines)[:200], expected="the metrics of every iteration")
    numbers = tensors.get("numbers", torch.zeros(0))
    if numbers.shape != (4,) or not bool(numbers.isfinite().all()) or numbers[3] < 0:
        raise InvalidDataError(f"{path}: numbers", got=numbers.tolist(), expected="mean, square, weight, iterations done")
    return tensors, saved


def _counted(line: dict[str, Any]) -> bool:
    """Whether a line of metrics counts iterations and steps."""
    return all(isinstance(n, int) and n >= 0 for n in (line.get("iteration"), line.get("steps", 0)))


def is_mat_run(folder: Path) -> bool:
    """Whether this is a folder of ``train_mat``."""
    return is_file(folder / "mat.json")


def mat_player(folder: Path) -> MATPlayer:
    """The policy of a run, from its folder alone.

    Raises:
        InvalidDataError: no state there, or one that is damaged.
    """
    tensors, saved = _state(folder)
    own = {name: t for name, t in tensors.items() if name.startswith("network.")}
    if saved["network"]["width"] % saved["network"]["heads"]:
        raise InvalidDataError(f"{folder}: heads", got=saved["network"]["heads"], expected="a divisor of the width")
    with torch.device("meta"):  # nothing of a declared size is made before the tensors are found to have it
        network = MultiAgentTransformer(**saved["network"])
    check_state(str(folder / "state.safetensors"), own, {f"network.{name}": t for name, t in network.state_dict().items()})
    network.load_state_dict({name.removeprefix("network."): t for name, t in own.items()}, assign=True)
    return MATPlayer(network)
