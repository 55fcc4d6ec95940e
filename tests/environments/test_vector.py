"""Worker processes: the same numbers as one process, one line for every error, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import odd_environments as odd
import pytest

from alberdice.environments.fit import check_environment
from alberdice.environments.registry import Environment, PlayOptions, find_environment
from alberdice.environments.vector import SideBySide
from alberdice.errors import InvalidArgumentError, ResourceError


def episodes(name, workers, slots=5, options=None):
    """Everything that happens in random play of some slots, with one begun again on the way."""
    draw = np.random.default_rng(0)
    happened = []
    with find_environment(name).open(options, workers=workers) as environment:
        frame = environment.reset(np.arange(slots))
        for t in range(9):
            actions = np.where(frame.masks, draw.random(frame.masks.shape), -1).argmax(-1)
            step = environment.step(actions)
            frame = step.frame
            happened.append((step.rewards, step.terminated, step.truncated, *step.metrics.values()))
            if t == 6:
                frame = environment.reset(np.array([77, 78]), slots=np.array([0, slots - 1]))
            happened.append((frame.observations, frame.masks, frame.state, frame.alive))
        happened.append((np.array(environment.spec.agents),))
    return [np.array(part) for parts in happened for part in parts]


@pytest.mark.parametrize(
    ("name", "numbers"), [("odd_environments:Leaves", (1, 2)), ("odd_environments:Unequal", (2,)), ("bridge", (2,))]
)
def test_the_same_bits_with_any_number_of_workers(name, numbers):
    alone = episodes(name, 0)
    for workers in numbers:
        beside = episodes(name, workers)
        assert len(alone) == len(beside)
        for first, second in zip(alone, beside, strict=True):
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)


def test_more_workers_than_slots_and_options():
    options = PlayOptions(agents={"agent_0": "blue", "agent_1": "red"}, team_reward="agent_1", max_steps=4)
    for first, second in zip(
        episodes("odd_environments:OtherNames", 0, 2, options),
        episodes("odd_environments:OtherNames", 3, 2, options),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_the_contract_is_kept():
    """Of an environment that prints, too: what it prints is no answer."""
    with find_environment("odd_environments:chatty").open(workers=1) as environment:
        assert check_environment(environment) == []


def running(processes):
    return [each for each in processes if each.poll() is None]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("licence", "got RuntimeError: no licence file"),
        ("CrashAtReset", "got KeyError: 'map'"),
    ],
)
def test_an_error_of_a_worker_is_one_line_and_ends_all(name, message):
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        find_environment(f"odd_environments:{name}").open(workers=2)
    assert "\n" not in str(caught.value)


def test_an_error_in_play_ends_all_workers():
    environment = find_environment("odd_environments:Crash").open(workers=2)
    environment.reset(np.arange(2))
    processes = list(environment._processes)
    with pytest.raises(InvalidArgumentError, match="step 1: got ValueError: my own bug"):
        environment.step(np.zeros((2, 2), int))
    assert running(processes) == []
    environment.close()
    with pytest.raises(InvalidArgumentError, match="got a closed one"):
        environment.reset(np.arange(2))


def test_a_worker_that_dies_is_told():
    with find_environment("odd_environments:Dies").open(workers=2) as environment:
        environment.reset(np.arange(4))
        [environment.step(np.zeros((4, 2), int)) for _ in range(2)]
        processes = list(environment._processes)
        with pytest.raises(ResourceError, match="environment worker 1: got its end, exit code 7, expected an answer; look for"):
            environment.step(np.zeros((4, 2), int))
        assert running(processes) == []


def test_close_ends_the_processes_and_may_be_called_again():
    environment = find_environment("odd_environments:Plain").open(workers=2)
    processes = list(environment._processes)
    environment.close()
    environment.close()
    assert [each.returncode for each in processes] == [0, 0]
    with pytest.raises(InvalidArgumentError, match="close: got RuntimeError: cannot be closed"):
        find_environment("odd_environments:Unclosable").open(workers=1).close()


def test_an_environment_that_nobody_closed_leaves_no_process():
    environment = find_environment("odd_environments:Plain").open(workers=1)
    processes = list(environment._processes)
    del environment
    assert running(processes) == []


def test_only_what_another_process_finds_can_be_played_there():
    SideBySide(Environment("mine", odd.Plain, {"horizon": 3}), PlayOptions(), 1).close()
    for make in (lambda: odd.Plain(), Environment):
        with pytest.raises(InvalidArgumentError, match="expected an environment that another process finds; put the function"):
            SideBySide(Environment("mine", make if make is not Environment else odd.Plain().reset), PlayOptions(), 1)
    with pytest.raises(InvalidArgumentError, match="expected JSON values"):
        SideBySide(Environment("mine", odd.Plain, {"horizon": np.int64(3)}), PlayOptions(), 1)
    with pytest.raises(InvalidArgumentError, match="workers: got 0"):
        SideBySide(Environment("mine", odd.Plain), PlayOptions(), 0)


SCRIPT = """
import signal
import numpy as np
from alberdice.environments.registry import find_environment
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background of a shell begins deaf to it
with find_environment("odd_environments:Endless").open(workers=2) as environment:
    environment.reset(np.arange(4))
    print(*(each.pid for each in environment._processes), flush=True)
    while True:
        environment.step(np.zeros((4, 2), int))
        environment.reset(np.arange(4))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_an_interrupted_program(number, tmp_path):
    """A script without a guard for the main module, stopped by Ctrl-C or killed."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    here = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    program = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": here},
    )
    workers = [int(pid) for pid in program.stdout.readline().split()]
    assert len(workers) == 2
    program.send_signal(number)
    errors = program.communicate()[1]
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    while any(alive(pid) for pid in workers):  # the test's own time limit is that of the whole suite
        time.sleep(0.01)


def alive(pid):
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
