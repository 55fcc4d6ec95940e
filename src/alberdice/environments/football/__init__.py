"""Google Research Football: four scenarios, their features, a match as a PettingZoo environment.

Nothing here loads gfootball or PettingZoo before a match is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alberdice.environments.football.engine import HOW
from alberdice.environments.football.scenarios import SCENARIOS, STEPS, Scenario

if TYPE_CHECKING:
    from alberdice.environments.football.match import FootballMatch

__all__ = ["HOW", "SCENARIOS", "STEPS", "Scenario", "football"]


def football(name: str) -> FootballMatch:
    """``football-{name}``, see :class:`~alberdice.environments.football.match.FootballMatch`."""
    from alberdice.environments.football.match import FootballMatch

    return FootballMatch(name)
