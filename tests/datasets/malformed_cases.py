"""Malformed files of every format: how a whole one is spoilt, and what the error must say."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
from spoils import (
    Spoil,
    booby_trap,
    both,
    edit_h5,
    edit_json,
    edit_leaf,
    edit_npy,
    empty_episode,
    external_link,
    hole_in_filled,
    move_out,
    not_utf8,
    npz_archive,
    pickled,
    put,
    raw_data_outside,
    remove,
    replace_h5,
    reseal,
    say,
    soft_link,
    strings_in_h5,
    truncate,
    virtual_h5,
)

HUGE = 2**63 + 5


def huge(*index: int) -> Callable[[np.ndarray], np.ndarray]:
    """Actions of a type that holds more than ours, and one that ours cannot hold."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(np.uint64)
        array[index] = HUGE
        return array

    return change


META, MAIN = "data/metadata.json", "data/main_data.hdf5"

NATIVE: dict[str, tuple[Spoil, str]] = {
    "truncated hdf5": (truncate(MAIN), r"main_data.hdf5: file: got .*truncated"),
    "no hdf5": (remove(MAIN), r"main_data.hdf5: file: got nothing"),
    "not hdf5": (say(MAIN, "hello"), r"main_data.hdf5: file: got"),
    "truncated metadata": (truncate(META), r"metadata.json: line .*: got no JSON"),
    "metadata is a list": (say(META, "[1]"), r"metadata.json: got a list, expected a JSON object"),
    "no metadata": (remove(META), r"metadata.json: file: got nothing"),
    "newer schema": (edit_json(META, lambda m: m["alberdice"].update(schema=3)), r"alberdice.schema: got 3, expected 1 to 2"),
    "no schema": (edit_json(META, lambda m: m["alberdice"].pop("schema")), r"alberdice.schema: got None, expected 1 to 2"),
    "no header": (edit_json(META, lambda m: m.pop("alberdice")), r"alberdice: got no header"),
    "header changed": (
        edit_json(META, lambda m: m["alberdice"].update(name="x")),
        r"alberdice.header_sha256: got another digest",
    ),
    "header key missing": (edit_json(META, reseal(lambda h: h.pop("masks"))), r"alberdice.masks: got None, expected bool"),
    "header type": (edit_json(META, reseal(lambda h: h.update(state_dtype="object"))), r"alberdice.state_dtype: got object"),
    "header size": (
        edit_json(META, reseal(lambda h: h.update(observation_size=7))),
        r"episode_0/observations.shape: got \(8, 3, 6\)",
    ),
    "header size beyond any memory": (
        edit_json(META, reseal(lambda h: h.update(observation_size=10**15))),
        r"episode_0/observations.shape: got \(8, 3, 6\), expected \(rows, 3, 1000000000000000\) by the header",
    ),
    "header agents": (
        edit_json(META, reseal(lambda h: h.update(n_actions=[4, 4]))),
        r"episode_0/observations.shape: got \(8, 3, 6\), expected \(rows, 2, 6\) by the header",
    ),
    "header n_actions": (edit_json(META, reseal(lambda h: h.update(n_actions=[4, "4", 4]))), r"alberdice.n_actions: got"),
    "episodes disagree": (edit_json(META, lambda m: m.update(total_episodes=5)), r"file: got 4 groups, expected 5 episodes"),
    "steps disagree": (edit_json(META, lambda m: m.update(total_steps=21)), r"total_steps: got 20, expected 21"),
    "no episodes": (edit_json(META, lambda m: m.update(total_episodes=0)), r"total_episodes: got 0"),
    "episode missing": (edit_h5(lambda f: f.move("episode_3", "other"), MAIN), r"episode_3: got no such group"),
    "array missing": (edit_h5(lambda f: f["episode_1"].pop("rewards"), MAIN), r"/episode_1/rewards: got no such key"),
    "array is a group": (
        edit_h5(lambda f: (f["episode_1"].pop("rewards"), f.create_group("episode_1/rewards")), MAIN),
        r"/episode_1/rewards: got a group, expected an array",
    ),
    "length attribute": (
        edit_h5(lambda f: f["episode_1"].attrs.modify("total_steps", 2), MAIN),
        r"episode_1/actions: got 1 rows",
    ),
    "wrong dtype": (
        replace_h5("episode_2/rewards", lambda a: a.astype("f8"), MAIN),
        r"/episode_2/rewards.dtype: got float64, expected float32",
    ),
    "one row less": (
        replace_h5("episode_2/observations", lambda a: a[1:], MAIN),
        r"/episode_2/observations.shape: got \(9, 3, 6\), expected \(10, 3, 6\)",
    ),
    "reward changed": (
        replace_h5("episode_2/rewards", put(3, 9), MAIN),
        r"rewards: got sha256 .*damaged or changed",
    ),
    "final frame changed": (replace_h5("episode_2/infos/state", put((9, 0), 9), MAIN), r"frame_states: got sha256"),
    "NaN put in": (replace_h5("episode_2/rewards", put(3, np.nan), MAIN), r"rewards \(episode 2, step 3\): got nan"),
    "external link": (edit_h5(external_link, MAIN), r"/episode_2/observations: got a link, expected data stored in this file"),
    "soft link": (edit_h5(soft_link, MAIN), r"episode_2: got SoftLink"),
    "data elsewhere": (edit_h5(raw_data_outside, MAIN), r"/episode_0/rewards: got data stored in another file"),
    "link out of the archive": (move_out(MAIN), r"main_data.hdf5: file: got a link to"),
    "metadata out of the archive": (move_out(META), r"metadata.json: file: got a link to"),
}

