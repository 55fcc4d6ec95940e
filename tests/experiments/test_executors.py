"""Executors: where runs are made changes nothing about them; lost nodes, pauses, requests that cannot be met."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tyro
from deep_samples import equal
from reproduce_stubs import StubConfig

from alberdice.cli.deep import main
from alberdice.cli.places import Places
from alberdice.cli.training import train_command
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.experiments.executors import on_slurm
from alberdice.experiments.executors.folders import Needs, Watch, make_run_elsewhere
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.on_ray import RayExecutor
from alberdice.experiments.executors.on_slurm import SlurmExecutor
from alberdice.experiments.executors.work import Ended, make_run
from alberdice.experiments.planned import PlannedRun, is_finished, updates_of
from alberdice.experiments.sweep.stopping import reached
from alberdice.files import exclusive

STUB = "reproduce_stubs:Quick"
SETTINGS = {"updates": 12, "batch_size": 8, "evaluate_every": 4, "evaluate_episodes": 20, "checkpoint_every": 5}


def planned(folder: Path, seed: int = 0, **changes: Any) -> PlannedRun:
    given = {"algorithm": STUB, "dataset": "matrix-d", "hidden": (4,), "pictures": False, "device": "cpu", **SETTINGS}
    return PlannedRun(StubConfig(seed=seed, **{**given, **changes}), folder / f"seed-{seed}")


def ignore(note: str = "", steps: int = 1, fewer: int = 0) -> None:
    """Progress that nobody watches."""


def told(run: PlannedRun) -> tuple[Any, dict[str, Any]]:
    """What a run learned and what it says, less what clocks say."""
    tensors, _ = RunDirectory(run.folder).load()
    result = RunDirectory(run.folder).read_result()
    return tensors, {name: value for name, value in result.items() if not name.endswith("_seconds")}


def same(first: PlannedRun, second: PlannedRun) -> bool:
    (mine, said), (theirs, also) = told(first), told(second)
    return equal(mine, theirs) and said == also


# ---- one run ---------------------------------------------------------------------------------------------------------


def test_a_pause_changes_nothing(tmp_path: Path) -> None:
    """A run that paused twice is the run that never did; a pause comes at the first evaluation from its share on."""
    whole, parts = planned(tmp_path / "whole"), planned(tmp_path / "parts")
    assert make_run(whole, ignore) == Ended("done")
    assert make_run(parts, ignore, 0.4) == Ended("paused")  # 4.8 of 12 updates
    assert RunDirectory(parts.folder).load()[1]["update"] == 8
    assert not is_finished(parts)
    assert make_run(parts, ignore, 0.5) == Ended("done")  # the only evaluation from there on is the last
    assert same(whole, parts)


def test_progress_of_runs_elsewhere_is_read_from_their_folders(tmp_path: Path) -> None:
    run, said = planned(tmp_path), []
    watch = Watch([run], lambda note, steps=1, fewer=0: said.append((note, steps, fewer)))
    watch.look([run])
    make_run(run, ignore, 0.4)
    watch.look([run])
    make_run(run, ignore)
    watch.ended(run, Ended("done"))
    assert [(steps, fewer) for _, steps, fewer in said] == [(8, 0), (4, 0), (0, 0)]
    assert said[0][0].endswith("seed 0: update 8")
    said.clear()
    watch = Watch([replace(run, folder=tmp_path / "none")], lambda note, steps=1, fewer=0: said.append(fewer))
    watch.ended(replace(run, folder=tmp_path / "none"), Ended("failed"))
    assert said == [12]


@pytest.mark.slow
def test_a_learner_that_chooses_a_shorter_length_is_counted_by_that(tmp_path: Path) -> None:
    """Shares of the updates, and progress: of the 6 that are made, not of the 12 that the settings say."""
    run, counted = planned(tmp_path, algorithm="reproduce_stubs:Shorter", evaluate_every=2), [0, 0]

    def step(note: str = "", steps: int = 1, fewer: int = 0) -> None:
        counted[0], counted[1] = counted[0] + steps, counted[1] + fewer

    assert LocalExecutor().execute([run], step, 0.6) == {run: Ended("paused")}
    assert RunDirectory(run.folder).load()[1]["update"] == 4
    assert updates_of(run) == 6
    assert reached(run, 0.6)
    assert not reached(run, 0.7)
    assert counted == [4, 8]
    counted[:] = 0, 0
    assert LocalExecutor().execute([run], step) == {run: Ended("done")}
    assert counted == [2, 10]


def test_a_run_waits_for_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a node that was given up, a process may be there a little longer."""
    run = planned(tmp_path)
    run.folder.mkdir(parents=True)
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(run.folder) as held:
            assert held
            taken.set()
            free.wait()

    other = threading.Thread(target=hold)
    other.start()
    taken.wait()
    threading.Timer(0.5, free.set).start()
    assert make_run_elsewhere(run, 1.0, os.getcwd()) == Ended("done")
    other.join()


