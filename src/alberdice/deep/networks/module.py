"""Networks of a user's own: n modules of torch.nn as one matrix of parameters, run by torch.func.

    make(inputs, outputs) -> torch.nn.Module        (B, inputs) -> (B, outputs), row by row

A ``StackedModule`` stands where a ``StackedMLP`` stands: its parameters are one row per network, in the order of the module's
``named_parameters``, so that steps, checkpoints and turns are the same; ``functional_call`` under ``vmap`` runs all at once.
The maker is known by its name, 'module:function'.  A name that a file brought along runs nothing before the user named it, too
(``say``): to make a network is to run its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.networks.precision import full_precision
from alberdice.errors import InvalidArgumentError
from alberdice.names import check_word, import_named

__all__ = ["StackedModule", "name_of", "own_or", "say"]

Maker = Callable[[int, int], Any]
#: makers by name that the user named in this process; None: to be imported
_SAID: dict[str, Maker | None] = {}
#: what networks must be, for messages
_EXPECTED = "a torch.nn.Module that maps (B, {}) to (B, {}), row by row"


def say(name: str) -> str:
    """Give the user's word for 'module:function', and the name back."""
    _SAID.setdefault(name, None)
    return name


def name_of(make: Maker | str, *, findable: bool = False) -> str:
    """The name of a maker, or of 'module:function', with the user's word for it.

    Args:
        make: what makes a module of (inputs, outputs).
        findable: whether another process must find it by its name.

    Raises:
        InvalidArgumentError: no function; one without a place in a module, where it must be found.
    """
    if isinstance(make, str):
        return say(make)
    if not callable(make):
        raise InvalidArgumentError("network", got=repr(make), expected="a function of (inputs, outputs), or 'module:function'")
    name = f"{getattr(make, '__module__', '')}:{getattr(make, '__qualname__', type(make).__qualname__)}"
    if findable and ("<" in name or name.startswith("__main__")):
        remedy = "move it to a module's top level: the run's folder names it"
        raise InvalidArgumentError("network", got=name, expected="a function that another process can import", remedy=remedy)
    _SAID[name] = make
    return name


