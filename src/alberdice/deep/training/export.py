"""Policies as one file: weights that this package reads, or a program that torch runs without it.

NAME.safetensors    tensors and header of ``Policies.save`` under a checksum; ``alberdice.deep.load`` reads them
NAME.pt2            of policies without a memory, a program of ``torch.export`` for any number of episodes B:
                    observations (B, N, O) float32, masks (B, N, A) booleans -> log pi_i(a|o_i), (B, N, A)
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor

from alberdice.deep.policies import Policies, load_policies
from alberdice.deep.policies import transformer as _transformer  # registers itself as readable
from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import write_atomically

__all__ = ["export", "read_export"]

_ = _transformer


class _Tables(torch.nn.Module):
    """The log probabilities of policies, with their weights as buffers."""

    def __init__(self, policies: Policies) -> None:
        super().__init__()
        tensors, self.header = policies.save()
        self.names = list(tensors)
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.detach().cpu().clone())

    def forward(self, observations: Tensor, masks: Tensor) -> Tensor:
        policies = load_policies({name: getattr(self, name) for name in self.names}, self.header)
        return policies.actor(observations.shape[0]).log_probabilities(observations, masks)


def export(policies: Policies, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write policies to a file; see the module.

    Args:
        policies: e.g. those of a run, or of one of its evaluations.
        path: NAME.safetensors or NAME.pt2.
        overwrite: replace a file that is there.

    Raises:
        InvalidArgumentError: another kind of file, a place that is taken, policies with a memory as a program.
        InvalidDataError: the place cannot be written.
        ResourceError: the disk is full.
    """
    target = Path(path)
    if target.suffix not in (".safetensors", ".pt2"):
        raise InvalidArgumentError("export", got=str(path), expected="a file name ending in .safetensors or .pt2")
    if target.exists() and (target.is_dir() or not overwrite):
        expected, remedy = "nothing there", "choose another, or --overwrite"
        raise InvalidArgumentError(str(target), got="something is there already", expected=expected, remedy=remedy)
    if target.suffix == ".safetensors":
        tensors, header = policies.save()
        write_checkpoint(target, tensors, {"policies": header})
    else:
        write_atomically(target, _program(policies))
    return target


def _program(policies: Policies) -> bytes:
    if policies.has_memory:
        expected, remedy = "policies of one observation", "export them as NAME.safetensors"
        raise InvalidArgumentError("export", got="policies with a memory", expected=expected, remedy=remedy)
    n, size, choices = len(policies.n_actions), policies.features.mean.shape[-1], max(policies.n_actions)
    example = (torch.zeros(2, n, size), torch.ones(2, n, choices, dtype=torch.bool))
    episodes = torch.export.Dim("episodes", min=1)
    shapes = {"observations": {0: episodes}, "masks": {0: episodes}}
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(_Tables(policies), example, dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


def read_export(path: Path, *, trust: bool = False) -> Policies:
    """The policies of a NAME.safetensors file; ``trust``: make networks by the code that it names.

    Raises:
        InvalidDataError: no such file, another one, or a damaged one; policies of a kind that nobody registered.
    """
    tensors, header = read_checkpoint(path)
    if "policies" not in header:
        raise InvalidDataError(f"{path}: header", got="no policies", expected="a file that export wrote")
    return load_policies(tensors, header["policies"], trust=trust)
