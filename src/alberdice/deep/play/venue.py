"""Where a run plays: found by its settings and its data's header, opened once, held against the data before the first update.

venue_of(name, dataset, workers)    the environment, open and found to fit, or none and why; to be closed
Venue.facts                         what a checkpoint keeps of it, so that a run is played again without its data
venue_of_run(config, facts)         the same environment for a run that is over
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alberdice.datasets import RECIPES, DatasetHeader, OfflineDataset, load_dataset
from alberdice.datasets.horizon import horizon_note
from alberdice.environments import BatchedEnvironment, Environment, PlayOptions, environment_for, open_for
from alberdice.environments.fit import options_for
from alberdice.environments.games import GameEnvironment
from alberdice.games.game import Game
from alberdice.names import check_word
from alberdice.readers import library_errors

__all__ = ["Venue", "data_of", "game_of", "header_of", "venue_of", "venue_of_run"]


@dataclass(frozen=True)
class Venue:
    """Where to play.

    Attributes:
        name: by which the environment is found, with its arguments; 'none'.
        environment: it, open; None: nothing is played.
        notes: why nothing is played, or what is not certain, a sentence each.
        header: the data's.
        longest: steps of the data's longest episode.
        source: what opens the environment again.
        options: how it is read, where the data do not say.
    """

    name: str
    environment: BatchedEnvironment | None
    notes: tuple[str, ...]
    header: DatasetHeader
    longest: int
    source: Environment | None = None
    options: PlayOptions = field(default_factory=PlayOptions)

    @property
    def game(self) -> Game | None:
        """The game that is played, whose model is known."""
        return self.environment.game if isinstance(self.environment, GameEnvironment) else None

    @property
    def horizon(self) -> int | None:
        """Steps after which an episode is cut at the latest; None where nothing is played, or where that is not known."""
        return None if self.environment is None else self.environment.spec.horizon

    @property
    def facts(self) -> dict[str, Any]:
        """What ``venue_of_run`` needs, as JSON values."""
        own = {"environment": self.name, "header": self.header.as_json(), "longest": self.longest}
        return {**own, "options": self.options.as_json()}

    def reopened(self) -> BatchedEnvironment | None:
        """The environment again, open, once this one is closed."""
        return None if self.source is None else self.source.open(_read(self.source, self.header, self.options))

    def close(self) -> None:
        """Close the environment."""
        if self.environment is not None:
            self.environment.close()


def _read(environment: Environment, header: DatasetHeader, options: PlayOptions) -> PlayOptions:
    return options_for(header, options, environment.name)


def venue_of(
    name: str | Environment, dataset: OfflineDataset, *, workers: int = 0, options: PlayOptions | None = None
) -> Venue:
    """The environment, or that of a name ('auto': the data's), open and found to fit.

    Args:
        name: see above.
        dataset: whose policies are to play there.
        workers: processes among which slots are divided.
        options: how the environment is read, where not as the data say.

    Raises:
        InvalidArgumentError, ResourceError: no such environment, or one that does not fit or fails.
    """
    longest = int(dataset.lengths.max(initial=1))
    found, why = environment_for(name, dataset.header) if isinstance(name, str) else (name, "")
    if found is None:
        return Venue("none", None, (why,), dataset.header, longest)
    options = options or PlayOptions()
    opened, notes = open_for(found, dataset, options, workers=workers)
    shorter = horizon_note(dataset, opened.spec.horizon)
    return Venue(str(found), opened, (*notes, *([shorter] if shorter else [])), dataset.header, longest, found, options)


def venue_of_run(
    config: Mapping[str, Any],
    facts: Mapping[str, Any] | None,
    name: str = "auto",
    *,
    workers: int = 0,
    options: PlayOptions | None = None,
    trust: bool = False,
) -> Venue:
    """Where a run's policies play, read as its data asked for.

    Args:
        config: the run's settings.
        facts: what its checkpoint keeps; None: a run of an earlier release, whose data are asked.
        name: 'auto': where the run was evaluated.
        workers: processes among which slots are divided.
        options: how the environment is read; what they leave open is as in the run, if it is the run's environment.
        trust: run a module:function that these facts name, with no word of the user's.

    Raises:
        InvalidArgumentError, ResourceError: see ``venue_of``; code that nobody but the run's files named.
    """
    if facts is None:
        facts = {"header": header_of(config["dataset"], config["dataset_seed"]).as_json(), "longest": 1}
    with library_errors("the run's environment", "what checkpoints keep of it"):
        header, longest, kept = DatasetHeader(**facts["header"]), int(facts["longest"]), dict(facts.get("options", {}))
    wanted = facts.get("environment", config["environment"]) if name == "auto" else name
    if name == "auto":
        check_word(wanted, "the run", "environment", trusted=trust, remedy=f"--environment '{wanted}'")
    found, why = environment_for(wanted, header)
    if found is None:
        return Venue("none", None, (why,), header, longest)
    options = options or PlayOptions()
    if str(found) == facts.get("environment", config["environment"]):
        options = options.over(PlayOptions.of(**kept))
    opened = found.open(_read(found, header, options), workers=workers)
    return Venue(str(found), opened, (), header, longest, found, options)


def header_of(dataset: str, seed: int = 0) -> DatasetHeader:
    """The header of a dataset of that name; a recipe's without making its data."""
    return RECIPES[dataset].header(seed) if dataset in RECIPES else load_dataset(dataset, seed=seed).header


def data_of(config: Mapping[str, Any], name: str = "") -> OfflineDataset:
    """The data that a run's settings name, or those of another name."""
    return load_dataset(name or config["dataset"], seed=config["dataset_seed"])


def game_of(name: str, header: DatasetHeader) -> Game | None:
    """The game of that name ('auto': the header's), None where it is none.

    Raises:
        InvalidArgumentError, ResourceError: no such environment.
    """
    found, _ = environment_for(name, header)
    return None if found is None else found.game
