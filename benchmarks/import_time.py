"""What importing costs: processor time of fresh processes, beside Python's own start and NumPy's.

    python benchmarks/import_time.py [--repeats 15] [--seed 0]

Each statement runs in processes of its own, all statements in turn in every repeat; user and system time together.
Bytecode is there already, as after an installation's first import.  The least and the median of the
repeats are noted, and the medians' ratio to that of ``import numpy``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from typing import Any

import machine

STATEMENTS = {
    "python": "pass",
    "numpy": "import numpy",
    "numpy and scipy.sparse": "import numpy, scipy.sparse, scipy.sparse.linalg, scipy.special, scipy.linalg",
    "alberdice": "import alberdice",
    "alberdice, first use of the exact layer": "import alberdice as ad; ad.games.xor().mmdp; ad.tabular.alternate",
    "alberdice, first use of data": "import alberdice as ad; ad.datasets.OfflineDataset",
}


def seconds(statement: str) -> float:
    """Processor time of a process that runs the statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="noted; nothing is drawn")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for repeat in range(options.repeats + 1):
        for name, statement in STATEMENTS.items():
            found = seconds(statement)
            if repeat:  # the first one warms the disk and writes bytecode
                times[name].append(found)
    middle = {name: statistics.median(own) for name, own in times.items()}
    table: dict[str, Any] = {
        name: {
            "statement": STATEMENTS[name],
            "median_seconds": round(middle[name], 3),
            "least_seconds": round(min(own), 3),
            "of numpy's": round(middle[name] / middle["numpy"], 2),
        }
        for name, own in times.items()
    }
    for name, row in table.items():
        print(name, row)
    conditions = machine.conditions(options.seed, ("numpy", "scipy"))
    print(machine.write("import_time", {"conditions": conditions, "repeats": options.repeats, "processor_time": table}))


if __name__ == "__main__":
    main()
