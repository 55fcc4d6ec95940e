"""SMAX behind the contract, on its smallest map; the paper's maps, and JaxMARL itself as the judge, are slow."""

import contextlib
import hashlib
import inspect
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from alberdice.environments import check_environment, find_environment
from alberdice.environments.scripts import find_script
from alberdice.environments.smax import EPISODE_LIMIT, MAPS, UNITS, fights, program
from alberdice.environments.smax.fighters import Fighters
from alberdice.environments.smax.maps import NOOP, STOP, read_units
from alberdice.errors import InvalidArgumentError, ResourceError

HOW = "pip install 'alberdice[starcraft]'"
needs_jax = pytest.mark.skipif(find_spec("jaxmarl") is None, reason=f"SMAX needs JaxMARL: {HOW}")
PARTS = ("observations", "masks", "state", "alive")
PAPER = ("3s5z", "5m_vs_6m", "corridor", "6h_vs_8z", "8m_vs_9m", "3s5z_vs_3s6z")


@pytest.fixture(scope="module")
def told():
    """Compile once more, whatever other modules' tests had compiled in this process, and note what is said meanwhile."""
    notes = []

    @contextlib.contextmanager
    def heard(label, total):
        notes.append((label, total))
        yield lambda note="", steps=1: notes.append((note, steps))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "progress_bar", heard)
        program.program_of.cache_clear()
        program.program_of(MAPS["3m"])
    return notes


def played(env, seeds, steps=30, only=None):
    """Random actions that depend on a fight's seed alone; every array of every step."""
    draws = [np.random.default_rng(seed) for seed in seeds]
    frame, kept = env.reset(np.array(seeds)), []
    for _ in range(steps):
        chance = np.stack([draw.random(frame.masks.shape[1:]) for draw in draws])
        step = env.step(np.where(frame.masks, chance, -1).argmax(axis=-1))
        frame = step.frame
        kept.append((*(getattr(frame, part) for part in PARTS), step.rewards, step.terminated, step.truncated))
    return kept


# ---- without JAX --------------------------------------------------------------------------------------------------------


def test_the_papers_maps_have_names_and_sizes():
    sizes = {  # the facts of SMAC's maps; actions are numbered as there
        "3s5z": (8, 205, 192, 14),
        "5m_vs_6m": (5, 140, 132, 12),
        "6h_vs_8z": (6, 179, 168, 14),
        "8m_vs_9m": (8, 218, 204, 15),
        "3s5z_vs_3s6z": (8, 218, 204, 15),
        "corridor": (6, 387, 360, 30),
    }
    assert set(sizes) == set(PAPER) == set(MAPS) - {"3m"}
    for name, (agents, observation, state, actions) in sizes.items():
        with fights(name) as env:
            spec = env.spec
            assert (spec.n_agents, spec.observation_size, spec.state_size) == (agents, observation, state)
            assert (spec.n_actions, spec.horizon, spec.metrics) == ((actions,) * agents, 100, ("battle_won",))
    with pytest.raises(InvalidArgumentError, match="nearest match: 3s5z"):
        fights("3s5y")


def test_a_machine_without_jaxmarl_gets_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "jaxmarl.environments.smax", None)
    with pytest.raises(ResourceError, match=r"pip install 'alberdice\[starcraft\]'"):
        program._jax()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"pip install 'alberdice\[starcraft\]'"):
        find_environment("smax-3s5z")


def test_compiled_code_is_kept_where_one_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ALBERDICE_CACHE", str(tmp_path))
    assert program.cache_folder("1").parent == tmp_path
    assert program.cache_folder("1") != program.cache_folder("2")


def state_of(battle, allies, enemies):
    """A state by health, x, y, cooldown per unit."""
    state = np.zeros((1, battle.state_size), np.float32)
    for at, numbers in enumerate([*allies, *enemies]):
        state[0, 10 * at : 10 * at + 4] = numbers
    return state


def frame_of(battle, allies, enemies):
    from alberdice.environments import Frame

    state = state_of(battle, allies, enemies)
    units = read_units(battle, state)
    n = battle.n_allies
    reach = np.array([UNITS[kind].reach for kind in battle.allies])
    near = np.linalg.norm(units.places[0, :n, None] - units.places[0, None, n:], axis=-1) < reach[:, None]
    living = units.alive[0, :n, None]
    masks = np.concatenate([~living, np.repeat(living, 5, axis=1), near & living & units.alive[0, n:]], axis=1)
    return Frame(np.zeros((1, n, battle.observation_size), np.float32), masks[None], state, units.alive[:, :n])