@dataclass(frozen=True)
class StackedModule:
    """n networks of one shape; see the module.

    Args:
        source: the maker's name.
        inputs: features.
        outputs: outputs.
        role: what it is for, for messages.
    """

    source: str
    inputs: int
    outputs: int
    role: str = "network"

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.role} {self.source!r}"

    def make(self) -> nn.Module:
        """One network as its maker gives it.

        Raises:
            InvalidArgumentError: nobody named the maker but a file; it fails, or gives no module that can be stacked.
        """
        check_word(self.source, "a file of policies", self.role, trusted=self.source in _SAID, remedy="")
        known = _SAID.get(self.source)
        maker = import_named(self.source, self.role) if known is None else known
        try:
            made = maker(self.inputs, self.outputs)
        except Exception as error:  # code of the user's own
            raise self._unfit(f"{type(error).__name__}: {error}") from error
        if not isinstance(made, nn.Module):
            raise self._unfit(type(made).__name__)
        _check_parts(made, self._unfit)
        return made

    def _unfit(self, got: str, expected: str = "") -> InvalidArgumentError:
        words = " ".join(got.split())[:200]
        return InvalidArgumentError(self.where, got=words, expected=expected or _EXPECTED.format(self.inputs, self.outputs))

    @cached_property
    def skeleton(self) -> nn.Module:
        """A network whose parameters are replaced in every call."""
        state = torch.random.get_rng_state()
        try:
            return self.make()
        finally:
            torch.random.set_rng_state(state)

    @cached_property
    def shapes(self) -> dict[str, torch.Size]:
        """Shapes of the parameters, by name."""
        return {name: parameter.shape for name, parameter in self.skeleton.named_parameters()}

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of parameters, in the order of ``shapes``."""
        return [prod(shape) for shape in self.shapes.values()]

    def initial(self, networks: int, generator: torch.Generator) -> Tensor:
        """Fresh parameters ``(networks, P)``: each network is made under a seed of its own that the generator draws.

        Raises:
            InvalidArgumentError: a module that cannot be run as one of many, or whose shapes differ from time to time.
        """
        seeds = torch.randint(1 << 62, (networks,), generator=generator, device=generator.device).tolist()
        rows, state = [], torch.random.get_rng_state()
        try:
            for seed in seeds:
                torch.default_generator.manual_seed(seed)
                own = dict(self.make().named_parameters())
                if {name: p.shape for name, p in own.items()} != self.shapes:
                    raise self._unfit("parameters that differ from network to network", "the same names and shapes each time")
                rows.append(torch.cat([p.detach().flatten() for p in own.values()]))
        finally:
            torch.random.set_rng_state(state)
        found = torch.stack(rows)
        self._probe(found)
        return found

    def __call__(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Outputs ``(n, B, outputs)`` for parameters ``(n, P)`` and inputs ``(n, B, inputs)``, or ``(B, inputs)`` for all."""
        with full_precision(x):
            x, parts = x.float(), torch.split(parameters, self.sizes, -1)
            own = {name: p.view(-1, *shape) for (name, shape), p in zip(self.shapes.items(), parts, strict=True)}
            outputs: Tensor = vmap(self._one, (0, None if x.ndim == 2 else 0))(own, x)
            return outputs

    def by_autograd(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The same: torch's operations can be differentiated twice."""
        return self(parameters, x)

    def _one(self, own: dict[str, Tensor], x: Tensor) -> Tensor:
        found: Tensor = functional_call(self.skeleton, own, (x,))
        return found

    @torch.no_grad()
    def _probe(self, parameters: Tensor) -> None:
        """Run the networks on a few rows, as they will be run."""
        x = torch.randn(len(parameters), 3, self.inputs, generator=torch.Generator().manual_seed(0))
        try:
            found, alone = self(parameters, x), self(parameters, x[:, :2])
        except Exception as error:  # code of the user's own, under vmap
            raise self._unfit(f"{type(error).__name__}: {error}") from error
        expected = (len(parameters), 3, self.outputs)
        if not isinstance(found, Tensor) or found.shape != expected or found.dtype != torch.float32:
            got = f"{found.dtype} of shape {tuple(found.shape[1:])} for 3 rows" if isinstance(found, Tensor) else "no tensor"
            raise self._unfit(got, f"torch.float32 of shape {expected[1:]}")
        if not torch.isfinite(found).all():
            raise self._unfit("outputs that are no numbers", "finite ones at first")
        if not torch.allclose(found[:, :2], alone, rtol=1e-4, atol=1e-5):
            raise self._unfit("a row's outputs that depend on the other rows", "each row's on that row alone, so no BatchNorm")


def own_or(ours: StackedMLP, own: str, role: str) -> StackedMLP | StackedModule:
    """Our network, or the user's own of the same inputs and outputs, by its maker's name where there is one."""
    return StackedModule(say(own), ours.inputs, ours.outputs, role) if own else ours


def _check_parts(module: nn.Module, unfit: Callable[[str, str], InvalidArgumentError]) -> None:
    """Parameters and nothing else that could change."""
    buffers = [name for name, _ in module.named_buffers()]
    if buffers:
        expected = "parameters alone: steps change nothing else, and files keep nothing else (no BatchNorm)"
        raise unfit(f"buffers, {', '.join(buffers)[:60]}", expected)
    kinds = {(p.dtype, p.device.type) for p in module.parameters()}
    if kinds != {(torch.float32, "cpu")}:
        got = ", ".join(f"{kind} on {device}" for kind, device in sorted(kinds, key=str)) or "no parameters"
        raise unfit(got, "parameters, all of torch.float32 on the CPU; the run moves them")