PYMARL: dict[str, tuple[Spoil, str]] = {
    "an action beyond int64": (
        edit_npy("actions", huge(2, 1, 1, 0)),
        rf"actions.npy\[2, 1, 1\]: got {HUGE}, expected an action",
    ),
    "truncated array": (truncate("obs.npy"), r"obs.npy: file: got"),
    "empty array file": (say("reward.npy", ""), r"reward.npy: file: got"),
    "array missing": (remove("state.npy"), r"state.npy: file: got nothing"),
    "no header, and nothing to infer it from": (
        both(remove("meta.json"), remove("filled.npy")),
        r"meta.json: file: got nothing",
    ),
    "no header, and a hole": (
        both(remove("meta.json"), edit_npy("filled", lambda a: a.__setitem__(1, 0))),
        r"filled.npy: filled\[1\]: got no step, before episodes",
    ),
    "no header, and no episode": (
        both(remove("meta.json"), edit_npy("filled", lambda a: a.__setitem__(slice(None), 0))),
        r"filled.npy: filled\[0\]: got no step, expected 1",
    ),
    "header key missing": (edit_json("meta.json", lambda m: m.pop("buffer_size")), r"meta.json: buffer_size: got no such key"),
    "header is text": (edit_json("meta.json", lambda m: m.update(buffer_size="4")), r"meta.json: buffer_size: got '4'"),
    "episodes disagree": (edit_json("meta.json", lambda m: m.update(episodes_in_buffer=3)), r"filled.npy: filled\[3\]: got 1"),
    "more episodes than rows": (
        edit_json("meta.json", lambda m: m.update(episodes_in_buffer=5, buffer_size=9)),
        r"actions.npy: actions.shape: got \(4, 12, 3, 1\), expected 5 episodes",
    ),
    "full beyond size": (
        edit_json("meta.json", lambda m: m.update(episodes_in_buffer=5)),
        r"episodes_in_buffer: got 5, expected 1 to",
    ),
    "float actions": (
        edit_npy("actions", lambda a: a.astype("f4")),
        r"actions.npy.dtype: got float32, expected an integer type",
    ),
    "integer rewards": (edit_npy("reward", lambda a: a.astype("i4")), r"reward.npy.dtype: got int32, expected a float type"),
    "agents disagree": (
        edit_npy("obs", lambda a: a[:, :, :2]),
        r"obs.npy.shape: got \(4, 12, 2, 6\), expected .* 3 agents by `actions`",
    ),
    "rows disagree": (edit_npy("reward", lambda a: a[:, :-1]), r"reward.npy.shape: got \(4, 11, 1\)"),
    "flat array": (edit_npy("state", lambda a: a.reshape(-1)), r"state.npy"),
    "hole in filled": (hole_in_filled, r"filled.npy\[2, 4\]: got 0 before a later 1, expected ones without holes"),
    "filled is 2": (edit_npy("filled", put((0, 0, 0), 2)), r"filled.npy\[0, 0, 0\]: got 2, expected 0 or 1"),
    "mask is 2": (edit_npy("avail_actions", put((0, 1, 2, 3), 2)), r"avail_actions.npy\[0, 1, 2, 3\]: got 2, expected 0 or 1"),
    "empty episode": (
        empty_episode,
        r"filled.npy\[1\]: got 0 rows, expected at least one step",
    ),
    "terminated twice": (
        edit_npy("terminated", put((2, 3, 0), 1)),
        r"terminated.npy\[2, 3\]: got 1 before the end of the episode",
    ),
    "terminated early": (
        edit_npy("terminated", lambda a: np.roll(a, -1, axis=1)),
        r"terminated.npy\[0, 5\]: got 1, expected 0: the episode has 8 filled rows",
    ),
    "reward after the end": (
        edit_npy("reward", put((1, 1, 0), 0.5)),
        r"reward.npy\[1, 1, 0\]: got 0.5, expected 0 at and after",
    ),
    "one-hot disagrees": (
        edit_npy("actions_onehot", lambda a: np.roll(a, 1, axis=3)),
        r"actions_onehot.npy: actions_onehot\[0, 0, 0, \d\]: got .*one-hot of actions\[0, 0, 0\]",
    ),
    "action out of range": (
        edit_npy("actions", put((2, 1, 1, 0), 9)),
        r"actions \(episode 2, step 1, agent 2\): got 9, expected 0 to 3",
    ),
    "NaN reward": (edit_npy("reward", put((2, 1, 0), np.nan)), r"rewards \(episode 2, step 1\): got nan"),
    "infinite observation": (
        edit_npy("obs", put((0, 7, 2, 1), np.inf)),
        r"observations \(episode 0, final frame, agent 3, feature 1\): got inf",
    ),
    "pickled objects": (booby_trap, r"obs.npy: file: got .*without pickled objects"),
    "a pickle by another name": (pickled, r"state.npy: file: got .*without pickled objects"),
    "an archive by another name": (
        npz_archive,
        r"obs.npy: file: got the magic string is not correct",
    ),
    "link out of the archive": (move_out("reward.npy"), r"reward.npy: file: got a link to"),
    "n_actions disagree": (
        edit_json("meta.json", lambda m: m.update(n_actions=[4, 4])),
        r"n_actions: got \(4, 4\), expected 3 agents",
    ),
    "n_actions is text": (edit_json("meta.json", lambda m: m.update(n_actions="444")), r"n_actions: got 444"),
}

