"""MAT's runs: resumed bit for bit, refused where they differ; and who plays recordings by name."""

import sys
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alberdice.cli.deep import main
from alberdice.datasets import make_builtin, open_dataset
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.online.folder import held, mat_player
from alberdice.deep.online.mat import MAT
from alberdice.deep.online.players import find_player
from alberdice.deep.online.run import train_mat
from alberdice.deep.online.settings import MATConfig
from alberdice.deep.play.episodes import PolicyPlayer
from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import PlayOptions, find_environment
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError

SETTINGS = MATConfig(iterations=20, batch_episodes=4, epochs=2, width=8, cloning_updates=3)


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path):
    def stop(now, total, value):
        if now == 13:  # the state of iteration 10 is on the disk
            raise KeyboardInterrupt

    data = make_builtin("matrix-b")
    whole = train_mat("penalty-xor", SETTINGS, 1, tmp_path / "whole", warm_start=data)
    with pytest.raises(KeyboardInterrupt):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path / "parts", warm_start=data, progress=stop)
    parts = train_mat("penalty-xor", SETTINGS, 1, tmp_path / "parts", warm_start=data)
    (first, header), (second, other) = (read_checkpoint(out / "state.safetensors") for out in (whole, parts))
    assert header == other
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert (whole / "metrics.jsonl").read_text() == (parts / "metrics.jsonl").read_text()
    assert (whole / "metrics.jsonl").read_text().startswith('{"iteration": 0, "cloning_loss": ')
    assert (whole / "state.safetensors").read_bytes() == (parts / "state.safetensors").read_bytes()
    with pytest.raises(InvalidArgumentError, match="seed: got 2, expected 1, as begun"):
        train_mat("penalty-xor", SETTINGS, 2, tmp_path / "parts", warm_start=data)
    with pytest.raises(InvalidArgumentError, match=r"settings\.epochs: got 3, expected 2, as begun"):
        train_mat("penalty-xor", replace(SETTINGS, epochs=3), 1, tmp_path / "parts", warm_start=data)
    (parts / "state.safetensors").write_bytes(b"damaged")
    with pytest.raises(InvalidDataError, match=r"state\.safetensors"):
        mat_player(parts)


@pytest.mark.parametrize(
    ("settings", "data", "device", "words"),
    [
        (SETTINGS, "matrix-b", "gpu", "device: got 'gpu', expected auto, cpu or cuda"),
        (replace(SETTINGS, cloning_updates=0), "matrix-b", "cpu", "cloning_updates: got 0"),
        (SETTINGS, "bridge-mix", "cpu", "bridge-mix: got actions"),
    ],
)
def test_what_is_refused_leaves_no_folder(settings, data, device, words, tmp_path):
    with pytest.raises(InvalidArgumentError, match=words):
        train_mat("penalty-xor", settings, 1, tmp_path / "run", warm_start=make_builtin(data), device=device)
    assert not (tmp_path / "run").exists()


def test_what_a_run_began_with_is_not_left_out_later(tmp_path):
    settings, data = replace(SETTINGS, iterations=1), make_builtin("matrix-b")
    begun = PlayOptions(max_steps=3, team_reward="sum")
    train_mat("penalty-xor", settings, 1, tmp_path / "run", begun, warm_start=data)
    for options, given, words in (
        (None, data, "max_steps: got nothing, expected 3, as begun"),
        (PlayOptions(max_steps=3), data, "team_reward: got nothing, expected sum, as begun"),
        (begun, None, f"cloned: got nothing, expected {data.digest}, as begun"),
    ):
        with pytest.raises(InvalidArgumentError, match=words):
            train_mat("penalty-xor", settings, 1, tmp_path / "run", options, warm_start=given)
    assert train_mat("penalty-xor", settings, 1, tmp_path / "run", begun, warm_start=data) == tmp_path / "run"


def test_iterations_are_logged_where_a_run_goes_on(tmp_path, monkeypatch):
    """To Weights & Biases, and the logger is closed however the run ends."""
    told = []

    class Logger:
        def __init__(self, folder, project, *, done, settings, name):
            told.append(("begun", folder, project, done, settings["seed"], name))

        def log(self, kind, update, values):
            told.append((kind, update, values["iteration"], values["steps"], values["return"]))

        def close(self):
            told.append("closed")

    def stop(now, total, value):
        assert (total, value) == (20, told[-1][-1])
        if now == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr("alberdice.deep.online.run.WandB", Logger)
    with pytest.raises(KeyboardInterrupt):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path, wandb="mine", progress=stop)
    train_mat("penalty-xor", SETTINGS, 1, tmp_path, wandb="mine")
    begun = [("begun", tmp_path / "wandb", "mine", done, 1, "mat in penalty-xor, seed 1") for done in (0, 10)]
    lines = [("training", k, k, 4 * k) for k in range(1, 21)]
    shown = [each[:4] if each[0] == "training" else each for each in told]
    assert shown == [begun[0], *lines[:12], "closed", begun[1], *lines[10:], "closed"]


