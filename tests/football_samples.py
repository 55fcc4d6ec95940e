"""For tests of football on a double of gfootball."""

from __future__ import annotations

import sys
from pathlib import Path

from alberdice.environments.football import engine

#: the folder that is put on the path
DOUBLE = Path(__file__).parent / "environments" / "football_double"


def forget() -> None:
    """Whatever gfootball was imported, the next one is looked for anew."""
    engine._gfootball.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "gfootball"]:
        del sys.modules[name]
