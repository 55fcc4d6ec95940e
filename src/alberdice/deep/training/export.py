"""Policies in files: weights of all agents that this package reads, or a program per agent that others run without it.

safetensors    NAME.safetensors: tensors and header of ``Policies.save`` under a checksum; ``alberdice.deep.load`` reads it
pt2            FOLDER/AGENT.pt2: a program of ``torch.export``, for torch alone
onnx           FOLDER/AGENT.onnx: the same for any runtime of ONNX

A program is one agent's policy with its memory and its features' scaling; see ``policies.agents`` for what goes in and out, and
``training.programs`` for where a file says what it holds.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch

import alberdice
from alberdice.console import explain
from alberdice.deep.config import Play
from alberdice.deep.policies import Policies, read_policies
from alberdice.deep.policies.agents import Agent, agent_of
from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.deep.training.programs import onnx_program, torch_program
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import atomic_directory, check_replaceable, strange_content

__all__ = ["FORMATS", "Origins", "export", "read_export"]

FORMATS = ("safetensors", "pt2", "onnx")
_MAKERS = {"pt2": torch_program, "onnx": onnx_program}


@dataclass(frozen=True)
class Origins:
    """What a file says beside the policies.

    Attributes:
        agents: their names; (): agent_1, agent_2, ...
        action_names: per agent; (): the actions' numbers.
        more: where the policies come from, JSON values by name.
    """

    agents: tuple[str, ...] = ()
    action_names: tuple[tuple[str, ...], ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def of(self, n_actions: Sequence[int]) -> dict[str, Any]:
        """All of it, for agents with so many actions.

        Raises:
            InvalidArgumentError: names of other agents or actions than these.
        """
        agents = self.agents or tuple(f"agent_{k + 1}" for k in range(len(n_actions)))
        actions = self.action_names or tuple(tuple(map(str, range(n))) for n in n_actions)
        got = len(agents), tuple(map(len, actions))
        if got != (len(n_actions), tuple(n_actions)):
            expected = f"{len(n_actions)} agents with {tuple(n_actions)} actions"
            raise InvalidArgumentError("names", got=f"{got[0]} agents with {got[1]} actions", expected=expected)
        versions = {"alberdice": alberdice.__version__, "torch": torch.__version__, "python": platform.python_version()}
        return {**self.more, "agents": list(agents), "action_names": [list(names) for names in actions], "versions": versions}


def export(
    policies: Policies, path: str | Path, *, format: str = "", origins: Origins | None = None, overwrite: bool = False
) -> Path:
    """Write policies; see the module.

    Args:
        policies: e.g. those of a run, or of one of its evaluations.
        path: NAME.safetensors, or the folder of the programs.
        format: one of ``FORMATS``; '': safetensors, where the name says so.
        origins: names, and where the policies come from.
        overwrite: replace what is there, if it is of this kind.

    Raises:
        InvalidArgumentError: another format, a place that is taken, policies that are not one per agent.
        InvalidDataError: the place cannot be written.
        ResourceError: the disk is full, or a package is missing.
        SolverError: a program does not do what its policy does.
    """
    target = Path(path)
    kind = format or ("safetensors" if target.suffix == ".safetensors" else "")
    if kind not in FORMATS:
        expected, remedy = f"one of {', '.join(FORMATS)}", "name a file ending in .safetensors, or say --format"
        raise InvalidArgumentError("format", got=repr(format), expected=expected, remedy=remedy)
    if (kind == "safetensors") != (target.suffix == ".safetensors") or target.suffix in (".pt2", ".onnx"):
        expected = "a file name ending in .safetensors" if kind == "safetensors" else "a folder, for one file per agent"
        raise InvalidArgumentError(f"export as {kind}", got=str(path), expected=expected)
    facts = (origins or Origins()).of(policies.n_actions)
    if kind == "safetensors":
        _write_weights(policies, target, facts, overwrite)
    else:
        _write_programs(policies, target, kind, facts, overwrite)
    return target


def _write_weights(policies: Policies, target: Path, facts: dict[str, Any], overwrite: bool) -> None:
    if target.exists() and (target.is_dir() or not overwrite):
        expected, remedy = "nothing there", "choose another, or --overwrite"
        raise InvalidArgumentError(str(target), got="something is there already", expected=expected, remedy=remedy)
    check_replaceable(target, "file of exported policies", _stranger)
    tensors, header = policies.save()
    explain(f"{len(tensors)} tensors of {sum(each.numel() for each in tensors.values()):,} numbers")
    write_checkpoint(target, tensors, {"policies": header, "about": facts})


def _stranger(path: Path) -> str:
    """What a file is that holds no exported policies, in words: a run's checkpoint holds more."""
    try:
        known = read_checkpoint(path)[1].keys() == {"policies", "about"}
    except InvalidDataError as problem:
        return f"a file that export did not write ({problem.got})"
    return "" if known else "a file that export did not write"


