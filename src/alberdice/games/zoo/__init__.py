"""A zoo of small cooperative games with exact optima, and how their data are made: what a learner's defaults are judged on.

Half of the games chooses defaults, the other half only reports (``CHOOSING``, ``REPORTING``); Bridge and the paper's matrix
games, which are built-in datasets of their own, belong to the reporting half too.  ``benchmarks/zoo.py`` trains on them.
"""

from alberdice.games.zoo.catalogue import CHOOSING, REPORTING, ZOO, zoo_game
from alberdice.games.zoo.zoo_game import ZooGame

__all__ = ["CHOOSING", "REPORTING", "ZOO", "ZooGame", "zoo_game"]
