"""Files of other formats, written straight from the formats' description and not by this package's exporters."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from dataset_samples import sample_dataset

from alberdice.datasets import OfflineDataset


def sample() -> OfflineDataset:
    """4 episodes of lengths 7, 1, 9, 3 and 3 agents of 4 actions."""
    return sample_dataset(np.random.default_rng(0), ends="both")


def snapshot(base: Path) -> dict[str, str]:
    """Every file below a directory, with its content's digest."""
    files = sorted(p for p in base.rglob("*") if p.is_file())
    return {str(p.relative_to(base)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def pymarl_arrays(data: OfflineDataset, rng: np.random.Generator, *, mark_time_limits: bool = True) -> dict[str, np.ndarray]:
    """The padded arrays of a buffer, whose final rows carry a sampled action, as recorders leave it there."""
    episodes, rows = data.n_episodes, int(data.lengths.max()) + 3
    agents, width = data.n_agents, max(data.n_actions)
    arrays = {
        "actions": np.zeros((episodes, rows, agents, 1), np.int64),
        "actions_onehot": np.zeros((episodes, rows, agents, width), np.float32),
        "avail_actions": np.zeros((episodes, rows, agents, width), np.int32),
        "filled": np.zeros((episodes, rows, 1), np.int64),
        "obs": np.zeros((episodes, rows, agents, data.observation_size), data.observations.dtype),
        "reward": np.zeros((episodes, rows, 1), data.rewards.dtype),
        "state": np.zeros((episodes, rows, data.state_size), data.states.dtype),
        "terminated": np.zeros((episodes, rows, 1), np.uint8),
    }
    for e, episode in enumerate(data.episodes):
        for t in range(len(episode)):
            for i in range(agents):
                arrays["actions"][e, t, i, 0] = episode.actions[t, i]
                arrays["actions_onehot"][e, t, i, episode.actions[t, i]] = 1
            arrays["reward"][e, t, 0] = episode.rewards[t]
            arrays["obs"][e, t] = episode.observations[t]
            arrays["state"][e, t] = episode.states[t]
            arrays["avail_actions"][e, t] = episode.action_masks[t]
            arrays["filled"][e, t, 0] = 1
        last = len(episode)
        arrays["terminated"][e, last - 1, 0] = mark_time_limits or episode.terminated[-1]
        if episode.final_state is not None:
            arrays["filled"][e, last, 0] = 1
            arrays["obs"][e, last] = episode.final_observation
            arrays["state"][e, last] = episode.final_state
            arrays["avail_actions"][e, last] = episode.final_action_mask
            arrays["actions"][e, last, :, 0] = rng.integers(1, 3, agents)
    return arrays


def save_pymarl(directory: Path, arrays: dict[str, np.ndarray], **meta: Any) -> Path:
    directory.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)
    episodes = len(arrays["filled"])
    head = {"buffer_index": 0, "episodes_in_buffer": episodes, "buffer_size": episodes, **meta}
    (directory / "meta.json").write_text(json.dumps(head))
    return directory


def save_cfcql(path: Path, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if name != "actions_onehot":
                file[name] = array
        file["probs"] = rng.random(arrays["avail_actions"].shape)
    return path


def minari_buffers(data: OfflineDataset, shape: str) -> tuple[list[Any], Any, Any]:
    """Minari episode buffers of the dataset, with stacked, tuple or dict spaces, and those spaces."""
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    kind, size = data.observations.dtype, data.observation_size
    box = spaces.Box(-np.inf, np.inf, (size,), kind)
    names = [f"robot_{chr(122 - i)}" for i in range(data.n_agents)]
    choices = [spaces.Discrete(n) for n in data.n_actions]
    if shape == "stacked":
        observation_space: Any = spaces.Box(-np.inf, np.inf, (data.n_agents, size), kind)
        action_space: Any = spaces.MultiDiscrete(data.n_actions)
    elif shape == "tuple":
        observation_space, action_space = spaces.Tuple([box] * data.n_agents), spaces.Tuple(choices)
    else:
        observation_space = spaces.Dict({name: box for name in names})
        action_space = spaces.Dict(dict(zip(names, choices, strict=True)))

    def split(array: np.ndarray) -> Any:
        if shape == "stacked":
            return array
        parts = [np.ascontiguousarray(array[:, i]) for i in range(data.n_agents)]
        return tuple(parts) if shape == "tuple" else dict(zip(names, parts, strict=True))

    buffers = []
    for episode in data.episodes:
        assert episode.final_state is not None
        frames = np.concatenate([episode.observations, episode.final_observation[None]])
        masks = np.concatenate([episode.action_masks, episode.final_action_mask[None]])
        infos = {"state": np.concatenate([episode.states, episode.final_state[None]])}
        if data.frame_masks is not None:
            infos["avail_actions"] = masks[:, ::-1] if shape == "dict" else masks  # in the order of the space: sorted names
        buffers.append(
            EpisodeBuffer(
                observations=split(frames),
                actions=split(episode.actions),
                rewards=episode.rewards,
                terminations=episode.terminated,
                truncations=episode.truncated,
                infos=infos,
            )
        )
    return buffers, observation_space, action_space
