"""A CUDA graph played by the CPU: operations are noted with the memory they used, and done again on the same memory.

What a graph would get wrong, the tape gets wrong too, but for memory that is freed meanwhile: numbers of the CPU are those of
the recording for ever, new tensors of later updates are never seen, shapes stay.  What no recording may contain is refused:

    a value that the CPU asks for (``item``, ``nonzero``, a mask as an index, their like): a GPU would have to be waited for
    a tensor made from the CPU's memory (``torch.tensor([...])``): a copy that the GPU cannot repeat
    a tensor made without saying where: it would be on the CPU
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

ASKS = {"_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal", "bincount", "multinomial"}
ASKS |= {"_unique2", "unique_dim", "unique_consecutive"}
FROM_THE_CPU = {"lift_fresh", "lift_fresh_copy", "lift"}
MAKES = {"zeros", "ones", "full", "empty", "eye", "arange", "linspace", "rand", "randn", "randint", "randperm", "triu_indices"}


class NotRecordable(AssertionError):
    """See the module."""


class Placed(TorchFunctionMode):
    """Refuses to make tensors without saying where."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(function, "__name__", "") in MAKES and given.get("device") is None and not tensors(args):
            raise NotRecordable(f"{function.__name__} makes a tensor without saying where")
        return function(*args, **given)


class Tape(TorchDispatchMode):
    """Notes operations, see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.placed = Placed()

    def __enter__(self) -> Self:
        self.placed.__enter__()
        entered: Self = super().__enter__()
        return entered

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.placed.__exit__(*error)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        refuse(function, args, kwargs)
        found = function(*args, **kwargs)
        self.done.append((function, args, kwargs, found))
        return found

    @torch.no_grad()
    def replay(self) -> None:
        """All operations again."""
        for function, args, kwargs, held in self.done:
            if is_view(function):
                continue
            again = function(*args, **kwargs)
            if not writes(function):
                for old, new in zip(tensors(held), tensors(again), strict=True):
                    old.copy_(new)


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def writes(function: Any) -> bool:
    """Whether the operation changes an argument."""
    return any(a.alias_info is not None and a.alias_info.is_write for a in function._schema.arguments)


def is_view(function: Any) -> bool:
    """Whether its results are views of an argument."""
    return not writes(function) and any(r.alias_info is not None for r in function._schema.returns)


def refuse(function: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Raise on what no recording may contain."""
    name = function._schema.name.removeprefix("aten::")
    given = tensors((args, kwargs))
    if name in ASKS or (name == "repeat_interleave" and given and len(args) == 1):
        raise NotRecordable(f"{name} asks for a value")
    if name.startswith(("index.", "index_put")) or name == "index":
        indices = [i for i in args[1] if i is not None]
        if any(i.dtype in (torch.bool, torch.uint8) for i in indices):
            raise NotRecordable(f"{name} by a mask has a shape that depends on values")
    if name in FROM_THE_CPU:
        raise NotRecordable("a tensor from the CPU's memory")


class Tapes:
    """Stands for ``capture.CudaGraphs``; ``recordings`` are how many were made, ``replays`` how many were played."""

    def __init__(self) -> None:
        self.recordings = self.replays = 0

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """Nothing to keep apart."""
        yield

    def record(
        self, step: Callable[[], dict[str, Tensor]], generator: torch.Generator
    ) -> tuple[Callable[[], None], dict[str, Tensor]]:
        """As ``capture.Graphs``: a recording leaves everything as it was, the generator included."""
        tape, before = Tape(), generator.get_state()
        touched: list[tuple[Tensor, Tensor]] = []
        with Undo(touched), tape:
            metrics = step()
        for tensor, was in reversed(touched):
            with torch.no_grad():
                tensor.copy_(was)
        generator.set_state(before)
        self.recordings += 1

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return replay, metrics


class Undo(TorchDispatchMode):
    """Keeps what operations are about to overwrite."""

    def __init__(self, touched: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.touched = touched

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if writes(function):
            names = [a.name for a in function._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
            bound = {a.name: v for a, v in zip(function._schema.arguments, args, strict=False)} | kwargs
            self.touched += [(t, t.clone()) for name in names for t in tensors(bound.get(name))]
        return function(*args, **kwargs)