CFCQL: dict[str, tuple[Spoil, str]] = {
    "an action beyond int64": (replace_h5("actions", huge(2, 1, 1, 0)), rf"actions\[2, 1, 1\]: got {HUGE}, expected an action"),
    "truncated": (truncate(""), r"x.h5: file: got .*truncated"),
    "not hdf5": (say("", "state,obs"), r"x.h5: file: got"),
    "key missing": (edit_h5(lambda f: f.pop("avail_actions")), r"/avail_actions: got no such key"),
    "strings": (edit_h5(strings_in_h5), r"x.h5: obs.shape: got \(2,\), expected 4 dimensions"),
    "probs disagree": (replace_h5("probs", lambda a: a[1:]), r"probs.shape: got \(3, 12, 3, 4\)"),
    "agents disagree": (replace_h5("obs", lambda a: a[:, :, 1:]), r"obs.shape: got \(4, 12, 2, 6\)"),
    "episodes disagree": (replace_h5("state", lambda a: a[1:]), r"state.shape: got \(3, 12, 5\), expected 4 episodes"),
    "hole": (replace_h5("filled", put((0, 2), 0)), r"filled\[0, 2\]: got 0 before a later 1"),
    "virtual": (edit_h5(virtual_h5), r"/obs: got data stored in another file"),
    "a scalar": (edit_h5(lambda f: (f.pop("reward"), f.create_dataset("reward", data=1.0))), r"reward.shape: got \(\)"),
}

