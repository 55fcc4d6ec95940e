"""What a run is while it goes on, as a checkpoint: taken down, and taken up again where it was or in another folder.

Whatever does not belong to the run that goes on is refused: other settings, other data, tensors of other shapes.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from alberdice.console import warn
from alberdice.datasets import OfflineDataset
from alberdice.datasets.subset import Split
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import Learner
from alberdice.deep.play.returns import Evaluation
from alberdice.deep.play.venue import Venue
from alberdice.deep.training.checkpoints import check_state
from alberdice.deep.training.evaluators import Returns, ShareOutOfData
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.ranks import Ranks
from alberdice.deep.training.run_directory import RunDirectory, plain_numbers
from alberdice.deep.training.saved_run import DEPLOYED, check_header
from alberdice.deep.training.selection import SCORES, SELECTED, Selector, split_selection
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError
from alberdice.readers import library_errors

__all__ = ["Origin", "Run", "begin_from", "check_folder", "resume", "state_of"]

#: what result.json calls runs that came to their end
JUDGED = ("done", "below_behaviour")


@dataclass(frozen=True)
class Origin:
    """Where a run begins that goes on from another one.

    Attributes:
        path: that run's folder.
        update: 'last', its checkpoint, or the number of updates of a kept evaluation.
    """

    path: Path
    update: str = "last"


@dataclass
class Run:
    """A run under way; ``names`` are its algorithm and dataset, ``origin`` the run and the update that it went on from.

    ``split`` are its data, and which of their episodes are held out of learning; ``ranks`` are the processes that share
    its updates; ``played`` is what play said of the last policies beside the data and their clone; ``before`` is what
    result.json says of a run that was over and is left as it is.
    """

    config: TrainConfig
    names: dict[str, str]
    folder: RunDirectory | None
    split: Split
    venue: Venue
    device: str
    fitting: Fitting
    selector: Selector
    returns: Returns | None
    outside: ShareOutOfData | None
    origin: dict[str, Any] | None = None
    ranks: Ranks | None = None
    played: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    begun: float = field(default_factory=time.perf_counter)

    @property
    def dataset(self) -> OfflineDataset:
        """All of the data."""
        return self.split.whole

    @property
    def leads(self) -> bool:
        """Whether this process has the run's folder, judges and speaks."""
        return self.ranks is None or self.ranks.place == 0

    @property
    def learner(self) -> Learner:
        """Who learns."""
        return self.fitting.learner


def check_folder(folder: RunDirectory, config: TrainConfig, resume: bool) -> None:
    """Refuse to overwrite a run, or to continue another one."""
    if not folder.holds_run:
        return
    if not resume:
        remedy = "add --resume to continue it, or choose another --out"
        raise InvalidArgumentError(str(folder.path), got="a folder that holds a run", expected="an empty one", remedy=remedy)
    if not folder.has_checkpoint:
        return
    was = folder.read_json("config.json") if (folder.path / "config.json").exists() else {}
    was = {name: math.inf if value is None else value for name, value in was.items()}  # JSON has no infinity
    if not config.same_as(was, str(folder.load()[1].get("fingerprint"))):
        now = json.loads(json.dumps(asdict(config)))
        known = {**config.plain(), **config.earlier(was)}
        name = next((key for key in now if config.decides(key) and known[key] != now[key]), "")
        if not name:
            got, expected = "settings that the run did not begin with", "those that its checkpoint began with"
            raise InvalidArgumentError(str(folder.path / "config.json"), got=got, expected=expected)
        remedy = "resume with the settings of config.json, or choose another --out"
        began = "nothing" if known[name] == "" else known[name]
        raise InvalidArgumentError(name, got=now.get(name), expected=f"{began}, as the run began", remedy=remedy)


