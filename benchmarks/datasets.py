"""How fast and how large: opening, making tensors and sampling, beside plain Minari and a Vault.

    python benchmarks/datasets.py [--episodes 1000] [--steps 500] [--agents 4] [--features 71] [--seed 0] [--out FILE]

One dataset (by default 500,000 steps of 4 agents with 71 features, float32) is written in each format.  Then every reader
runs in a process of its own: wall and processor seconds to arrays in memory, seconds to torch tensors, batches of 1,024
transitions (with their next observations) per second on one thread, and the process's peak resident memory (for mapped arrays
that counts the pages in use, which the system may take back).  Files are read once before, so that all readers find them in
the page cache.

    native          open_dataset: digests and every invariant checked
    native, unverified   open_dataset(verify=False): invariants only
    native, mapped  open_dataset(memory_share=0): arrays in a scratch file
    minari          minari.load_dataset, every episode read, episodes joined
    vault           read_vault: every invariant checked
    vault, plain    tensorstore alone, every leaf read
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alberdice import machine

BATCH = 1024
READERS = ("native", "native, unverified", "native, mapped", "minari", "vault", "vault, plain")


def make(args: argparse.Namespace) -> Any:
    """A dataset of random numbers, one in eight of them zero, as warehouse observations mostly are coarse."""
    from alberdice.datasets.build import Arrays

    rng = np.random.default_rng(args.seed)
    arrays = Arrays(
        np.full(args.episodes, args.steps),
        [5] * args.agents,
        state=(7 * args.agents, np.float32),
        observation=(args.features, np.float32),
        reward=np.float32,
        masks=True,
    )
    for array in (arrays.frame_observations, arrays.frame_states):
        for start in range(0, len(array), 20_000):
            part = array[start : start + 20_000]
            part[:] = rng.integers(0, 8, part.shape, dtype=np.uint8) / np.float32(8)
    arrays.frame_masks[:] = True
    arrays.actions[:] = rng.integers(0, 5, arrays.actions.shape)
    arrays.rewards[:] = rng.random(len(arrays.rewards), dtype=np.float32)
    arrays.truncated[args.steps - 1 :: args.steps] = True
    arrays.final_known[:] = True
    return arrays.finish("benchmark")


def write(base: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Write the dataset in both formats; seconds and megabytes of each."""
    from alberdice.datasets import write_dataset, write_vault

    data = make(args)
    results = {}
    writers: dict[str, Callable[[], Any]] = {
        "native": lambda: write_dataset(data, "bench/native-v0", root=base),
        "vault": lambda: write_vault(data, base / "vault" / "u"),
    }
    for name, writer in writers.items():
        began = time.perf_counter()
        writer()
        seconds = time.perf_counter() - began
        where = base / {"native": "bench", "vault": "vault"}[name]
        size = sum(path.stat().st_size for path in where.rglob("*") if path.is_file())
        results[name] = {"write_seconds": round(seconds, 3), "file_megabytes": round(size / 1e6, 1)}
    return results


def plain_minari(base: Path) -> dict[str, np.ndarray]:
    import minari

    os.environ["MINARI_DATASETS_PATH"] = str(base)
    episodes = list(minari.load_dataset("bench/native-v0").iterate_episodes())
    joined = {
        "observations": np.concatenate([e.observations for e in episodes]),
        "states": np.concatenate([e.infos["state"] for e in episodes]),
        "masks": np.concatenate([e.infos["avail_actions"] for e in episodes]),
        "actions": np.concatenate([e.actions for e in episodes]),
        "rewards": np.concatenate([e.rewards for e in episodes]),
        "terminated": np.concatenate([e.terminations for e in episodes]),
        "truncated": np.concatenate([e.truncations for e in episodes]),
    }
    begin = np.cumsum([0] + [len(e.observations) for e in episodes[:-1]])
    joined["row"] = np.concatenate([b + np.arange(len(e.actions)) for b, e in zip(begin, episodes, strict=True)])
    joined["next_row"] = joined["row"] + 1
    return joined


def plain_vault(base: Path) -> dict[str, np.ndarray]:
    import tensorstore as ts

    where = f"file://{base / 'vault' / 'u'}/"

    def leaf(name: str) -> Any:
        return ts.open({"driver": "zarr", "kvstore": {"driver": "ocdbt", "base": where, "path": name}}).result()

    rows = int(leaf("vault_index").read().result()[0])
    names = ("observations", "actions", "rewards", "terminals", "truncations", "infos.legals", "infos.state")
    arrays = {name.split(".")[-1]: np.asarray(leaf(f"{name}.")[0, :rows].read().result()) for name in names}
    arrays["row"] = np.arange(rows)
    arrays["next_row"] = np.minimum(arrays["row"] + 1, rows - 1)
    return arrays


