"""Where matrix products may be rounded to bf16, and where not.

``precision = 'bf16'`` runs every update under ``torch.autocast``: products of hidden layers in bf16, parameters, gradients and
optimisers in float32.  A bf16 number has 8 significant bits: an advantage of 10 is rounded by 0.03, e / alpha at alpha = 0.02
by 1.5.  So a network's last layer is computed under ``full_precision`` and hands out float32; everything that follows
(log-softmax, log-sum-exp, losses) then is float32 as well.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

__all__ = ["full_precision"]


def full_precision(x: Tensor) -> AbstractContextManager[Any]:
    """A context without autocast on the tensor's device; nothing where there is none.  Cast bf16 inputs to float32 in it."""
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