@pytest.mark.parametrize(
    ("target", "actions"),
    [("nearest", [6, 8, 6]), ("low", [6, 6, 7]), ("high", [8, 8, 8]), ("weakest", [7, 6, 6])],
)
def test_fighters_shoot_at_whom_they_are_told_and_nobody_shoots_the_dead(target, actions):
    """Three marines in the reach of all: enemy 1 has one hit left, enemy 2 three, enemy 0 dies of two."""
    battle = MAPS["3m"]
    allies = [(1, 10, 10, 0), (1, 10, 13, 0), (1, 10, 11, 0)]
    enemies = [(18 / 45, 12, 10.5, 0), (9 / 45, 13, 12, 0), (27 / 45, 12, 12.5, 0)]
    frame = frame_of(battle, allies, enemies)
    assert Fighters(battle, target).act(frame, np.zeros((1, 3))).tolist() == [actions]


def test_fighters_walk_to_the_nearest_and_the_dead_do_nothing():
    battle = MAPS["3m"]
    frame = frame_of(battle, [(1, 10, 10, 0), (0, 0, 0, 0), (1, 17, 20.5, 0)], [(0, 0, 0, 0), (1, 20, 11, 0), (1, 11, 20, 0)])
    assert Fighters(battle).act(frame, np.zeros((1, 3))).tolist() == [[4, NOOP, 5]]


def test_kiting_units_step_back_while_their_weapon_is_not_ready():
    battle = MAPS["6h_vs_8z"]
    far = [(1, 30, 30, 0)] * 5
    pressed, beside_the_border = (1, 10, 10, 0.55), (1, 1.6, 10, 0.55)
    for own, zealot, action in [(pressed, (1, 12, 10, 0), 5), (beside_the_border, (1, 3, 10, 0), 2)]:
        frame = frame_of(battle, [own, *far], [zealot, *[(1, 30, 29, 0)] * 7])
        assert Fighters(battle, kite=True).act(frame, np.zeros((1, 6)))[0, 0] == action
        assert Fighters(battle).act(frame, np.zeros((1, 6)))[0, 0] == 6


def test_hurt_units_are_spared_while_their_weapon_is_not_ready_and_others_are_better():
    battle = MAPS["3m"]
    enemies = [(1, 12, 10, 0), (1, 30, 29, 0), (1, 30, 28, 0)]
    for own, other, action in [(0.3, 1, 5), (0.3, 0.4, 6), (0.6, 1, 6)]:
        frame = frame_of(battle, [(own, 10, 10, 0.55), (other, 3, 3, 0), (0.1, 3, 3, 0)], enemies)
        assert Fighters(battle, spare=True).act(frame, np.zeros((1, 3)))[0, 0] == action
        assert Fighters(battle).act(frame, np.zeros((1, 3)))[0, 0] == 6
    ready = frame_of(battle, [(0.3, 10, 10, 0.4), (1, 3, 3, 0), (1, 3, 3, 0)], enemies)
    assert Fighters(battle, spare=True).act(ready, np.zeros((1, 3)))[0, 0] == 6


def test_a_team_gathers_and_waits_until_an_enemy_is_near_any_of_it():
    battle = MAPS["3m"]
    allies = [(1, 4, 10, 0), (1, 10, 10, 0), (1, 16, 10, 0)]
    for enemy, actions in [(25.5, [4, STOP, 5]), (24.5, [4, 4, 4])]:  # nine lengths from the third, more and less
        frame = frame_of(battle, allies, [(1, enemy, 10, 0)] * 3)
        assert Fighters(battle, gather=True).act(frame, np.zeros((1, 3))).tolist() == [actions]
        assert Fighters(battle).act(frame, np.zeros((1, 3))).tolist() == [[4, 4, 4]]


def test_scripts_know_their_maps():
    with fights("3m") as env, find_environment("bridge").open() as other:
        assert find_script("smax-fighter(target='low', kite=True)", env.spec)(np.arange(2)).target == "low"
        with pytest.raises(InvalidArgumentError, match="smax-3s5z"):
            find_script("smax-fighter", other.spec)
        with pytest.raises(InvalidArgumentError, match="weakest, low, high, nearest"):
            find_script("smax-fighter(target='strongest')", env.spec)


# ---- on the smallest map --------------------------------------------------------------------------------------------------


@needs_jax
def test_it_is_an_environment_and_says_that_it_compiles(told):
    assert told == [("compiling smax-3m", 2), ("its beginning", 1), ("its step", 1)]
    with find_environment("smax-3m").open(workers=2) as env:  # all fights by array operations: no processes
        assert check_environment(env) == []
        assert (env.spec.name, env.spec.horizon) == ("smax-3m", EPISODE_LIMIT)


