import importlib
from types import SimpleNamespace


class Config:
    """Settings, and the scenario that a level builds."""

    def __init__(self, values):
        self.values = dict(values)
        self.build()

    def __getitem__(self, key):
        return self.values[key]

    def __setitem__(self, key, value):
        self.values[key] = value

    def build(self):
        """As gfootball does: an unknown level ends the process."""
        try:
            level = importlib.import_module(f"gfootball.scenarios.{self.values['level']}")
        except ImportError:
            raise SystemExit(1) from None
        self.scenario = Scenario()
        level.build_scenario(self.scenario)

    def ScenarioConfig(self):
        return self.scenario.settings


class Scenario:
    def __init__(self):
        self.settings = SimpleNamespace(left=[], right=[])
        self.team = None

    def config(self):
        return self.settings

    def SetTeam(self, team):
        self.team = team

    def AddPlayer(self, x, y, role, lazy=False, controllable=True):
        getattr(self.settings, self.team).append((x, y, role, lazy, controllable))
