"""Reads damaged samples and says, a line each, what became of them: ``fuzz_worker.py SEED FIRST LAST FOLDER [FORMATS]``.

It runs as a process of its own, so that a crash or a hang of a library is seen by its parent (``fuzz_run.py``) as what it is.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_mutations import FORGED, fresh_copy, mutate
from fuzz_targets import TARGETS, Target, make_samples

from alberdice.errors import AlberDICEError

MEMORY = 4 << 30
#: seconds of the processor's time for a case; then SIGPROF ends this process
WORK = 60.0


def outcome(target: Target, path: Path, expected: str, place: Path) -> tuple[str, str]:
    """What reading gave: same, other content, wrong content, clear error, unclear error, traceback or memory; and words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = target.read(path)
    except AlberDICEError as problem:
        words = str(problem)
        named = str(place) in words or path.name in words
        return ("clear error" if named and "\n" not in words else "unclear error"), words[:300]
    except MemoryError as problem:
        return "memory", repr(problem)[:300]
    except BaseException as problem:
        return "traceback", f"{type(problem).__name__}: {problem}"[:300]
    if found == expected:
        return "same", ""
    return ("wrong content" if target.sealed else "other content"), ""


def main() -> None:
    seed, first, last, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    targets = [target for target in TARGETS if target.name in sys.argv[5:] or not sys.argv[5:]]
    samples = make_samples(folder / "samples", targets)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(first, last):
        rng = np.random.default_rng([seed, case])
        target = targets[case % len(targets)]
        home, path, expected = samples[target.name]
        place = folder / "case"
        copy = fresh_copy(home, path, place)
        said: dict[str, Any] = {"case": case, "format": target.name}
        said["damage"] = mutate(copy, rng)
        print(json.dumps(said), flush=True)  # before reading: should this process die, the case is known
        signal.setitimer(signal.ITIMER_PROF, WORK)
        said["outcome"], said["words"] = outcome(target, copy, expected, place)
        if said["outcome"] == "wrong content" and said["damage"].startswith(FORGED):
            said["outcome"] = "other content"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said["peak_mib"] = peak // 1024
        if (peak - base) * 1024 > MEMORY:
            said["outcome"] = "memory"
        print(json.dumps(said), flush=True)
        if said["outcome"] == "memory":  # a peak never sinks: the cases that follow get a process of their own
            return


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