@needs_jax
def test_a_fight_depends_on_its_seed_and_actions_alone(told):
    """Among forty, in another place of a group, alone, and in three fresh environments: the same bits."""
    seeds = list(range(100, 140))
    together = played(fights("3m"), seeds)
    order = np.random.default_rng(0).permutation(40)
    others = [(played(fights("3m"), [seeds[k] for k in order]), int(np.flatnonzero(order == 35)[0]))]
    others += [(played(fights("3m"), [135]), 0) for _ in range(3)]
    for again, at in others:
        for step, other in zip(together, again, strict=True):
            for a, b in zip(step, other, strict=True):
                np.testing.assert_array_equal(a[35], b[at])


@needs_jax
def test_fights_begin_anew_while_others_go_on(told):
    env = fights("3m", episode_limit=3)
    first = env.reset(np.array([5, 6]))
    stop = np.ones((2, 3), np.int64)
    env.step(stop)
    frame = env.reset(np.array([6]), slots=np.array([0]))
    np.testing.assert_array_equal(frame.observations[0], first.observations[1])
    steps = [env.step(stop) for _ in range(4)]
    assert [s.truncated.tolist() for s in steps] == [[False, False], [False, True], [True, True], [True, True]]
    assert not steps[3].terminated.any()
    assert [np.isnan(s.metrics["battle_won"]).tolist() for s in steps] == [
        [True, True],
        [True, False],
        [False, True],
        [True] * 2,
    ]
    assert steps[2].metrics["battle_won"][0] == 0
    assert not steps[2].frame.alive.any()
    np.testing.assert_array_equal(steps[1].frame.state[1], steps[3].frame.state[1])


@needs_jax
def test_rewards_wins_and_the_dead(told):
    """A fight to its end: rewards add up to the health that was taken, and 1 for a victory."""
    env = fights("3m")
    frame = env.reset(np.arange(32))
    start, total, won, dead = read_units(env.battle, frame.state), np.zeros(32), np.full(32, np.nan), 0
    team = Fighters(env.battle)
    going = np.ones(32, bool)
    for _ in range(EPISODE_LIMIT):
        step = env.step(team.act(frame, np.zeros((32, 3))))
        frame = step.frame
        total += step.rewards
        assert (step.rewards[~going] == 0).all()
        lost = going & ~step.ended
        for slot, agent in np.argwhere(lost[:, None] & ~frame.alive):
            dead += 1
            assert np.flatnonzero(frame.masks[slot, agent]).tolist() == [NOOP]
            assert not frame.observations[slot, agent].any()
        assert not frame.masks[..., NOOP][frame.alive].any()
        assert frame.masks[..., STOP][frame.alive].all()
        won = np.where(going & step.ended, step.metrics["battle_won"], won)
        going = ~step.ended
        if step.ended.all():
            break
    units = read_units(env.battle, frame.state)
    taken = (start.health - units.health)[:, 3:].mean(axis=1)
    np.testing.assert_allclose(total, taken + won, atol=1e-4)
    np.testing.assert_array_equal(won == 1, ~units.alive[:, 3:].any(axis=1) & units.alive[:, :3].any(axis=1))
    assert step.terminated.all()
    assert dead > 0
    assert won.mean() > 0.2  # focus fire wins most fights of equal sides


@needs_jax
def test_an_unavailable_action_is_refused_and_one_of_the_dead_is_not_asked_for(told):
    env = fights("3m")
    env.reset(np.array([0, 1]))
    with pytest.raises(
        InvalidArgumentError, match=r"actions\[1, 2\]: got 6, expected one of the available ones, \[1, 2, 3, 4, 5\]"
    ):
        env.step(np.array([[1, 1, 1], [1, 1, 6]]))
    with pytest.raises(InvalidArgumentError, match=r"actions\[0, 0\]: got -1"):
        env.step(np.array([[-1, 1, 1], [1, 1, 1]]))
    with pytest.raises(InvalidArgumentError, match="integers"):
        env.step(np.ones((2, 2), np.int64))
    env._alive[1, 2] = False
    env.step(np.array([[1, 1, 1], [1, 1, 6]]))
    with pytest.raises(InvalidArgumentError, match="a step before a reset"):
        fights("3m").step(np.ones((2, 3), np.int64))


@needs_jax
def test_torch_and_jax_live_in_one_process_and_torchs_threads_stay(told):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    env = fights("3m")
    frame = env.reset(np.arange(4))
    layer = torch.nn.Linear(env.spec.observation_size, 9)
    logits = layer(torch.from_numpy(frame.observations)).detach().numpy()
    env.step(np.where(frame.masks, logits, -np.inf).argmax(axis=-1))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("flags", "after"),
    [
        ("", "--xla_cpu_multi_thread_eigen=false"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false"),
        ("--xla_cpu_multi_thread_eigen=true", "--xla_cpu_multi_thread_eigen=true"),
    ],
)
def test_jax_is_loaded_for_one_thread_of_the_cpu_unless_told_otherwise(monkeypatch, flags, after):
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    program._prepare()
    assert (os.environ["XLA_FLAGS"], os.environ["JAX_PLATFORMS"]) == (after, "cpu")


