"""The game: at step seed % 1000 something happens, which seed // 1000 tells: see ENDS; the clock ends it at step 401."""

import numpy as np

NOTHING, SCORED, CONCEDED, OUT, LOST, SWITCHED, BROKEN, TURNED = range(8)


class FootballEnv:
    def __init__(self, config):
        self.config = config
        self.n_agents = int(config["players"][0].rpartition("=")[2])

    def reset(self):
        assert self.config["reverse_team_processing"] is False
        self.config.build()
        self.steps, self.over = 0, False
        self.score, self.mode, self.owner, self.shift, self.turned = [0, 0], 0, 0, 0, False
        self.heard = []
        self.place = np.random.default_rng(self.config["game_engine_random_seed"]).random()
        return self.observation()

    def step(self, actions):
        assert not self.over
        assert len(actions) == self.n_agents
        self.steps += 1
        self.heard.append({raw["active"]: action for raw, action in zip(self.observation(), actions, strict=True)})
        self.place += 0.01 * sum(actions)
        before, (what, when) = list(self.score), divmod(self.config["game_engine_random_seed"], 1000)
        if self.steps == when:
            self.happen(what)
        if self.steps == 401:
            self.over = True
        reward = (self.score[0] - self.score[1]) - (before[0] - before[1])
        return self.observation(), np.full(self.n_agents, reward, np.float32), self.over, {}

    def happen(self, what):
        self.over = what in (SCORED, CONCEDED, OUT, LOST)
        if what in (SCORED, CONCEDED):
            self.score[what - SCORED] += 1
        if what == OUT:
            self.mode = 5
        if what == LOST:
            self.owner = 1
            self.over = self.config.ScenarioConfig().end_episode_on_possession_change
        if what == SWITCHED:
            self.shift = 1
        self.turned = what == TURNED
        if what == BROKEN:
            raise SystemExit(1)

    def observation(self):
        teams = self.config.ScenarioConfig()
        free = [place for place, each in enumerate(teams.left) if each[4]]
        common = {
            "left_team": np.full((len(teams.left), 2), self.place),
            "left_team_direction": np.zeros((len(teams.left), 2)),
            "right_team": np.array([each[:2] for each in teams.right]),
            "right_team_direction": np.zeros((len(teams.right), 2)),
            "ball": np.array([self.place, 0.1, 0.2]),
            "ball_direction": np.zeros(3),
            "ball_owned_team": self.owner,
            "ball_owned_player": 1,
            "game_mode": self.mode,
            "score": list(self.score),
            "steps_left": 401 - self.steps if self.steps else 400,
        }
        seen = [
            {**common, "active": free[agent] - self.shift, "sticky_actions": np.zeros(10, np.uint8)}
            for agent in range(self.n_agents)
        ]
        return seen[::-1] if self.turned else seen

    def close(self):
        self.over = True