def state_of(run: Run) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a checkpoint: everything that the next update depends on."""
    fitting, (deployed, shape) = run.fitting, run.fitting.policies.save()
    selected, selection = run.selector.state()
    tensors = {**run.learner.state_dict(), "generator": fitting.generator.get_state(), **selected}
    tensors |= {f"{DEPLOYED}{name}": tensor for name, tensor in deployed.items()}
    latest = run.returns.latest if run.returns else None
    return tensors, {
        "update": fitting.done,
        "total": fitting.total,
        "train_seconds": fitting.seconds,
        "history": fitting.history,
        "fingerprint": run.config.fingerprint(),
        "data": run.dataset.digest,
        "held_out": run.split.as_json(),
        **run.names,
        "policies": shape,
        "venue": run.venue.facts,
        "selection": selection,
        "evaluation": asdict(latest) if latest else None,
        "out_of_data": run.outside.latest if run.outside else None,
        "origin": run.origin,
    }


def resume(run: Run, folder: RunDirectory) -> None:
    """Go on from the folder's own checkpoint; a run that is over and whole stays as it is, see ``Run.before``.

    Raises:
        InvalidDataError: another run's, or a damaged one.
    """
    tensors, header = folder.load()
    _restore(run, str(folder.path / "checkpoint.safetensors"), tensors, header)
    run.before = _result_of_whole(run, folder)
    if run.before is not None:
        run.fitting.history[:] = header.get("history") or folder.read_metrics(run.fitting.done)
    elif header.get("history") is None:  # of a release whose checkpoints left the rows to their file
        run.fitting.history[:] = folder.read_metrics(run.fitting.done)
    else:
        run.fitting.history[:] = header["history"]
        if wrong := folder.release_metrics(header):
            warn(f"warning: {wrong}")
    run.origin = header.get("origin")
    lacking = header.get("fingerprint") != run.config.fingerprint()
    if run.before is None and lacking:  # a setting that an older release lacked: config.json gets it next
        folder.save(*state_of(run))


def _result_of_whole(run: Run, folder: RunDirectory) -> dict[str, Any] | None:
    """What result.json says of a run that is over, with these very settings; None where something is to be made or mended."""
    if run.ranks is not None or not run.fitting.over:
        return None
    try:
        result, settings = folder.read_result(), folder.read_json("config.json")
        folder.checked_metrics()
    except AlberDICEError:
        return None
    now = json.loads(json.dumps(plain_numbers(asdict(run.config))))
    same = all(now.get(name) == value for name, value in settings.items())
    whole = same and result.get("status") in JUDGED and result.get("updates") == run.fitting.done
    drawn = not run.config.pictures or (folder.path / "pictures").is_dir()
    return result if whole and drawn else None


def begin_from(run: Run, origin: Origin) -> None:
    """Go on from another run's state: with the settings of this one from there on, of the same algorithm on the same data.

    Raises:
        InvalidArgumentError: no such run or state, another algorithm, networks of other shapes, no update left.
        InvalidDataError: other data, or a damaged file.
    """
    folder, where = RunDirectory(origin.path), f"{origin.path}, update {origin.update}"
    if origin.update == "last":
        tensors, header = folder.load()
    elif origin.update.isdecimal():
        tensors, header = folder.load_state(int(origin.update))
    else:
        raise InvalidArgumentError("from_update", got=repr(origin.update), expected="last or a number of updates")
    if header.get("algorithm") != run.names["algorithm"]:
        got, expected = f"a run of {header.get('algorithm')}", f"one of {run.names['algorithm']}"
        raise InvalidArgumentError(where, got=got, expected=expected, remedy="a run goes on with its own algorithm")
    _restore(run, where, tensors, header, remedy="go on with the settings of that run that shape networks")
    if run.fitting.done >= run.fitting.total:
        got, expected = f"{run.fitting.done} updates done", f"fewer than this run's {run.fitting.total}"
        raise InvalidArgumentError(where, got=got, expected=expected, remedy="raise updates, or go on from an earlier one")
    run.fitting.history[:] = header.get("history") or []
    run.origin = {"run": str(origin.path), "update": run.fitting.done}


def _restore(run: Run, where: str, tensors: dict[str, Tensor], header: dict[str, Any], remedy: str = "") -> None:
    """Take a state up; whatever does not belong to this very run is refused."""
    check_header(where, header)
    if header.get("data", run.dataset.digest) != run.dataset.digest:
        words = "resume on the data that the run began with, or choose another --out"
        got = "other content than when the run began"
        raise InvalidDataError(f"dataset {run.dataset.name!r}", got=got, expected="the same data", remedy=words)
    if header.get("held_out", {}) != run.split.as_json():
        got, words = "a run that held out other episodes", "go on with that run's held_out and seed"
        raise InvalidDataError(where, got=got, expected="the same ones: what was learned from scores nothing", remedy=words)
    missing = [name for name in ("update", "train_seconds", "selection") if name not in header]
    if missing or "generator" not in tensors:
        got, words = f"no {', '.join(missing) or 'generator'}", "begin the run again in another folder"
        raise InvalidDataError(where, got=got, expected="a checkpoint of this release", remedy=words)
    kept = {name: tensors.pop(name) for name in [*tensors] if name.startswith((SELECTED, SCORES))}
    with library_errors(where, "a checkpoint of this release"):
        run.fitting.generator.set_state(tensors.pop("generator"))
        run.selector.restore(*split_selection(kept), header["selection"])
        if header.get("evaluation") and run.returns:
            run.returns.latest = Evaluation(**header["evaluation"])
    own = {name: t.to(run.device) for name, t in tensors.items() if not name.startswith(DEPLOYED)}
    check_state(where, own, run.learner.state_dict(), remedy)
    run.learner.load_state_dict(own)
    run.fitting.done, run.fitting.seconds = header["update"], header["train_seconds"]
    if run.outside:
        run.outside.latest = header.get("out_of_data")