VAULT: dict[str, tuple[Spoil, str]] = {
    "no metadata": (remove("metadata.json"), r"got 0 vaults in it, expected a vault"),
    "no manifest": (remove("manifest.ocdbt"), r"manifest.ocdbt: file: got nothing"),
    "truncated manifest": (truncate("manifest.ocdbt"), r"vault_index: got"),
    "no data": (lambda b: shutil.rmtree(b / "d"), r"(vault_index|observations): got"),
    "version 2": (edit_json("metadata.json", lambda m: m.update(version=2.0)), r"version: got 2.0, expected 0.x or 1.x"),
    "no version": (edit_json("metadata.json", lambda m: m.pop("version")), r"version: got None, expected a number"),
    "no structure": (edit_json("metadata.json", lambda m: m.pop("structure_shape")), r"structure_shape: got no such key"),
    "no dtypes": (edit_json("metadata.json", lambda m: m.pop("structure_dtype")), r"structure_dtype: got None"),
    "code for a shape": (
        edit_json("metadata.json", lambda m: m["structure_shape"].update(rewards="__import__('os').getpid()")),
        r"structure of 'rewards': got",
    ),
    "leaf missing": (edit_json("metadata.json", lambda m: m["structure_shape"].pop("rewards")), r"rewards: got no such leaf"),
    "a path for a leaf": (
        edit_json("metadata.json", lambda m: m["structure_shape"].update({"../../x": "(1, 2, 3)"})),
        r"structure key '../../x': got a path",
    ),
    "shape disagrees": (
        edit_json("metadata.json", lambda m: m["structure_shape"].update(observations="(1, 20, 4, 6)")),
        r"observations: got float32 .* expected float32 \(1, 20, 4, 6\)",
    ),
    "dtype disagrees": (
        edit_json("metadata.json", lambda m: m["structure_dtype"].update(actions="int64")),
        r"actions: got int32",
    ),
    "empty": (edit_leaf("vault_index", slice(0, 1), 0), r"vault_index: got 0, expected at least one row"),
    "NaN reward": (edit_leaf("rewards.", (0, 4), np.float32(np.nan)), r"rewards \(episode 0, step 4\): got nan"),
    "action out of range": (edit_leaf("actions.", (0, 4, 1), np.int32(4)), r"actions \(episode 0, step 4, agent 2\): got 4"),
    "terminal is a half": (
        edit_leaf("terminals.", (0, 4, 1), np.float32(0.5)),
        r"terminals\[0, 4, 1\]: got 0.5, expected 0 or 1",
    ),
    "masked action": (
        edit_leaf("infos.legals.", (0, 4), False),
        r"action masks \(episode 0, step 4, agent 1\): got no available action",
    ),
    "n_actions disagree": (
        edit_json("metadata.json", lambda m: m.update(n_actions="4,4")),
        r"n_actions: got \(4, 4\), expected 3 agents",
    ),
    "link out of the archive": (move_out("manifest.ocdbt"), r"manifest.ocdbt: file: got a link to"),
}

MINARI: dict[str, tuple[Spoil, str]] = {
    "an action beyond int64": (
        replace_h5("episode_1/actions", huge(0, 2), MAIN),
        rf"episode 1: actions\[0, 2\]: got {HUGE}, expected an action",
    ),
    "truncated": (truncate(MAIN), r"main_data.hdf5: file: got .*truncated"),
    "no space": (edit_json(META, lambda m: m.pop("action_space")), r"action_space: got no such key.*would run its code"),
    "continuous": (
        edit_json(
            META,
            lambda m: m.update(
                action_space='{"type": "Box", "dtype": "float32", "shape": [3], "low": [0,0,0], "high": [1,1,1]}'
            ),
        ),
        r"action_space: got Box.*discrete actions",
    ),
    "actions from 1": (
        edit_json(META, lambda m: m.update(action_space='{"type": "Discrete", "dtype": "int64", "start": 1, "n": 4}')),
        r"action_space: got actions from 1, expected actions from 0",
    ),
    "unknown storage": (edit_json(META, lambda m: m.update(data_format="zip")), r"dataset: got"),
    "early end": (replace_h5("episode_0/terminations", put(2, True), MAIN), r"episode_0/terminations\[2\]: got True"),
    "rewards per agent": (
        replace_h5("episode_0/rewards", lambda a: np.stack([a, a + 1, a], axis=1), MAIN),
        r"episode_0/rewards\[0\]: got \[.*\], expected one reward for all agents",
    ),
    "array missing": (edit_h5(lambda f: f["episode_2"].pop("actions"), MAIN), r"dataset: got KeyError"),
    "flags too short": (
        replace_h5("episode_2/truncations", lambda a: a[1:], MAIN),
        r"episode_2/truncations.shape: got \(8,\)",
    ),
}