def sample_plain(arrays: Any, index: Any) -> Any:
    row, after = arrays["row"][index], arrays["next_row"][index]
    state = "states" if "states" in arrays else "state"
    mask = "masks" if "masks" in arrays else "legals"
    frames = [arrays[name][rows] for name in ("observations", state, mask) for rows in (row, after)]
    return frames, arrays["actions"][index], arrays["rewards"][index]


def peak_megabytes() -> int:
    """Peak resident memory of this process; not getrusage's, which begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def measure(base: Path, reader: str, seed: int) -> dict[str, Any]:
    """One reader, in this process."""
    import torch

    from alberdice.datasets import open_dataset, read_vault

    torch.set_num_threads(1)  # on a busy machine the threads of one small gather wait for each other
    options: dict[str, dict[str, Any]] = {
        "native": {},
        "native, unverified": {"verify": False},
        "native, mapped": {"memory_share": 0.0, "scratch": base},
    }
    before = peak_megabytes()
    wall, processor = time.perf_counter(), time.process_time()
    opened: Any
    if reader in options:
        opened = open_dataset("bench/native-v0", root=base, **options[reader])
    elif reader == "vault":
        opened = read_vault(base / "vault" / "u")
    else:
        opened = {"minari": plain_minari, "vault, plain": plain_vault}[reader](base)
    result = {
        "open_seconds": round(time.perf_counter() - wall, 3),
        "open_processor_seconds": round(time.process_time() - processor, 3),
    }
    wall = time.perf_counter()
    if isinstance(opened, dict):
        tensors: Any = {name: torch.from_numpy(array) for name, array in opened.items()}
        steps = len(tensors["actions"])
    else:
        tensors, steps = opened.to_torch("cpu"), opened.n_steps
    result["to_tensor_seconds"] = round(time.perf_counter() - wall, 4)
    generator = torch.Generator().manual_seed(seed)
    count, wall = 0, time.perf_counter()
    while time.perf_counter() - wall < 3.0:
        index = torch.randint(steps - 1, (BATCH,), generator=generator)
        _ = sample_plain(tensors, index) if isinstance(tensors, dict) else tensors.batch(index)
        count += 1
    result["batches_per_second"] = round(count / (time.perf_counter() - wall), 1)
    result["peak_megabytes"] = peak_megabytes()
    result["peak_megabytes_before_opening"] = before
    return result


def report(args: argparse.Namespace) -> dict[str, Any]:
    scratch = tempfile.TemporaryDirectory(prefix="alberdice-bench-", dir=args.scratch)
    with scratch as place:
        base = Path(place)
        sizes = ["--episodes", args.episodes, "--steps", args.steps, "--agents", args.agents, "--features", args.features]
        common = [sys.executable, __file__, "--seed", str(args.seed), *map(str, sizes), "--place", str(base)]
        written = json.loads(subprocess.run([*common, "--write"], capture_output=True, text=True, check=True).stdout)
        for path in base.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    while file.read(1 << 20):
                        pass
        readers = {}
        for reader in READERS:
            done = subprocess.run([*common, "--reader", reader], capture_output=True, text=True, check=True)
            readers[reader] = json.loads(done.stdout.splitlines()[-1])
            print(f"{reader:20s}", readers[reader], file=sys.stderr)
    packages = ("numpy", "h5py", "minari", "tensorstore", "torch", "alberdice")
    return {
        "seed": args.seed,
        "dataset": {k: getattr(args, k) for k in ("episodes", "steps", "agents", "features")} | {"actions": 5, "batch": BATCH},
        "written": written,
        "readers": readers,
        "versions": {name: importlib.metadata.version(name) for name in packages} | {"python": platform.python_version()},
        "machine": {
            "system": platform.platform(),
            "processors": machine.cores(),
            "memory_gigabytes": round(machine.memory_limit() / 1e9, 1),
            "load_average": os.getloadavg(),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=500, help="steps per episode")
    parser.add_argument("--agents", type=int, default=4)
    parser.add_argument("--features", type=int, default=71)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", default=None, help="directory for the files; by default the system's temporary one")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "datasets.json")
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        print(json.dumps(write(args.place, args)))
    elif args.reader:
        print(json.dumps(measure(args.place, args.reader, args.seed)))
    else:
        result = report(args)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")
        print(args.out)


if __name__ == "__main__":
    main()
