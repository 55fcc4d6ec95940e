"""StarCraft2Env as its documentation has it, with a small fight of its own; map names choose what goes wrong.

SMAC_DOUBLE is a folder: every instance leaves a file made-PID-COUNT there and removes it when it is closed, like the game's
process that the real one starts; and a file per protocol error.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

MAPS = ("3s5z", "limit", "protocol", "protocol_twice", "protocol_other", "continuing", "dies")


class StarCraft2Env:
    count = 0

    def __init__(self, map_name="8m", seed=None, difficulty="7", continuing_episode=False):
        if map_name not in MAPS:
            raise KeyError(map_name)
        self.map_name, self.continuing_episode = map_name, continuing_episode or map_name == "continuing"
        self.n_agents, self.n_enemies, self.n_actions = 3, 2, 8
        self.episode_limit = 5 if map_name in ("limit", "continuing") else 40
        self._seed, self.folder, self.process = seed, Path(os.environ["SMAC_DOUBLE"]), None
        self.random = np.random.RandomState(None if map_name == "protocol_other" else seed)
        print("Launching StarCraft")

    def reset(self):
        if self.process is None:  # like the real one: the game starts at the first reset
            StarCraft2Env.count += 1
            self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            self.mark = self.folder / f"made-{os.getpid()}-{StarCraft2Env.count}-{self.process.pid}"
            self.mark.touch()
        self.allies, self.enemies, self.time = np.full(3, 4), np.full(2, 3), 0
        self.place = self.random.rand(3)
        return self.get_obs(), self.get_state()

    def get_obs(self):
        return [
            np.array([h, p * (h > 0), *self.enemies * (h > 0)], np.float32)
            for h, p in zip(self.allies, self.place, strict=True)
        ]

    def get_state(self):
        return np.array([*self.allies, *self.enemies, self.time], np.float64)

    def get_avail_agent_actions(self, agent):
        if self.allies[agent] <= 0:
            return [1] + [0] * 7
        far = self.place[agent] > 0.5
        return [0, 1, 1, 1, 1, 1] + [int(h > 0 and not far) for h in self.enemies]

    def get_avail_actions(self):
        return [self.get_avail_agent_actions(i) for i in range(self.n_agents)]

    def get_env_info(self):
        return {
            "state_shape": 6,
            "obs_shape": 4,
            "n_actions": self.n_actions,
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
            "agent_features": ["health"],
        }

    def step(self, actions):
        actions = [int(a) for a in actions]
        for agent, action in enumerate(actions):
            assert self.get_avail_agent_actions(agent)[action] == 1, f"Agent {agent} cannot perform action {action}"
        if self.map_name == "dies":
            os._exit(3)
        self.time += 1
        if self.map_name.startswith("protocol") and self.time == 3:
            broken = self.folder / f"protocol-{self._seed}"
            if self.map_name == "protocol_twice" or not broken.exists():
                broken.touch()
                return 0, True, {}
        for agent, action in enumerate(actions):
            if action >= 6:
                self.enemies[action - 6] = max(0, self.enemies[action - 6] - 1)
            if action == 2:
                self.place[agent] = max(0.0, self.place[agent] - 0.3)
        if self.episode_limit > 5 and self.random.rand() < 0.7:
            self.allies[self.random.randint(3)] -= 1
        self.allies = np.maximum(self.allies, 0)
        won, lost, late = not self.enemies.any(), not self.allies.any(), self.time >= self.episode_limit
        info = {
            "battle_won": won,
            "dead_allies": int((self.allies == 0).sum()),
            "dead_enemies": int((self.enemies == 0).sum()),
        }
        if late and self.continuing_episode and not (won or lost):
            info["episode_limit"] = True
        return float(won) + 0.1, bool(won or lost or late), info

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.mark.unlink()