CSV: dict[str, tuple[Spoil, str]] = {
    "no header": (say("", "0,1,1.0\n"), r"header: got 0,1,1.0, expected agent_1"),
    "empty": (say("", ""), r"header: got nothing"),
    "no rows": (say("", "agent_1,agent_2,reward\n"), r"rows: got none, expected at least one"),
    "a column missing": (say("", "agent_2,agent_3,reward\n0,0,1\n"), r"header: got agent_2,agent_3,reward"),
    "a column twice": (say("", "agent_1,agent_2,reward,count,count\n0,0,1,1,2\n"), r"header: got the column 'count' twice"),
    "an agent twice": (say("", "agent_1,agent_1,reward\n0,1,1\n"), r"header: got the column 'agent_1' twice"),
    "pandas' index": (
        say("", ",agent_1,agent_2,reward\n0,0,1,1\n"),
        r"header: got ,agent_1,.*pandas: write with index=False",
    ),
    "underscores": (say("", "agent_1,agent_2,reward\n0,1_0,1\n"), r"line 2, agent_2: got '1_0', expected an action"),
    "underscored reward": (say("", "agent_1,agent_2,reward\n0,1,1_0\n"), r"line 2, reward: got '1_0', expected a finite"),
    "other digits": (say("", "agent_1,agent_2,reward\n0,\u0661,1\n"), r"line 2, agent_2: got '.', expected an action"),
    "5,000 digits": (say("", f"agent_1,agent_2,reward\n0,{'9' * 5000},1\n"), r"line 2, agent_2: got .*\(5002 characters\)"),
    "5,000 digits of reward": (say("", f"agent_1,agent_2,reward\n0,1,{'9' * 5000}\n"), r"line 2, reward: got '9+"),
    "an identifier": (say("", "agent_1,agent_2,reward\n0,1000000007,1\n"), r"agent_2: got '1000000007', .* below 100,000"),
    "a huge identifier": (say("", f"agent_1,agent_2,reward\n0,{10**20},1\n"), r"agent_2: got '1000+', .* below 100,000"),
    "a huge count": (
        say("", f"agent_1,agent_2,reward,count\n0,1,1,{2**63 - 1}\n"),
        r"count: got .*, expected a whole number",
    ),
    "NUL": (say("", "agent_1,agent_2,reward\n0,1\0,1\n"), r"line 2(, agent_2)?: got .*(NUL|x00)"),
    "an open quote": (say("", 'agent_1,agent_2,reward\n0,"1,1\n'), r"line 2: got unexpected end of data"),
    "too few cells": (say("", "agent_1,agent_2,reward\n0,0\n"), r"line 2: got 2 cells, expected 3"),
    "letters": (say("", "agent_1,agent_2,reward\n0,B,1\n"), r"line 2, agent_2: got 'B', expected an action"),
    "half an action": (say("", "agent_1,agent_2,reward\n0,0.5,1\n"), r"line 2, agent_2: got '0.5'"),
    "negative action": (say("", "agent_1,agent_2,reward\n0,0,1\n0,-1,1\n"), r"line 3, agent_2: got '-1'"),
    "NaN reward": (say("", "agent_1,agent_2,reward\n0,0,nan\n"), r"line 2, reward: got 'nan', expected a finite number"),
    "count of 0": (
        say("", "agent_1,agent_2,reward,count\n0,0,1,0\n"),
        r"line 2, count: got '0', expected a whole number from 1",
    ),
    "bytes": (not_utf8, r"x.csv: got a byte that is not UTF-8, at 0"),
}

TABLE_JSON: dict[str, tuple[Spoil, str]] = {
    "not json": (say("", "{"), r"x.json: line 1, column 2: got no JSON"),
    "no rows": (say("", "{}"), r"rows: got NoneType, expected a list"),
    "agents disagree": (
        say("", '{"rows": [{"actions": [0, 1], "reward": 1}, {"actions": [0], "reward": 1}]}'),
        r"rows\[1\]: got 1 actions, expected 2",
    ),
    "reward missing": (say("", '{"rows": [{"actions": [0, 1]}]}'), r"rows\[0\], reward: got None"),
    "unknown key": (say("", '{"rows": [{"actions": [0], "reward": 1, "cuont": 2}]}'), r"rows\[0\]: got the key 'cuont'"),
    "action out of range": (
        say("", '{"n_actions": [2], "rows": [{"actions": [2], "reward": 1}]}'),
        r"rows\[0\], agent_1: got 2, expected 0 to 1, by n_actions",
    ),
    "true for an action": (say("", '{"rows": [{"actions": [true], "reward": 1}]}'), r"rows\[0\], agent_1: got True"),
}
