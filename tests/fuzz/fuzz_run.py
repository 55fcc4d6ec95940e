"""Damages valid files of every format that is read, and counts what becomes of them.

    python tests/fuzz/fuzz_run.py --seed 0 --cases 2000 [--json FILE]

    same             the damage did not matter
    clear error      an error of this package that names the file
    other content    read, with other content: formats without checksums cannot know
    wrong content    the same in a format with checksums                                    must not be
    unclear error    an error that does not say which file                                  must not be
    traceback        any other exception                                                    must not be
    memory           more than 4 GiB                                                        must not be
    hang             no answer in a minute of work                                            must not be
    crash            the process died                                                       must not be

Exit code 1 if there is one that must not be.
"""

from __future__ import annotations

import argparse
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

GOOD = ("same", "clear error", "other content")
BAD = ("wrong content", "unclear error", "traceback", "memory", "hang", "crash")
#: seconds without a word; a machine that is busy is no hang, so that a case is given the processor's time (``fuzz_worker``)
PATIENCE = 900.0


def run(seed: int, cases: int, first: int = 0, formats: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What became of each case; the process is begun anew where it died or hung."""
    found: list[dict[str, Any]] = []
    last = first + cases
    while first < last:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(Path(__file__).with_name("fuzz_worker.py"))]
            command += [str(seed), str(first), str(last), folder, *formats]
            lines, ended = _listen(command)
            done = [line for line in lines if "outcome" in line]
            found += done
            first += len(done)
            if ended == "done" and not done:
                raise RuntimeError("the worker said nothing")
            if first < last and ended != "done":  # the case that it began with is the one that killed it
                begun = [line for line in lines if line["case"] == first and "outcome" not in line]
                if not begun:
                    raise RuntimeError(f"the worker ended before case {first}")
                found.append({**begun[0], "outcome": "hang" if ended == "hang" else "crash", "words": ended, "peak_mib": 0})
                first += 1
    return found


def _listen(command: list[str]) -> tuple[list[dict[str, Any]], str]:
    """The lines that a worker says, and how it ended."""
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        heard: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_hear, args=(worker.stdout, heard), daemon=True).start()
        while True:
            try:
                line = heard.get(timeout=PATIENCE)
            except queue.Empty:
                worker.kill()
                return lines, "hang"
            if not line:
                break
            lines.append(json.loads(line))
        code = worker.wait()
        words = worker.stderr.read().strip().splitlines()
    if code == 1 and words:
        raise RuntimeError(words[-1])  # the fuzzer's own mistake
    if code == -signal.SIGPROF:
        return lines, "hang"
    return lines, "done" if code == 0 else f"exit code {code}: {words[-1] if words else ''}"


def _hear(stream: IO[str], heard: queue.Queue[str]) -> None:
    """Hand on every line, and an empty one at the end."""
    for line in stream:
        heard.put(line)
    heard.put("")


def table(found: list[dict[str, Any]]) -> str:
    """Counts by format and outcome."""
    formats = list(dict.fromkeys(line["format"] for line in found))
    counts = Counter((line["format"], line["outcome"]) for line in found)
    heads = [*GOOD, *BAD]
    rows = [" | ".join(["format".ljust(20), *heads])]
    for name in [*formats, "all"]:
        cells = [sum(counts[f, head] for f in formats) if name == "all" else counts[name, head] for head in heads]
        rows.append(
            " | ".join([name.ljust(20), *(str(cell).rjust(len(head)) for cell, head in zip(cells, heads, strict=True))])
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--formats", nargs="*", default=(), help="these alone")
    parser.add_argument("--json", type=Path, default=None, help="write every case here")
    given = parser.parse_args()
    found = run(given.seed, given.cases, formats=given.formats)
    print(table(found))
    print(f"seed {given.seed}, {len(found)} cases, peak memory {max(line['peak_mib'] for line in found)} MiB")
    bad = [line for line in found if line["outcome"] in BAD]
    for line in bad[:50]:
        print(json.dumps(line))
    if given.json is not None:
        given.json.write_text("".join(json.dumps(line) + "\n" for line in found))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
