"""What a run is made of before its first update: a fresh learner of settings and data, and who judges it."""

from __future__ import annotations

import torch

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.datasets.horizon import mean_return_within
from alberdice.deep import sums
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import Learner, learner_class
from alberdice.deep.play.episodes import check_policies
from alberdice.deep.play.out_of_data import OutOfData
from alberdice.deep.play.returns import default_episodes
from alberdice.deep.play.venue import Venue
from alberdice.deep.training.device import capture_updates, device_of
from alberdice.deep.training.evaluators import Returns, ShareOutOfData
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.held_out import split_of
from alberdice.deep.training.ranks import Ranks
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_state import Run
from alberdice.deep.training.selection import UNSCORED, Selector, scores_for
from alberdice.errors import InvalidArgumentError

__all__ = ["data_return", "loaded", "prepared", "steps_per_episode"]


def loaded(config: TrainConfig) -> OfflineDataset:
    """The data that the settings name."""
    return load_dataset(config.dataset, seed=config.dataset_seed, memory_share=config.memory_share)


def prepared(
    config: TrainConfig, folder: RunDirectory | None, dataset: OfflineDataset, venue: Venue, ranks: Ranks | None
) -> Run:
    """Draw a fresh learner; the first of several processes judges it."""
    device = device_of(config)
    maker = learner_class(config.algorithm)
    if not isinstance(config, maker.settings):
        got, expected = type(config).__name__, f"settings of {config.algorithm}, {maker.settings.__name__}"
        raise InvalidArgumentError("config", got=got, expected=expected)
    split = split_of(dataset, config.held_out, config.seed)
    pieces, scored = (cut_episodes(part, steps_per_episode(config, venue)) for part in (split.learned, split.scored))
    data = TrainingData.of_run(pieces, config, device)
    with sums.shared_by(ranks):
        learner = maker(data, config, torch.Generator().manual_seed(config.seed))
    capture_updates(learner, config, data, 1 if ranks is None else ranks.count)
    if venue.environment is not None:
        check_policies(learner.policies, venue.environment.spec)  # of somebody's own learner, too, before hours of training
    paced = getattr(learner, "config", config)  # a learner may choose its length by the data
    fitting = Fitting(learner, torch.Generator(device).manual_seed(config.seed + 1), paced.total, paced.pretraining)
    leads = ranks is None or ranks.place == 0
    selector = _selector(config, scored, learner) if leads else Selector(None, UNSCORED)
    judges = _evaluators(config, dataset, venue) if leads else (None, None)
    names = {"algorithm": config.algorithm, "dataset": config.dataset}
    return Run(config, names, folder, split, venue, device, fitting, selector, *judges, ranks=ranks)


def steps_per_episode(config: TrainConfig, venue: Venue) -> int:
    """At how many steps the learner's episodes are cut; 0: not at all."""
    return config.steps_per_episode(venue.game.horizon if venue.game is not None else 0)


def _selector(config: TrainConfig, dataset: OfflineDataset, learner: Learner) -> Selector:
    """What keeps the run's best policies, by scores or, where there are none, the last ones."""
    if config.select == "last":
        return Selector(None, "as asked for (select = last)")
    discount, later = getattr(config, "discount", 0.99), getattr(config, "remembers_at_last", False)
    return Selector(scores_for(dataset, config.seed, discount, learner.policies, memory=later), UNSCORED)


def _evaluators(config: TrainConfig, dataset: OfflineDataset, venue: Venue) -> tuple[Returns | None, ShareOutOfData | None]:
    """What the run is judged by, where it is played at all."""
    where = venue.environment
    if where is None:
        return None, None
    episodes = config.evaluate_episodes or default_episodes(where.spec, config.evaluate_every, venue.longest)
    returns = Returns(where, episodes, seed=config.seed, play=config.play, data_return=data_return(dataset, venue))
    shown = OutOfData.of(venue.game, dataset)
    return returns, None if shown is None else ShareOutOfData(shown, episodes, seed=config.seed, play=config.play)


def data_return(dataset: OfflineDataset, venue: Venue) -> float:
    """Mean return of the data's episodes over as many steps as the policies play."""
    return mean_return_within(dataset, venue.horizon)