def _write_programs(policies: Policies, target: Path, kind: str, facts: dict[str, Any], overwrite: bool) -> None:
    agents = [agent_of(policies, number) for number in range(len(policies.n_actions))]

    def stranger(folder: Path) -> str:
        return strange_content(folder, [], rf"[\w.-]+\.{kind}")

    with atomic_directory(target, f"folder of .{kind} files", stranger, overwrite=overwrite) as folder:
        for agent, name in zip(agents, _file_names(facts["agents"]), strict=True):
            program = _MAKERS[kind](agent, _facts_of(agent, facts))
            memory = f"a memory of {agent.window} steps" if agent.window > 1 else "no memory"
            explain(f"{name}: {len(program):,} bytes, {memory}; the program does what the policy does, step by step")
            (folder / f"{name}.{kind}").write_bytes(program)


def _facts_of(agent: Agent, facts: dict[str, Any]) -> dict[str, Any]:
    """What one agent's file says of it."""
    shapes = {
        name: {"type": str(part.dtype).removeprefix("torch."), "shape": list(part.shape[1:])}
        for name, part in zip(agent.inputs, agent.example(1), strict=True)
    }
    own = {
        "format": "alberdice-agent-1",
        "agent": facts["agents"][agent.number],
        "number": agent.number,
        "actions": facts["action_names"][agent.number],
        "observation_size": len(agent.mean),
        "window": agent.window,
        "inputs": shapes,
        "outputs": list(agent.outputs),
    }
    return {**own, **{name: value for name, value in facts.items() if name != "action_names"}}


def _file_names(agents: Sequence[str]) -> list[str]:
    """The agents' names where any file system takes them and tells them apart, else agent_1, agent_2, ..."""
    plain = all(re.fullmatch(r"[A-Za-z0-9_][\w-]{0,59}", name, re.ASCII) for name in agents)
    apart = len({name.casefold() for name in agents}) == len(agents)
    return list(agents) if plain and apart else [f"agent_{k + 1}" for k in range(len(agents))]


def read_export(path: Path, update: str | int = "selected", *, trust: bool = False) -> tuple[Policies, dict[str, Any]]:
    """The policies of a NAME.safetensors file, and what it says of them; ``trust``: make networks by the code that it names.

    Raises:
        InvalidArgumentError: an ``update`` is asked for, as if it were a run's folder.
        InvalidDataError: no such file, another one, or a damaged one; policies of a kind that nobody registered.
    """
    if update != "selected":
        raise InvalidArgumentError("update", got=update, expected="nothing: a file holds one set of policies")
    tensors, header = read_checkpoint(path)
    if "policies" not in header:
        raise InvalidDataError(f"{path}: header", got="no policies", expected="a file that export wrote")
    learned = read_policies(str(path), tensors, header["policies"], trust=trust)
    return learned, _checked_facts(str(path), header.get("about") or {}, learned.n_actions)


def _checked_facts(path: str, about: Any, n_actions: Sequence[int]) -> dict[str, Any]:
    """What a file says of its policies, if agents and actions are named as many as there are."""
    if not isinstance(about, dict):
        raise InvalidDataError(f"{path}: header: about", got=repr(about)[:60], expected="names and values")
    named = {"agents": [None] * len(n_actions), "action_names": [[None] * count for count in n_actions]}
    for name, like in named.items() if named.keys() & about.keys() else ():
        if not _same_form(about.get(name), like):
            expected = f"names, as many as there are of {tuple(n_actions)} actions"
            raise InvalidDataError(f"{path}: header: about: {name}", got=repr(about.get(name))[:60], expected=expected)
    if about.get("play", "sample") not in get_args(Play):
        expected = f"one of {', '.join(get_args(Play))}"
        raise InvalidDataError(f"{path}: header: about: play", got=repr(about["play"])[:60], expected=expected)
    return dict(about)


def _same_form(value: Any, like: Any) -> bool:
    """Strings in lists of the same lengths."""
    if like is None:
        return isinstance(value, str)
    return isinstance(value, list | tuple) and len(value) == len(like) and all(map(_same_form, value, like))
