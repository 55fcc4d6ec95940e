"""One agent's policy as a program that other runtimes run: of ``torch.export``, or of ONNX; checked before it is handed out.

What goes in and out is ``policies.agents``'; what is known of the policy stands in the file, as JSON: in NAME.pt2 as the extra
file ``alberdice.json``, in NAME.onnx as the property ``alberdice``.  Both take any number of episodes B.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice.deep.policies.agents import Agent
from alberdice.errors import ResourceError, SolverError

__all__ = ["FACTS", "TOLERANCE", "follow", "onnx_program", "run_onnx", "torch_program"]

#: the name under which a file holds what is known of its policy
FACTS = "alberdice"
#: how far a program's probabilities may be from the module's
TOLERANCE = 1e-5
_OPSET = 20

Program = Callable[[Sequence[NDArray[Any]]], Sequence[NDArray[Any]]]


def torch_program(agent: Agent, facts: Mapping[str, Any]) -> bytes:
    """The program of ``torch.export``, which torch runs without this package.

    Raises:
        SolverError: it does not do what the policy does.
    """
    exported = _exported(agent)
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(exported, buffer, extra_files={f"{FACTS}.json": json.dumps(facts)})
        buffer.seek(0)
        program = torch.export.load(buffer).module()

    def run(given: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return [x.numpy() for x in program(*map(torch.from_numpy, given))]

    _check(agent, run, "torch.export")
    return buffer.getvalue()


def onnx_program(agent: Agent, facts: Mapping[str, Any]) -> bytes:
    """The same of ONNX, checked by onnxruntime.

    Raises:
        ResourceError: the packages of the extra ``onnx`` are not installed.
        SolverError: it does not do what the policy does.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(name)
        except ImportError as problem:
            remedy = "pip install 'alberdice[onnx]', or --format pt2"
            raise ResourceError(f"package {name}", got=str(problem), expected="it installed", remedy=remedy) from None
    inputs, outputs = list(agent.inputs), list(agent.outputs)
    with _quiet():
        made = torch.onnx.export(
            _exported(agent), dynamo=True, opset_version=_OPSET, input_names=inputs, output_names=outputs, verbose=False
        )
    assert made is not None
    model = made.model_proto
    model.producer_name, model.doc_string = "alberdice", f"the policy of {facts.get('agent', 'one agent')}"
    model.metadata_props.add(key=FACTS, value=json.dumps(facts))
    content: bytes = model.SerializeToString()
    _check(agent, run_onnx(content), "onnxruntime")
    return content


def run_onnx(model: bytes) -> Program:
    """The program of these bytes, run by onnxruntime on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(given: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        found: Sequence[NDArray[Any]] = session.run(None, dict(zip(names, given, strict=True)))
        return found

    return run


def _exported(agent: Agent) -> torch.export.ExportedProgram:
    """The module as torch traces it, for any number of episodes."""
    episodes = torch.export.Dim("episodes", min=1)
    with _quiet():
        return torch.export.export(agent, agent.example(2), dynamic_shapes={name: {0: episodes} for name in agent.inputs})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What torch and onnxscript say of themselves while they work, left out."""
    names = ("torch.onnx", "onnxscript", "onnx_ir")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def follow(agent: Agent, episodes: int) -> Iterator[tuple[Tensor, ...]]:
    """Arguments of ``forward``, step by step without end, of episodes that the generator of seed 0 makes up."""
    draw = np.random.default_rng(0)
    given = list(agent.example(episodes))
    while True:
        mask = draw.random((episodes, agent.n_actions)) < 0.7
        mask[np.arange(episodes), draw.integers(agent.n_actions, size=episodes)] = True
        seen = agent.mean + agent.scale * torch.from_numpy(draw.normal(size=(episodes, len(agent.mean))))
        given[:2] = [seen.float(), torch.from_numpy(mask)]
        yield tuple(given)
        found = agent(*given)
        if len(given) > 2:
            given[2:4] = [found[1], torch.from_numpy(draw.normal(size=episodes).astype(np.float32))]
            given[4:] = found[2:]


@torch.no_grad()
def _check(agent: Agent, program: Program, by: str) -> None:
    """Play made-up steps by both, until a memory has been full twice.

    Raises:
        SolverError: their probabilities differ by more than ``TOLERANCE``.
    """
    for _, given in zip(range(2 * agent.window + 2), follow(agent, 3), strict=False):
        own, found = agent(*given), program([x.numpy() for x in given])
        worst = float(np.abs(own[0].numpy() - found[0]).max())
        if not worst <= TOLERANCE:
            expected = f"at most {TOLERANCE}"
            raise SolverError(f"the program of {by}", got=f"probabilities that are {worst:.1e} off", expected=expected)
