"""Kills training at random moments, lets it go on, and holds what comes of it against a run that nobody stopped.

    python tests/fuzz/kill_run.py --seed 0 --kills 105 [--json FILE]

Each of the six learners, and MAT, is trained on a matrix game in processes that end by SIGKILL: some while they start, the
others spread over the run, in updates, evaluations and the writing of checkpoints alike.  Every process has a clock of its own,
set back or ahead by up to a day.  A run that has come to its end is compared with one that was never stopped:

    state      every tensor of the checkpoint, bit for bit, and its header but for the seconds that it took
    metrics    every row, but for the seconds
    curves     every step and value, once, as TensorBoard reads the files
    kept       the policies and states that are kept, bit for bit
    result     result.json but for the seconds (MAT has none)

The seed decides learners' seeds, moments and clocks; a moment is reached by a clock, so that the update that it meets varies.
Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: of the loop's runs; so small that a kill costs little more than a process
SETTINGS: dict[str, Any] = {
    "dataset": "matrix-d",
    "updates": 420,
    "batch_size": 32,
    "hidden": (8,),
    "evaluate_every": 30,
    "evaluate_episodes": 20,
    "checkpoint_every": 23,
    "keep_policies": 5,
    "pictures": False,
    "select": "auto",
    "select_every": 60,
}
PRETRAINED = {"pretrain_updates": 100, "pretrain_batch_size": 16, "starts": 1}
LEARNERS = ("bc", "icq", "omar", "madtkd", "optidice", "alberdice", "mat")
ITERATIONS = 45


def train(learner: str, seed: int, out: Path, told: Callable[[], None], tick: int = 100) -> None:
    """Begin a run or go on with it."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        if learner == "mat":
            from alberdice.deep.online.run import train_mat
            from alberdice.deep.online.settings import MATConfig

            config = MATConfig(iterations=ITERATIONS, batch_episodes=4, epochs=2, width=8)
            train_mat("penalty-xor", config, seed, out, progress=lambda now, total, value: told())
            return
        from alberdice.deep.config import from_mapping
        from alberdice.deep.learner import learner_class
        from alberdice.deep.training import fit
        from alberdice.deep.training.loop import train as train_loop

        fit.LOOK_EVERY = 7  # curves with many points
        kind = learner_class(learner).settings
        wanted = {**SETTINGS, **PRETRAINED, "seed": seed, "algorithm": learner}
        own = {
            name: value for name, value in wanted.items() if name in kind.__dataclass_fields__
        }  # MADTKD has no hidden layers
        settings = from_mapping(own, kind(algorithm=learner), where="kills")
        train_loop(settings, out, resume=True, progress=lambda note: told())


def attempt(learner: str, seed: int, out: Path, updates: Any, shift: float) -> None:
    """A process that trains until it is killed, by a clock that is wrong by ``shift`` seconds."""
    clock = time.time
    time.time = lambda: clock() + shift  # type: ignore[assignment]

    def told() -> None:
        updates.value += 1

    train(learner, seed, out, told)


def _length(learner: str) -> int:
    return (
        ITERATIONS
        if learner == "mat"
        else SETTINGS["updates"] + (PRETRAINED["pretrain_updates"] if learner == "alberdice" else 0)
    )


def _saved(learner: str, out: Path) -> int:
    """Updates that the folder's state knows; 0 without one."""
    from alberdice.deep.training.checkpoints import read_checkpoint

    path = out / ("state.safetensors" if learner == "mat" else "checkpoint.safetensors")
    if not path.exists():
        return 0
    tensors, header = read_checkpoint(path)
    return int(tensors["numbers"][3]) if learner == "mat" else int(header["update"])


def kill(learner: str, seed: int, out: Path, share: float, rng: np.random.Generator, context: Any) -> dict[str, Any]:
    """Start or resume a run and kill it about where ``share`` of it is done; what was met."""
    updates = context.Value("q", 0, lock=False)
    shift = float(rng.uniform(-86400, 86400))
    process = context.Process(target=attempt, args=(learner, seed, out, updates, shift))
    before, target = _saved(learner, out), share * _length(learner)
    starting = bool(rng.random() < 0.2)
    process.start()
    if starting:
        time.sleep(float(rng.uniform(0.0, 0.6)))
    else:
        while before + updates.value < target and process.is_alive():
            time.sleep(0.0005)
        time.sleep(float(rng.uniform(0.0, 0.02)))  # a few updates, an evaluation or the writing of a checkpoint later
    reached = before + updates.value
    process.kill()
    process.join()
    ended = "killed" if process.exitcode == -signal.SIGKILL else f"exit code {process.exitcode}"
    return {"learner": learner, "from": before, "killed_at": reached, "clock_s": round(shift), "ended": ended}


