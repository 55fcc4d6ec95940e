"""One run on several devices: a process each, as torchrun starts them, that share the rows of every update.

    torchrun --nproc-per-node K -m alberdice.cli.deep train ...

All processes have all of the data, draw every minibatch alike, and take a part of its rows each; whatever is a sum over rows is
a sum over processes (``alberdice.deep.sums``), by gloo between CPUs and by NCCL between GPUs.  So they hold the same networks,
and what the run is does not depend on their number but for rounding.  The first of them alone reads and writes the run's
folder, evaluates, selects and speaks; at the beginning it hands its state to the others.

Between updates they agree whether one of them was told to stop.  A process that is lost ends all the others with an error, of
which the first one to notice says a line; the run goes on from its last checkpoint, with any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from alberdice.console import explain, verbosity
from alberdice.deep import sums
from alberdice.deep.config import TrainConfig
from alberdice.deep.training.callbacks import SIGNALLED
from alberdice.deep.training.device import device_of, refused_capture
from alberdice.deep.training.fit import Fitting
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.machine import Place, place

__all__ = ["Ranks", "Together", "hand_over", "joined", "updating"]

#: how long a process waits for the others, who may wait for the first one to evaluate; a lost one is noticed at once
_PATIENCE = timedelta(hours=24)
#: why a loop ends that a callback of the first process stopped
_LED = "the first process"


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, see ``sums.Parts``.

    Attributes:
        count: of the processes.
        place: which one this is; 0 is the first.
        words: the group in which tensors on the CPU go round.
    """

    count: int
    place: int
    words: Any

    def total(self, x: Tensor) -> Tensor:
        """As ``sums.Parts``."""
        return self._reduced(x, dist.ReduceOp.SUM)

    def greatest(self, x: Tensor) -> Tensor:
        """As ``sums.Parts``."""
        return self._reduced(x, dist.ReduceOp.MAX)

    def everyone(self, x: Tensor) -> list[Tensor]:
        """As ``sums.Parts``."""
        found = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(self.count)]
        with self._meeting():
            dist.all_gather(found, x.contiguous())
        return found

    def most(self, number: int) -> int:
        """The largest of the processes' numbers."""
        found = torch.tensor(number)
        with self._meeting():
            dist.all_reduce(found, dist.ReduceOp.MAX, group=self.words)
        return int(found)

    def from_first(self, x: Tensor) -> Tensor:
        """The first process's tensor, on the CPU, of this one's shape and type."""
        found = x.detach().cpu().clone(memory_format=torch.contiguous_format)
        with self._meeting():
            dist.broadcast(found, 0, group=self.words)
        return found

    def _reduced(self, x: Tensor, how: Any) -> Tensor:
        found = x.detach().clone(memory_format=torch.contiguous_format)
        with self._meeting():
            dist.all_reduce(found, how)
        return found

    @contextmanager
    def _meeting(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            got = f"no answer from the others ({str(error).splitlines()[0][:200]})"
            remedy = "one of them was lost: resume the run, which goes on from its last checkpoint"
            where, expected = f"process {self.place + 1} of {self.count}", "all of them to go on"
            raise ResourceError(where, got=got, expected=expected, remedy=remedy) from None


@contextmanager
def joined(config: TrainConfig) -> Iterator[Ranks | None]:
    """The processes that torchrun started, while they are together; None where this one was started alone.

    Of errors that several meet, the first to be raised is told; the others are marked as ``told_elsewhere``.

    Raises:
        InvalidArgumentError: settings that several devices cannot follow.
        ResourceError: the others do not come.
    """
    here = place()
    if here.count == 1:
        yield None
        return
    backend = _backend(config, here)
    try:
        store, rank, count = next(rendezvous("env://", timeout=_PATIENCE))
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        got, remedy = str(error).splitlines()[0][:200], "start them by torchrun"
        raise ResourceError("processes of the run", got=got, expected="to find one another", remedy=remedy) from None
    try:
        words = dist.group.WORLD if backend == "gloo" else dist.new_group(backend="gloo", timeout=_PATIENCE)
        explain(f"process {rank + 1} of {count} that share the rows of every update, by {backend}")
        with verbosity("silent") if rank else nullcontext():
            yield Ranks(count, rank, words)
    except BaseException as error:
        error.told_elsewhere = not _speaks_first(store, here)  # type: ignore[attr-defined]
        raise
    finally:
        dist.destroy_process_group()


def _backend(config: TrainConfig, here: Place) -> str:
    """How the processes talk; the GPU of this one is made the present one."""
    if config.capture == "on":
        raise refused_capture("on", "off or auto, as an update of several processes is not recorded")
    if device_of(config) == "cpu":
        return "gloo"
    found = torch.cuda.device_count()
    if here.local >= found:
        got, remedy = f"process {here.local + 1} of this machine", f"start {found} processes here, or use --device cpu"
        raise InvalidArgumentError("device", got=got, expected=f"one of its {found} GPU(s)", remedy=remedy)
    torch.cuda.set_device(here.local)
    return "nccl"


def _speaks_first(store: Any, here: Place) -> bool:
    """Whether no other process has met an error yet; where that cannot be asked, all speak."""
    try:
        return int(store.add(f"alberdice/errors/{here.attempt}", 1)) == 1
    except RuntimeError:  # whoever keeps the store is gone
        return True


def hand_over(ranks: Ranks, fitting: Fitting, digest: str) -> None:
    """Make every process's learner, generator and number of updates those of the first.

    Args:
        ranks: the processes.
        fitting: this one's; of all but the first it changes.
        digest: of the data, in hexadecimal.

    Raises:
        InvalidDataError: this process has other data than the first.
    """
    own = torch.tensor(list(digest.encode()), dtype=torch.uint8)
    if not torch.equal(ranks.from_first(own), own):
        got, expected = f"other data in process {ranks.place + 1}", "those of the first process"
        raise InvalidDataError("dataset", got=got, expected=expected, remedy="copy the data to every machine")
    state = {name: ranks.from_first(tensor) for name, tensor in fitting.learner.state_dict().items()}
    drawn, done = ranks.from_first(fitting.generator.get_state()), ranks.from_first(torch.tensor(fitting.done))
    if ranks.place:
        fitting.learner.load_state_dict(state)
        fitting.generator.set_state(drawn)
        fitting.done = int(done)


class Together:
    """Ends the loop of all processes where that of one of them ends; after the callbacks that may end it.

    Args:
        ranks: the processes.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def after_update(self, fitting: Fitting) -> None:
        """See ``fit.Callback``."""
        reasons = ["", _LED, SIGNALLED]
        own = reasons.index(fitting.stopped if fitting.stopped in reasons else _LED)
        if worst := self.ranks.most(own):
            fitting.stop(reasons[worst])


def updating(ranks: Ranks | None, arithmetic: Callable[[], Any]) -> Callable[[], Any]:
    """What makes the context of one update, from what makes it on one device."""

    @contextmanager
    def context() -> Iterator[None]:
        with sums.shared_by(ranks), arithmetic():
            yield

    return context