@needs_jax
def test_units_are_smaxs(told):
    from jaxmarl.environments.smax.smax_env import SMAX

    given = {name: each.default for name, each in inspect.signature(SMAX.__init__).parameters.items()}
    names = {"health": "health", "attack": "attacks", "reach": "attack_ranges", "sight": "sight_ranges", "radius": "radiuses"}
    for mine, theirs in {**names, "cooldown": "weapon_cooldowns"}.items():
        np.testing.assert_allclose([getattr(u, mine) for u in UNITS], given[f"unit_type_{theirs}"], rtol=1e-6)
    assert [u.name for u in UNITS] == given["unit_type_names"]
    assert [u.letter for u in UNITS] == given["unit_type_shorthands"]
    assert (given["max_steps"], given["world_steps_per_env_step"] * given["time_per_step"]) == (EPISODE_LIMIT, 0.5)


# ---- slow -----------------------------------------------------------------------------------------------------------------


@needs_jax
@pytest.mark.slow
def test_it_is_smax():
    """One fight by JaxMARL's own functions, one at a time and with actions in its own numbers."""
    import jax
    from jaxmarl.environments.smax import HeuristicEnemySMAX
    from jaxmarl.environments.smax.smax_env import map_name_to_scenario

    theirs = HeuristicEnemySMAX(scenario=map_name_to_scenario("3m"))
    env, seed = fights("3m"), 7
    key = jax.random.key(seed, impl="threefry2x32")
    frame, (observed, state) = env.reset(np.array([seed])), theirs.reset(key)
    draw, numbers = np.random.default_rng(0), {1: 4, 2: 0, 3: 2, 4: 1, 5: 3, 6: 5, 7: 6, 8: 7, NOOP: 4}
    for time in range(60):
        np.testing.assert_allclose(frame.observations[0], [observed[a] for a in theirs.agents], atol=1e-5)
        np.testing.assert_allclose(frame.state[0], observed["world_state"], atol=1e-4)
        action = np.where(frame.masks, draw.random(frame.masks.shape), -1).argmax(axis=-1)
        if frame.masks[..., 6:].any():
            action = np.where(frame.masks[..., 6:].any(axis=-1), 6 + frame.masks[..., 6:].argmax(axis=-1), action)
        open_ = theirs.get_avail_actions(state)
        for i, agent in enumerate(theirs.agents):
            assert [numbers[a] for a in np.flatnonzero(frame.masks[0, i])] == sorted(
                np.flatnonzero(open_[agent]), key=[numbers[a] for a in range(1, 9)].index
            )
        chosen = {agent: numbers[int(action[0, i])] for i, agent in enumerate(theirs.agents)}
        observed, state, rewards, done, _ = theirs.step_env(jax.random.fold_in(key, time + 1), state, chosen)
        step = env.step(action)
        frame = step.frame
        assert step.rewards[0] == pytest.approx(float(rewards["ally_0"]), abs=1e-5)
        assert bool(step.terminated[0]) == bool(done["__all__"])
        if step.terminated[0]:
            return
    raise AssertionError("the fight did not end")


CODE = """
import hashlib, numpy as np
from alberdice.environments.smax import fights
env = fights("3m")
frame = env.reset(np.arange(40))
digest = hashlib.sha256()
for t in range(20):
    liking = np.arange(9)[::-1] * ((t + np.arange(3)[:, None]) % 3 + 1) % 7 + 1
    frame = env.step(np.where(frame.masks, liking, -1).argmax(-1)).frame
    digest.update(frame.observations.tobytes() + frame.state.tobytes())
print(digest.hexdigest())
"""


@needs_jax
@pytest.mark.slow
def test_compiled_anew_in_another_process_it_is_the_same_bit_for_bit(tmp_path):
    found = []
    for _ in range(2):  # compiled, then from the cache
        done = subprocess.run(
            [sys.executable, "-c", CODE], env={**os.environ, "ALBERDICE_CACHE": str(tmp_path)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout)
    assert found[0] == found[1]
    assert len(found[0].strip()) == len(hashlib.sha256().hexdigest())
    assert list(tmp_path.rglob("jit_advance-*"))


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", ["5m_vs_6m", "corridor"])  # the least and the most of the six; recipes play two others
def test_the_papers_maps_are_played(name):
    with find_environment(f"smax-{name}").open() as env:
        assert check_environment(env) == []
        frame, team = env.reset(np.arange(32)), find_script("smax-fighter(kite=True)", env.spec)(np.arange(32))
        for _ in range(100):
            step = env.step(team.act(frame, np.zeros((32, 1))))
            frame = step.frame
        assert step.ended.all()
