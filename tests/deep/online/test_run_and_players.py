"""MAT's runs: resumed bit for bit, refused where they differ; and who plays recordings by name."""

import numpy as np
import pytest
import torch

from alberdice.cli.deep import main
from alberdice.datasets import make_builtin, open_dataset
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.online.players import find_player
from alberdice.deep.online.run import mat_player, train_mat
from alberdice.deep.online.settings import MATConfig
from alberdice.deep.play.episodes import PolicyPlayer
from alberdice.deep.training.loop import train
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment
from alberdice.errors import InvalidArgumentError, InvalidDataError

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
    assert (whole / "state.safetensors").read_bytes() == (parts / "state.safetensors").read_bytes()
    assert (whole / "metrics.jsonl").read_text() == (parts / "metrics.jsonl").read_text()
    with pytest.raises(InvalidArgumentError, match="as begun"):
        train_mat("penalty-xor", SETTINGS, 2, tmp_path / "parts", warm_start=data)
    (parts / "state.safetensors").write_bytes(b"damaged")
    with pytest.raises(InvalidDataError, match=r"state\.safetensors"):
        mat_player(parts)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgumentError, match="something else"):
        train_mat("penalty-xor", SETTINGS, 1, tmp_path)


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
