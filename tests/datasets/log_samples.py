"""Logs written from the format's description, cell by cell, by the standard library alone."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
from dataset_samples import sample_dataset

from alberdice.datasets import OfflineDataset

NAMES = ("north", "south", "south_east")  # one name begins as another does
SIZES = (2, 3, 4)


def sample_log(masks: bool = True, known: bool = True) -> OfflineDataset:
    """5 episodes of unequal lengths, 3 agents of 2, 3 and 4 actions; every value a binary fraction."""
    data = sample_dataset(
        np.random.default_rng(3),
        lengths=(4, 1, 6, 3, 2),
        n_actions=SIZES,
        state_size=2,
        observation_size=3,
        masks=masks,
        known=known,
        reward_kind=np.float64,
    )
    return data.with_header(agents=NAMES)


def wide_rows(data: OfflineDataset, masks: bool = True) -> list[dict[str, Any]]:
    """A row per step, and one per final frame that is known."""
    rows = []
    for e, episode in enumerate(data.episodes):
        frames = len(episode) + (episode.final_state is not None)
        for t in range(frames):
            final = t == len(episode)
            row: dict[str, Any] = {"episode": f"game {e}", "time": t}
            states = episode.final_state if final else episode.states[t]
            seen = episode.final_observation if final else episode.observations[t]
            can = episode.final_action_mask if final else episode.action_masks[t]
            row |= {f"state_{k}": repr(float(x)) for k, x in enumerate(states)}
            for i, name in enumerate(NAMES):
                row[f"action_{name}"] = "" if final else int(episode.actions[t, i])
                row |= {f"observation_{name}_{k}": repr(float(x)) for k, x in enumerate(seen[i])}
                if masks:
                    row |= {f"mask_{name}_{a}": int(can[i, a]) for a in range(SIZES[i])}
            row["reward"] = "" if final else repr(float(episode.rewards[t]))
            row["terminated"] = "" if final else int(episode.terminated[t])
            row["truncated"] = "" if final else str(bool(episode.truncated[t]))
            rows.append(row)
    return rows


def long_rows(data: OfflineDataset, masks: bool = True) -> list[dict[str, Any]]:
    """The same, a row per agent; an agent's masks beyond its actions are empty."""
    found = []
    for row in wide_rows(data, masks):
        for i, name in enumerate(NAMES):
            own = {key: row[key] for key in ("episode", "time", "state_0", "state_1", "reward", "terminated", "truncated")}
            own |= {"agent": name, "action": row[f"action_{name}"]}
            own |= {f"observation_{k}": row[f"observation_{name}_{k}"] for k in range(3)}
            if masks:
                own |= {f"mask_{a}": row[f"mask_{name}_{a}"] if a < SIZES[i] else "" for a in range(4)}
            found.append(own)
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As comma-separated text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def shuffled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In another order; the first row of each episode stays before the others, as episodes are numbered by it."""
    heads = [row for k, row in enumerate(rows) if k == 0 or row["episode"] != rows[k - 1]["episode"]]
    rest = [row for row in rows if row not in heads]
    random.Random(0).shuffle(rest)
    return heads + rest