def test_a_machine_without_the_working_folder_says_so(tmp_path: Path) -> None:
    ended = make_run_elsewhere(planned(tmp_path), 1.0, str(tmp_path / "elsewhere"))
    assert ended.status == "failed"
    assert "elsewhere: got no such folder on the machine that was to make a run" in ended.reason


# ---- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ray": "local", "slurm": "local"}, "both --ray and --slurm"),
        ({"jobs": 0}, "--jobs"),
        ({"ray": "local", "cpus": -1.0}, "--cpus"),
        ({"slurm": "local", "minutes": 0}, "--minutes"),
        ({"slurm": "local", "slurm_options": ("lab",)}, "NAME=VALUE"),
    ],
)
def test_wrong_places(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Places(**options).executor(Path("logs"))


def test_places() -> None:
    assert Places(jobs=3).executor(Path("logs")) == LocalExecutor(3)
    assert Places(jobs=3, ray="auto", gpus=0.5).executor(Path("logs")) == RayExecutor("auto", 3, Needs(1.0, 0.5, 0.0), 3)
    given = Places(jobs=3, slurm="gpu", memory=4.0, slurm_options=("account=lab",)).executor(Path("logs"))
    assert given == SlurmExecutor(Path("logs"), "gpu", 3, Needs(1.0, 0.0, 4.0), 1440, {"account": "lab"})


@pytest.mark.parametrize("name", ["ray", "submitit"])
def test_without_the_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    executor = RayExecutor() if name == "ray" else SlurmExecutor(tmp_path, "local")
    with pytest.raises(ResourceError, match="pip install 'alberdice\\[cluster\\]'"):
        executor.execute([planned(tmp_path)], ignore)


# ---- SLURM -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_submitits_processes_make_the_same_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    here = [planned(tmp_path / "here", seed) for seed in range(2)]
    there = [planned(tmp_path / "there", seed) for seed in range(2)]
    dying = planned(tmp_path / "dying", algorithm="reproduce_stubs:Dying")
    for run in here:
        make_run(run, ignore)
    ended = SlurmExecutor(tmp_path / "logs", "local", jobs=2).execute([*there, dying], ignore)
    assert [ended[run] for run in there] == [Ended("done")] * 2
    assert all(map(same, here, there))
    assert ended[dying].status == "failed"
    assert ended[dying].reason.startswith("job ")


@pytest.mark.slow
def test_jobs_that_are_preempted_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the warning of a time limit, which submitit hears, and by SIGTERM, which the run hears: the same runs come of it."""
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    monkeypatch.setenv("PREEMPTED", str(tmp_path))
    there = [planned(tmp_path / "there", seed, algorithm="reproduce_stubs:Preempted") for seed in range(2)]
    ended = SlurmExecutor(tmp_path / "logs", "local", jobs=2).execute(there, ignore)
    assert set(ended.values()) == {Ended("done")}
    assert (tmp_path / "0").exists()
    assert (tmp_path / "1").exists()
    here = [planned(tmp_path / "here", seed, algorithm="reproduce_stubs:Preempted") for seed in range(2)]
    for run in here:  # nobody is sent a signal twice
        make_run(run, ignore)
    assert all(map(same, here, there))


class Job:
    """Of SLURM's, over at once."""

    job_id = "7"

    def __init__(self, outcome: tuple[str, str] | Exception, state: str) -> None:
        self.outcome, self.state = outcome, state

    def done(self) -> bool:
        return True

    def result(self) -> tuple[str, str]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "state", "tries"),
    [
        (("stopped", ""), "COMPLETED", 3),  # by somebody else's SIGTERM: saved
        (RuntimeError("node failed"), "NODE_FAIL", 3),
        (RuntimeError("preempted"), "PREEMPTED by 0", 3),
        (RuntimeError("out of memory"), "OUT_OF_MEMORY", 1),  # would be so again
        (("failed", "got 3"), "COMPLETED", 1),
    ],
)
def test_jobs_that_are_not_to_blame_are_submitted_again(
    outcome: Any, state: str, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[PlannedRun] = []

    class Submitter:
        def map_array(self, make: Any, runs: list[PlannedRun]) -> list[Job]:
            submitted.extend(runs)
            return [Job(outcome, state) for _ in runs]

    monkeypatch.setattr(SlurmExecutor, "submitter", lambda self: Submitter())
    monkeypatch.setattr(on_slurm, "_LOOK", 0.0)
    run = planned(tmp_path)
    ended = SlurmExecutor(tmp_path, retries=2).execute([run], ignore)
    assert submitted == [run] * tries
    assert ended[run].status == ("stopped" if outcome == ("stopped", "") else "failed")


def test_what_sbatch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that SLURM gets is a script, and asks for what was asked."""
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", classmethod(lambda cls: 1))
    given = SlurmExecutor(tmp_path, "gpu", 5, Needs(2, 1, 8), 90, {"account": "lab"})
    assert given.submitter()._executor.max_num_timeout > 1000  # a run longer than the limit is queued as often as it takes
    slurm = given.submitter()._executor
    text = slurm._make_submission_file_text("true", "id")
    for line in ("partition=gpu", "cpus-per-task=2", "gpus-per-node=1", "mem=8GB", "time=90", "account=lab", "signal=USR2"):
        assert f"#SBATCH --{line}" in text, text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    with pytest.raises(InvalidArgumentError, match="--slurm-options"):
        replace(given, options={"acount": "lab"}).submitter()


# ---- Ray -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes, one CPU each; the second one may be killed."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    import ray
    from ray.cluster_utils import Cluster

    cluster, nodes = Cluster(), []
    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    try:
        tries = 0
        while len(nodes) < 2:
            try:
                nodes.append(cluster.add_node(**small))
            except Exception as error:  # Ray gives a node half a minute to start, which is too little on a machine that is busy
                tries += 1
                cluster.shutdown()
                if tries == 6:
                    pytest.skip(f"Ray starts no node on this machine: {error}")
                cluster, nodes = Cluster(), []
        yield cluster, nodes[1]
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings(
    "ignore:os.fork:RuntimeWarning"
)  # JAX's, if another test has loaded it: Ray's forks become other programs at once
def test_a_killed_node_costs_nothing_but_time(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    """Of two nodes one is killed in the middle: everything is finished, and the runs are those of local processes."""
    import ray

    cluster, second = two_nodes
    long = {"updates": 4000, "evaluate_every": 100, "checkpoint_every": 100}
    here, there = ([planned(tmp_path / place, seed, **long) for seed in range(4)] for place in ("here", "there"))
    lost: list[str] = []

    def kill(note: str = "", steps: int = 1, fewer: int = 0) -> None:
        begun = sum((run.folder / "checkpoint.safetensors").exists() for run in there)
        if not lost and begun >= 2:  # on a busy machine nobody may look while it is two
            lost.extend(node["NodeID"] for node in ray.nodes() if node["NodeID"] == second.node_id)
            cluster.remove_node(second, allow_graceful=False)

    executor = RayExecutor(cluster.address)
    ended = executor.execute(there, kill)
    assert lost == [second.node_id]
    assert set(ended.values()) == {Ended("done")}
    for run in here:
        make_run(run, ignore)
    assert all(map(same, here, there))
    impossible = replace(executor, address="local", needs=Needs(cpus=64))
    with pytest.raises(InvalidArgumentError, match="64 CPUs, 0 GPUs, 0 GiB"):
        impossible.execute(there, ignore)
    table = ["reproduce", "table1", "--algorithms", STUB, "--seeds", "2", "--out"]
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "updates = 12\nbatch_size = 8\nevaluate_every = 5\nevaluate_episodes = 20\nhidden = [4]\npictures = false\n"
    )
    found = []
    for out, where in ((tmp_path / "local", ["--jobs", "1"]), (tmp_path / "ray", ["--ray", cluster.address])):
        with pytest.raises(SystemExit) as stop:
            main([*table, str(out), "--config", str(settings), *where])
        assert not stop.value.code
        cells = json.loads((out / "table1" / "table1.json").read_text())["cells"]
        found.append([{name: value for name, value in cell.items() if name != "seconds"} for cell in cells])
    assert found[0] == found[1]


def test_the_script_of_the_docs(tmp_path: Path) -> None:
    """Is a script, asks SLURM for what it should, and calls the program with a seed and a folder per task."""
    text = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text()
    script = next(block for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if block.startswith("#!"))
    directives = re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", script, re.MULTILINE)
    assert {"array", "cpus-per-task", "mem", "time", "requeue"} == {name for name, _ in directives}
    assert len(directives) == script.count("#SBATCH")
    program = tmp_path / "alberdice-deep"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "3"}
    done = subprocess.run(["bash"], input=script, text=True, env=environment, capture_output=True, check=True)
    words = done.stdout.split()
    command = train_command(words)
    parsed = tyro.cli(tyro.conf.OmitArgPrefixes[command], args=words[1:])
    assert (parsed.settings.seed, parsed.out, parsed.resume) == (3, Path("runs/3"), True)
