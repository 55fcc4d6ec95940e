"""Settings: every one of them changes what comes out, or is refused; files and unknown names."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from deep_samples import TINY, chain_dataset, equal, tiny, trained

from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.config import TrainConfig, from_mapping, read_toml
from alberdice.deep.config.base import fingerprint_of
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import evaluate_run
from alberdice.errors import InvalidArgumentError

#: another value of every setting that reaches the learner
CHANGES: dict[str, Any] = {
    "dataset": "matrix-c",
    "dataset_seed": 1,
    "seed": 1,
    "updates": 13,
    "pretrain_updates": 11,
    "batch_size": 33,
    "pretrain_batch_size": 17,
    "learning_rate": 1e-3,
    "pretrain_learning_rate": 2e-3,
    "discount": 0.9,
    "hidden": (9,),
    "leak": 0.2,
    "alpha_start": 2.0,
    "alpha_end": 0.05,
    "anneal_share": 0.5,
    "settle_share": 0.5,
    "hold_share": 1.0,
    "units": "rewards",
    "minibatch": "sampled",
    "advantage": "network",
    "starts": 2,
    "start_updates": 6,
    "conservatism_form": "printed",
    "fallback": 0.9,
    "nu_step": 1e-3,
    "conservatism": 0.3,
    "policy_start": "uniform",
    "ratio_clip": 0.5,
    "importance": "resample",
    "price": "sample",
    "nu_price": "analytic",
    "behaviour_floor": 0.4,
    "initial_states": "all",
    "absorbing": "single",
    "gradient_penalty": 0.5,
    "standardise": False,
    "keep_best": 0.5,
    "order": "simultaneous",
    "policy": "transformer",
}
#: settings that bear on another one, which the test sets too
WITH: dict[str, dict[str, Any]] = {"slope_limit": {"gradient_penalty": 0.5}}
#: settings of the loop, the machine and the bookkeeping; each has a test of its own
ELSEWHERE = {
    "algorithm": "test_unknown_names_are_refused",
    "environment": "test_the_environment_must_fit_and_may_be_left_out",
    "device": "test_device",
    "capture": "test_capture.py",
    "threads": "test_threads",
    "workers": "test_vector.py",
    "memory_share": "test_tables.py",
    **dict.fromkeys(("agents", "flatten", "max_steps"), "test_play_options.py"),
    "collapse_rows": "test_training.py",
    "evaluate_every": "test_rows_of_metrics",
    "evaluate_episodes": "test_rows_of_metrics",
    "checkpoint_every": "test_loop.py",
    "keep_policies": "test_loop.py",
    "keep_states": "test_from_run.py",
    **dict.fromkeys(("policy_network", "nu_network", "e_network"), "test_module.py"),
    "play": "test_greedy_play",
    "precision": "test_precision.py",
    "pictures": "test_run_pictures.py",
    "select": "test_policy_selection.py",
    "held_out": "test_held_out.py",
    "select_every": "test_policy_selection.py",
    "share_frames": "test_alberdice.py",
    "levels": "test_levels.py",
    "others_see": "test_agreement.py",
    "watch_share": "test_watched.py",
    **dict.fromkeys(("length", "pooling"), "test_population.py"),
    **dict.fromkeys(("weights", "episode_share", "episode_ratio", "turn_updates", "agreements"), "test_episode_weights.py"),
    **dict.fromkeys(("memory_updates", "last_policy"), "test_remembering.py"),
    **dict.fromkeys(("width", "blocks", "heads", "tokens", "context", "chunk", "episode_steps"), "test_history_runs.py"),
}


def test_every_setting_is_covered() -> None:
    assert {f.name for f in fields(AlberDICEConfig)} == {*CHANGES, *WITH, *ELSEWHERE}


#: what changes nothing where no step repeats
_REPEATING = ("minibatch", "advantage")


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_setting_changes_what_is_learned(name: str) -> None:
    dataset = None if name.startswith("dataset") or name in _REPEATING else chain_dataset(n_actions=(2, 3))
    base: dict[str, Any] = {"starts": 2} if name == "start_updates" else {}
    base |= {} if name in _REPEATING else {"minibatch": "sampled"}  # all steps at once ask for no size and no draw
    assert not equal(trained(tiny(**base), dataset), trained(tiny(**{**base, name: CHANGES[name]}), dataset))


def test_slope_limit_changes_what_is_learned() -> None:
    dataset = chain_dataset(n_actions=(2, 3))
    first, second = (trained(tiny(gradient_penalty=0.5, slope_limit=limit), dataset) for limit in (0.0, 0.1))
    assert not equal(first, second)


def test_threads(tmp_path: Path) -> None:
    before, seen = torch.get_num_threads(), set()
    train(tiny(threads=before + 1), tmp_path / "run", progress=lambda note: seen.add(torch.get_num_threads()))
    assert seen == {before + 1}
    assert torch.get_num_threads() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_device(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="device: got cuda, expected a device of this machine; use --device cpu"):
        train(tiny(device="cuda"), tmp_path / "run")


def test_rows_of_metrics(tmp_path: Path) -> None:
    train(tiny(evaluate_every=4, evaluate_episodes=7), tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    assert [row["update"] for row in rows] == ["14", "18", "22"]
    assert {row["episodes"] for row in rows} == {"7"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"alpah_end": 0.1},
            "settings: alpah_end: got an unknown key, expected a setting of alberdice; nearest match: alpha_e",
        ),
        ({"importance": "wieght"}, "importance: got 'wieght', expected one of weight, resample; nearest match: weight"),
        ({"updates": 0}, "updates: got 0, expected a number, at least 1"),
        ({"updates": 2.5}, "updates: got 2.5, expected a whole number"),
        ({"discount": 1.0}, "discount: got 1.0, expected a number from 0 to 0.999999999"),
        ({"alpha_end": 2.0}, "alpha_end: got 2.0, expected at most alpha_start, 1.0"),
        ({"alpha_end": float("nan")}, "alpha_end: got nan"),
        ({"standardise": "yes"}, "standardise: got 'yes', expected true or false"),
        ({"hidden": []}, "hidden: got"),
        ({"hidden": 128}, "hidden: got 128, expected a list of whole numbers"),
        ({"dataset": 3}, "dataset: got 3, expected text"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        from_mapping(values, AlberDICEConfig())
    assert str(raised.value).startswith(message)


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"algorithm: got 'alberdise', .*; nearest match: alberdice"):
        train(tiny(algorithm="alberdise"), tmp_path / "run")


def test_settings_belong_to_their_algorithm(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="config: got TrainConfig, expected settings of alberdice, AlberDICEConfig"):
        train(TrainConfig(), tmp_path / "run")


def test_a_learner_by_module_and_class(tmp_path: Path) -> None:
    name = "alberdice.deep.algorithms.alberdice:AlberDICE"
    result = train(tiny(name), tmp_path / "run")
    assert (result["algorithm"], result["status"]) == (name, "done")
    assert evaluate_run(tmp_path / "run", episodes=10)["algorithm"] == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:Learner", "No module named 'no_such_module'"),
        ("alberdice.deep.algorithms.alberdice:Alberdise", "no .Alberdise. there"),
        ("alberdice.deep.learner:Learner", "got settings = None, expected a class whose attribute settings"),
    ],
)
def test_a_learner_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        learner_class(name)


def test_the_environment_must_fit_and_may_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="environment 'bridge', agent_1: got 5 actions, expected 2"):
        train(tiny(environment="bridge"), tmp_path / "first")
    result = train(tiny(environment="none"), tmp_path / "second")
    assert result["episodes"] == 0
    assert json.loads((tmp_path / "second" / "result.json").read_text())["return_mean"] is None


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('dataset = "matrix-b"\nhidden = [16, 16]\nratio_clip = inf\n')
    assert from_mapping(read_toml(path), AlberDICEConfig()) == AlberDICEConfig(
        dataset="matrix-b", hidden=(16, 16), ratio_clip=float("inf")
    )
    path.write_text("learning_rat = 0.1\n")
    with pytest.raises(InvalidArgumentError, match=r"settings.toml: learning_rat: got an unknown key.*learning_rate"):
        from_mapping(read_toml(path), AlberDICEConfig(), str(path))
    path.write_text("learning_rate: 0.1\n")
    with pytest.raises(InvalidArgumentError, match="expected TOML"):
        read_toml(path)
    with pytest.raises(InvalidArgumentError, match="No such file"):
        read_toml(tmp_path / "missing.toml")


def test_runs_begun_before_a_setting_was_there_are_those_that_leave_it_out() -> None:
    came_later = ("leak", "nu_step", "pooling")
    saved = {name: value for name, value in asdict(tiny()).items() if name not in came_later}
    was = fingerprint_of(saved)
    assert not tiny().same_as(saved, was)
    assert tiny(leak=0.0, nu_step=math.inf, pooling=0.0).same_as(saved, was)
    assert not tiny(leak=0.0, nu_step=math.inf).same_as(saved, was)
    bare = {name: value for name, value in asdict(tiny("bc")).items() if name != "leak"}
    assert tiny("bc").same_as(bare, fingerprint_of(bare))


@pytest.mark.parametrize(("then", "now", "other"), [(False, "auto", "on"), (True, "on", "auto")])
def test_a_run_of_the_time_when_capture_was_yes_or_no(then: bool, now: str, other: str) -> None:
    saved = {**asdict(tiny("bc")), "capture": then}
    was = fingerprint_of(saved)
    assert tiny("bc").plain()["capture"] == "auto"
    assert replace(tiny("bc"), capture=now).same_as(saved, was)
    assert not replace(tiny("bc"), capture=other).same_as(saved, was)


def test_fingerprint_sees_what_decides_the_result_only() -> None:
    base = tiny()
    assert from_mapping({"evaluate_every": 3, "checkpoint_every": 2}, base).fingerprint() == base.fingerprint()
    assert all(tiny(**{name: CHANGES[name]}).fingerprint() != base.fingerprint() for name in CHANGES)
    assert from_mapping(TINY, AlberDICEConfig()) == base


def test_which_presets_play_sharply() -> None:
    """All where episodes leak; on warehouses only AlberDICE's without a memory: clones of teams who do not agree jam."""
    sharp = {
        (name, preset)
        for name in ALGORITHMS
        for preset, values in learner_class(name).settings.presets.items()
        if values.get("play") == "sharp"
    }
    everywhere = {(name, preset) for name in ALGORITHMS for preset in ("smax", "football")}
    own = {"smax-episodes", "rware-feed-forward", "rware-conventions", "rware-conventions-anew", "rware-mixed"}
    assert sharp == everywhere | {("alberdice", preset) for preset in own}