def _plain(value: Any) -> Any:
    """Without what takes another time on another day."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not k.endswith("seconds")}
    return [_plain(each) for each in value] if isinstance(value, list) else repr(value)


def _bits(path: Path) -> Any:
    from alberdice.deep.training.checkpoints import read_checkpoint

    tensors, header = read_checkpoint(path)
    return {name: (str(t.dtype), tuple(t.shape), t.numpy().tobytes()) for name, t in tensors.items()}, _plain(header)


def _curves(out: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(out / "tensorboard"), {"scalars": 0})
    read.Reload()
    names = read.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in read.Scalars(name)] for name in names if "seconds" not in name}


def contents(learner: str, out: Path) -> dict[str, Any]:
    """All that a finished run's folder says, in parts."""
    if learner == "mat":
        return {"state": _bits(out / "state.safetensors"), "metrics": (out / "metrics.jsonl").read_text()}
    from alberdice.deep.training.run_directory import RunDirectory

    kept = sorted((*out.glob("policies/*"), *out.glob("states/*")))
    return {
        "state": _bits(out / "checkpoint.safetensors"),
        "metrics": _plain(RunDirectory(out).read_metrics()),
        "curves": _curves(out),
        "kept": {str(path.relative_to(out)): _bits(path) for path in kept},
        "result": _plain(RunDirectory(out).read_result()),
    }


def _left_over(out: Path) -> list[str]:
    """Half-written files that nothing has removed."""
    return sorted(path.name for path in out.rglob(".*") if path.name != ".lock")


def run(seed: int, kills: int, learners: tuple[str, ...] = LEARNERS) -> list[dict[str, Any]]:
    """What came of each learner's run; ``kills`` are divided among them."""
    context = multiprocessing.get_context("forkserver")
    modules = ["torch.utils.tensorboard", "alberdice.deep.training.loop", "alberdice.deep.online.run"]
    context.set_forkserver_preload(modules + [f"alberdice.deep.algorithms.{name}" for name in LEARNERS if name != "mat"])
    found = []
    for at, learner in enumerate(learners):
        count = kills // len(learners) + (at < kills % len(learners))
        rng = np.random.default_rng([seed, LEARNERS.index(learner)])  # a learner alone has the kills that it has among others
        with tempfile.TemporaryDirectory() as folder:
            whole, parts = Path(folder) / "whole", Path(folder) / "parts"
            attempts = []
            for at in range(count):
                attempts.append(kill(learner, seed, parts, (at + rng.random()) / (count + 0.5), rng, context))
            for out in (parts, whole):
                updates = context.Value("q", 0, lock=False)
                process = context.Process(target=attempt, args=(learner, seed, out, updates, 0.0))
                process.start()
                process.join()
            here, there = contents(learner, whole), contents(learner, parts)
            differing = [part for part in here if here[part] != there[part]]
            found.append({"learner": learner, "attempts": attempts, "differs": differing, "left_over": _left_over(parts)})
            print(*table(found[-1:]), flush=True)
    return found


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    """A line per learner."""
    for line in found:
        attempts = line["attempts"]
        killed = sum(each["ended"] == "killed" for each in attempts)
        start = sum(each["killed_at"] == each["from"] for each in attempts)
        words = f"differs: {', '.join(line['differs'])}" if line["differs"] else "bit for bit"
        yield f"{line['learner']:<10} {killed:>3} killed, {start:>2} of them before an update; {words}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=105)
    parser.add_argument("--learners", nargs="*", default=LEARNERS)
    parser.add_argument("--json", type=Path, default=None, help="write every kill here")
    given = parser.parse_args()
    begun = time.perf_counter()
    found = run(given.seed, given.kills, tuple(given.learners))
    killed = sum(each["ended"] == "killed" for line in found for each in line["attempts"])
    print(f"seed {given.seed}: {killed} kills, {math.ceil(time.perf_counter() - begun)} s")
    if given.json is not None:
        given.json.write_text(json.dumps({"seed": given.seed, "kills": killed, "runs": found}, indent=1) + "\n")
    return 1 if any(line["differs"] for line in found) else 0


if __name__ == "__main__":
    sys.exit(main())