def test_a_logger_that_cannot_begin_is_refused_before_anything_is_cloned(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr(MAT, "clone", lambda *given: pytest.fail("cloned"))
    with pytest.raises(ResourceError, match="wandb"):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path, warm_start=make_builtin("matrix-b"), wandb="mine")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of ten iterations."""
    return train_mat("penalty-xor", replace(SETTINGS, iterations=10), 1, tmp_path_factory.mktemp("mat") / "run")


def test_a_state_that_lost_a_bit_is_refused(trained, tmp_path):
    copytree(trained, tmp_path / "run")
    path, rng = tmp_path / "run" / "state.safetensors", np.random.default_rng(0)
    content = path.read_bytes()
    for at in rng.integers(len(content), size=25):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        for read in (mat_player, lambda out: train_mat("penalty-xor", replace(SETTINGS, iterations=10), 1, out)):
            with pytest.raises(InvalidDataError, match=r"state\.safetensors"):
                read(tmp_path / "run")
    assert path.read_bytes() == bytes(damaged)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors, header: tensors.update({"network.which": torch.zeros(1, 8)}), "network.which: got torch.float32"),
        (lambda tensors, header: tensors.pop("network.which"), "network.which: got nothing"),
        (lambda tensors, header: tensors.update(numbers=torch.tensor([0.0, 0, 0, float("nan")])), "numbers: got"),
        (lambda tensors, header: header["network"].update(width=10**9), "network: got"),
        (lambda tensors, header: header["network"].update(width=64), "network.which: got"),
        (lambda tensors, header: header.update(lines=3), "lines: got 3"),
        (lambda tensors, header: header["lines"][-1].update(steps="x"), "lines: got"),
        (lambda tensors, header: header.pop("network"), "network: got None"),
    ],
)
def test_a_state_of_another_form_is_refused(trained, tmp_path, change, words):
    copytree(trained, tmp_path / "run")
    tensors, header = read_checkpoint(trained / "state.safetensors")
    change(tensors, header)
    write_checkpoint(tmp_path / "run" / "state.safetensors", tensors, header)
    with pytest.raises(InvalidDataError, match=words):
        mat_player(tmp_path / "run")


def test_states_of_the_first_release_are_read(trained, tmp_path):
    copytree(trained, tmp_path / "run")
    save_file(read_checkpoint(trained / "state.safetensors")[0], tmp_path / "run" / "state.safetensors")
    assert torch.equal(mat_player(tmp_path / "run").network.which, mat_player(trained).network.which)
    (tmp_path / "run" / "metrics.jsonl").write_text("no JSON\n")
    with pytest.raises(InvalidDataError, match=r"metrics\.jsonl"):
        mat_player(tmp_path / "run")


@pytest.mark.parametrize("damage", ["nothing", "lines ahead", "gone", "empty", "short", "another number"])
def test_lost_metrics_are_written_again(trained, tmp_path, capsys, damage):
    """From the state, which knows them; it is said, and a changed file is kept.  A kill may leave lines ahead of the state."""
    copytree(trained, tmp_path / "run")
    path, kept = tmp_path / "run" / "metrics.jsonl", tmp_path / "run" / "metrics.jsonl.changed"
    text = path.read_text()
    changed = {
        "nothing": text,
        "lines ahead": text + '{"iteration": 11}\n',
        "empty": "",
        "short": "".join(text.splitlines(keepends=True)[:-1]),
        "another number": text.replace('"iteration": 3', '"iteration": 4'),
    }.get(damage)
    path.unlink() if changed is None else path.write_text(changed)
    train_mat("penalty-xor", replace(SETTINGS, iterations=10), 1, tmp_path / "run")
    assert path.read_text() == text
    wrong = damage not in ("nothing", "lines ahead")
    assert (str(path) in capsys.readouterr().err) == wrong
    assert (kept.read_text() if kept.exists() else None) == (changed if wrong else None)


def test_a_folder_in_use_is_locked(tmp_path):
    with held(tmp_path / "run"), pytest.raises(InvalidArgumentError, match="a run in progress"):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path / "run")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgumentError, match="something else, expected nothing, or a run of MAT; choose another folder"):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture(scope="module")
def cloned(tmp_path_factory):
    """A run of transformer policies on Bridge."""
    out = tmp_path_factory.mktemp("run") / "bc"
    kind = learner_class("bc").settings
    wanted = {"policy": "transformer", "width": 8, "context": 4, "updates": 5, "pictures": False, "evaluate_episodes": 2}
    config = from_mapping({"dataset": "bridge-optimal", "algorithm": "bc", **wanted}, kind(algorithm="bc"), where="test")
    train(config, out)
    return out


def test_a_run_plays_its_policies_with_their_memory(cloned):
    with find_environment("bridge").open() as env:
        player, frame = find_player(str(cloned), env.spec)(np.arange(300)), env.reset(np.arange(300))
        actor, rng = policies_of_run(cloned).actor(300), np.random.default_rng(0)
        for _ in range(5):
            tables = actor.log_probabilities(torch.from_numpy(frame.observations.copy())).exp().numpy()
            uniforms = rng.random((300, 2))
            actions = player.act(frame, uniforms)
            for row in range(0, 300, 50):
                for agent in range(2):
                    edges = tables[row, agent].cumsum()
                    edges /= edges[-1]
                    below = edges[actions[row, agent] - 1] if actions[row, agent] else 0.0
                    assert below - 1e-6 <= uniforms[row, agent] <= edges[actions[row, agent]] + 1e-6
            step = env.step(actions)
            player.played(actions, step.rewards)
            actor.observe(torch.from_numpy(actions), torch.from_numpy(step.rewards).float())
            frame = step.frame
    assert isinstance(player, PolicyPlayer)


def test_runs_of_other_sizes_are_refused(cloned, tmp_path):
    mat = train_mat("penalty-xor", MATConfig(iterations=1, batch_episodes=2, epochs=1, width=8), 0, tmp_path / "mat")
    with find_environment("rware-tiny-2ag").open() as env:
        for folder in (cloned, mat):
            with pytest.raises(InvalidArgumentError, match="71 features, as rware-tiny-2ag has"):
                find_player(str(folder), env.spec)


def test_the_command_trains_and_collects(tmp_path, capsys):
    words = ["collect", "--environment", "penalty-xor", "--id", "lab/x-v0", "--root", str(tmp_path), "--episodes", "30"]
    mat = [
        "--train",
        "mat",
        "--out",
        str(tmp_path / "mat"),
        "--seeds",
        "2",
        "--iterations",
        "3",
        "--epochs",
        "2",
        "--width",
        "8",
    ]
    with pytest.raises(SystemExit) as done:
        main([*words, *mat, "--policy", "random", "--mix", "agent", "--epsilon", "0.1"])
    assert done.value.code == 0
    assert '"episodes": 30' in capsys.readouterr().out
    data = open_dataset(tmp_path / "lab" / "x-v0")
    assert data.header.environment == "penalty-xor"
    assert data.header.recipe.startswith("collect random + ")
    assert (tmp_path / "mat" / "seed-1" / "state.safetensors").exists()
    for arguments, word in ((words, "an id that is taken"), ([*words[:-2], "--overwrite"], "at least one, or --train mat")):
        extra = ["--policy", "random"] if word.startswith("an id") else []
        with pytest.raises(SystemExit) as done:
            main([*arguments, *extra])
        assert done.value.code == 2
        assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (
            ["--policy", "random", "--warm-start", "matrix-b"],
            "--warm-start: got matrix-b, expected nothing without --train mat",
        ),
        (["--policy", "random", "--device", "cpu"], "--device: got cpu, expected nothing without --train mat"),
        (["--train", "mat", "--warm-start", "matrix-b"], "cloning_updates: got 0, expected 1 or more"),
        (["--train", "mat", "--cloning-updates", "3"], "--warm-start: got none, and --cloning-updates 3, expected a dataset"),
        (["--train", "mat", "--warm-start", "bridge-mix", "--cloning-updates", "3"], "bridge-mix: got actions"),
    ],
)
def test_what_would_be_passed_over_is_refused_before_a_run_begins(extra, words, tmp_path, capsys):
    """And nothing is left that would be in the way of the same command put right."""
    with pytest.raises(SystemExit) as done:
        main(
            [
                "collect",
                "--environment",
                "penalty-xor",
                "--id",
                "x-v0",
                "--root",
                str(tmp_path),
                "--out",
                str(tmp_path / "mat"),
                *extra,
            ]
        )
    assert done.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.rglob("mat.json"))


def test_an_id_that_is_taken_is_refused_before_a_run_begins(tmp_path, capsys):
    (tmp_path / "x-v0").mkdir()
    with pytest.raises(SystemExit):
        main(
            [
                "collect",
                "--environment",
                "penalty-xor",
                "--id",
                "x-v0",
                "--root",
                str(tmp_path),
                "--train",
                "mat",
                "--out",
                str(tmp_path / "mat"),
            ]
        )
    assert "an id that is taken" in capsys.readouterr().err
    assert not (tmp_path / "mat").exists()
