"""SMAX's reset and step, compiled for WIDTH fights at a time: the only module here that knows JAX.

    begin(seeds)                           ──► leaves of the states, what is seen
    advance(seeds, times, leaves, actions) ──► the same a step later, and the team's rewards

All numbers are NumPy's on both sides.  The width is fixed, and narrower batches are padded, so that one fight is the same bit
for bit among any number of others.  Random numbers of step t come from the fight's seed and t alone.  ``step_env`` is SMAX's
step that does not begin anew by itself.

Compiling takes some tens of seconds per map, once: what was compiled is kept in ALBERDICE_CACHE, or ~/.cache/alberdice, in a
folder of this JAX and this kind of processor.  Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import io
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.console import progress_bar
from alberdice.environments.smax.maps import BattleMap
from alberdice.errors import ResourceError

__all__ = ["WIDTH", "Program", "Seen", "program_of"]

#: fights that are computed together
WIDTH = 32
Leaves = list[NDArray[Any]]


@dataclass(frozen=True)
class Seen:
    """What SMAX shows: observations (W, N, O), state (W, S), masks (W, N, 5 + E) in its own order, alive (W, N + E)."""

    observations: NDArray[np.float32]
    state: NDArray[np.float32]
    masks: NDArray[np.uint8]
    alive: NDArray[np.bool_]


class Program:
    """The two compiled functions of a map.

    Args:
        begin: of seeds (W,).
        advance: of seeds, times, the state's leaves and SMAX's actions (W, N).
    """

    def __init__(self, begin: Callable[..., Any], advance: Callable[..., Any]) -> None:
        self._begin, self._advance = begin, advance

    def begin(self, seeds: NDArray[np.uint32]) -> tuple[Leaves, Seen]:
        """W fights at their beginning."""
        leaves, seen = self._begin(seeds)
        return [np.asarray(leaf) for leaf in leaves], Seen(*map(np.asarray, seen))

    def advance(
        self, seeds: NDArray[np.uint32], times: NDArray[np.uint32], leaves: Sequence[NDArray[Any]], actions: NDArray[np.int32]
    ) -> tuple[Leaves, Seen, NDArray[np.float64]]:
        """W fights a step later, and their rewards (W,)."""
        after, seen, rewards = self._advance(seeds, times, list(leaves), actions)
        return [np.asarray(leaf) for leaf in after], Seen(*map(np.asarray, seen)), np.asarray(rewards, np.float64)


@functools.cache
def program_of(battle: BattleMap) -> Program:
    """The functions of a map, compiled in this process or taken from the cache.

    Raises:
        ResourceError: JAX or JaxMARL is missing or does not work here.
    """
    jax = _jax()
    with progress_bar(f"compiling smax-{battle.name}", 2) as step, _kept(jax), jax.default_device(jax.devices("cpu")[0]):
        begin, advance = _functions(jax, battle)
        seeds = np.zeros(WIDTH, np.uint32)
        actions = np.zeros((WIDTH, battle.n_allies), np.int32)
        first = jax.jit(jax.vmap(begin)).lower(seeds).compile()
        step("its beginning")
        leaves, _ = first(seeds)
        program = Program(first, jax.jit(jax.vmap(advance)).lower(seeds, seeds, leaves, actions).compile())
        step("its step")
    return program


def _functions(jax: Any, battle: BattleMap) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Beginning and step of one fight, to be compiled."""
    env, stack = _environment(jax, battle), jax.numpy.stack
    structure: list[Any] = []

    def key(seed: Any) -> Any:
        return jax.random.key(seed, impl="threefry2x32")  # whatever this process has for a default

    def shown(observed: Any, state: Any) -> tuple[Any, ...]:
        masks = env.get_avail_actions(state)
        observations, available = (stack([each[agent] for agent in env.agents]) for each in (observed, masks))
        return observations, observed["world_state"], available, state.state.unit_alive

    def begin(seed: Any) -> tuple[Any, Any]:
        observed, state = env.reset(key(seed))
        leaves, kind = jax.tree.flatten(state)
        structure[:] = [kind]
        return leaves, shown(observed, state)

    def advance(seed: Any, time: Any, leaves: Any, actions: Any) -> tuple[Any, Any, Any]:
        state = jax.tree.unflatten(structure[0], leaves)
        chosen = {agent: actions[i] for i, agent in enumerate(env.agents)}
        observed, after, rewards, _, _ = env.step_env(jax.random.fold_in(key(seed), time + 1), state, chosen)
        return jax.tree.leaves(after), shown(observed, after), rewards[env.agents[0]]

    return begin, advance


def _environment(jax: Any, battle: BattleMap) -> Any:
    """SMAX against its own heuristic, without a time limit: ours counts the steps."""
    from jaxmarl.environments.smax import HeuristicEnemySMAX
    from jaxmarl.environments.smax.smax_env import Scenario

    types = jax.numpy.array(battle.allies + battle.enemies, jax.numpy.uint8)
    return HeuristicEnemySMAX(scenario=Scenario(types, battle.n_allies, battle.n_enemies, False, False), max_steps=1 << 30)


def _jax() -> Any:
    """JAX, with JaxMARL loaded: on the CPU and one thread unless this process has begun otherwise."""
    if "jax" not in sys.modules:
        _prepare()
    try:
        with _hushed(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax = importlib.import_module("jax")
            importlib.import_module("jaxmarl.environments.smax")
    except Exception as problem:  # a missing package, or two that do not fit each other
        got = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        raise ResourceError(
            "SMAX", got=got, expected="JaxMARL and JAX", remedy="pip install 'alberdice[starcraft]'"
        ) from problem
    if jax.config.jax_enable_x64:
        raise ResourceError("SMAX", got="JAX with 64 bits", expected="its default of 32", remedy="unset JAX_ENABLE_X64")
    return jax


def _prepare() -> None:
    """What JAX reads as it is loaded; the user's own words stay."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # JAX would take most of a GPU's memory from torch
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:  # torch's threads have the cores
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Nothing is printed by JaxMARL's environments, all of which it imports; one sets the streams back to the process's."""
    names = ("stdout", "stderr", "__stdout__", "__stderr__")
    before = {name: getattr(sys, name) for name in names}
    try:
        for name in names:
            setattr(sys, name, io.StringIO())
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


@contextlib.contextmanager
def _kept(jax: Any) -> Iterator[None]:
    """Compiled code goes to the cache's folder and comes from there, unless this process has a cache of its own."""
    before = jax.config.jax_compilation_cache_dir
    if before is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder(jax.__version__)))
    try:
        yield
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def cache_folder(version: str) -> Path:
    """Where code compiled by this version of JAX for this kind of processor is kept."""
    root = os.environ.get("ALBERDICE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alberdice"
    kind = platform.machine() + platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kind += "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
    return Path(root) / f"jax-{version}-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
