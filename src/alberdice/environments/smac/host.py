"""One game of SMAC in a process of its own: run as a file, by a Python that has ``smac`` and NumPy and need not have ours.

It answers requests on what were its standard streams, in the form of ``channel.py`` beside it; what the game prints goes to
standard error.  Of smac's interface it uses what is documented: the constructor, ``get_env_info``, ``reset``, ``step``,
``get_avail_actions`` and ``close``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]

Answer = tuple[dict[str, Any], dict[str, Any]]


def _channel() -> Any:
    """The form of messages, by its file: this process may not have the package."""
    place = Path(__file__).resolve().parents[1] / "channel.py"
    spec = importlib.util.spec_from_file_location("alberdice_channel", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Host:
    """The game, once there is one."""

    def __init__(self) -> None:
        self.game: Any = None
        self.make: Any = None
        self.map = ""
        self.options: dict[str, Any] = {}

    def open(self, header: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        """Find smac, and answer with what it says of the map; StarCraft itself is not started by that."""
        try:
            from smac.env import StarCraft2Env  # type: ignore[import-not-found, unused-ignore]
        except ImportError as problem:
            return {"missing": _why_missing(problem)}, {}
        self.make, self.map, self.options = StarCraft2Env, header["map"], header["options"]
        game = self.make(map_name=self.map, **self.options)
        info = {key: int(value) for key, value in game.get_env_info().items() if isinstance(value, (int, np.integer))}
        info["n_enemies"] = int(game.n_enemies)
        game.close()
        return {"info": info}, {}

    def reset(self, header: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        """Begin; with a seed in a game that is made for it, as only the constructor takes one."""
        if header["fresh"] or self.game is None:
            self.close({}, {})
            self.game = self.make(map_name=self.map, seed=header["seed"], **self.options)
        observations, state = self.game.reset()
        return {}, self._seen(observations, state)

    def step(self, header: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        """Play (N,) actions."""
        reward, terminated, info = self.game.step([int(action) for action in arrays["actions"]])
        told = {key: float(value) for key, value in info.items() if isinstance(value, (bool, int, float, np.number))}
        answer = {"reward": float(reward), "terminated": bool(terminated), "info": told}
        if terminated and not info:  # after an error of the game's protocol nothing more can be asked
            return answer, {}
        return answer, self._seen(self.game.get_obs(), self.game.get_state())

    def close(self, header: dict[str, Any], arrays: dict[str, Any]) -> Answer:
        """End the game, which is a process, too."""
        game, self.game = self.game, None
        if game is not None:
            game.close()
        return {}, {}

    def _seen(self, observations: Any, state: Any) -> dict[str, Any]:
        return {
            "observations": np.asarray(observations, np.float32),
            "state": np.asarray(state, np.float32),
            "masks": np.asarray(self.game.get_avail_actions(), np.uint8),
        }


def _why_missing(problem: ImportError) -> str:
    """Whether the package of that name is another one."""
    for other in ("smac.facade", "smac.scenario"):
        try:
            found = importlib.util.find_spec(other) is not None
        except ImportError:
            found = False
        if found:
            return "the package SMAC3 (tuning of hyper-parameters), which has the same name on PyPI"
    return f"{type(problem).__name__}: {problem}"


def main() -> None:
    """Answer until told to close, or until nobody asks any more."""
    channel = _channel()
    requests, answers = channel.streams()
    host = _Host()
    try:
        while True:
            header, arrays = channel.receive(requests)
            try:
                answer = getattr(host, header["do"])(header, arrays)
            except (Exception, SystemExit) as problem:
                answer = {"failed": " ".join(f"{type(problem).__name__}: {problem}".split())[:300]}, {}
            channel.send(answers, *answer)
            if header["do"] == "close":
                return
    except EOFError:
        host.close({}, {})


if __name__ == "__main__":
    main()
