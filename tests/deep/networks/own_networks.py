"""Networks as users write them, good ones and bad ones."""

from __future__ import annotations

import math

import torch
from torch import nn

HIDDEN = 8


class Copy(nn.Module):
    """``StackedMLP`` with one hidden layer, its parameters in the same order and of the same shapes."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight_1, self.bias_1 = self.drawn(inputs, HIDDEN), nn.Parameter(torch.zeros(HIDDEN))
        self.weight_2 = self.drawn(HIDDEN, outputs)
        self.bias_2 = nn.Parameter(torch.zeros(outputs)) if bias else 0.0

    @staticmethod
    def drawn(rows: int, columns: int) -> nn.Parameter:
        return nn.Parameter(torch.empty(rows, columns).uniform_(-1, 1) * math.sqrt(3 / rows))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x @ self.weight_1 + self.bias_1) @ self.weight_2 + self.bias_2


def copy(inputs: int, outputs: int) -> nn.Module:
    return Copy(inputs, outputs)


def unbiased(inputs: int, outputs: int) -> nn.Module:
    return Copy(inputs, outputs, bias=False)


def residual(inputs: int, outputs: int) -> nn.Module:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.inner, self.after = nn.Linear(inputs, 8), nn.Linear(8, 8), nn.Linear(8, outputs)
            self.norm = nn.LayerNorm(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.tanh(self.before(x))
            return self.after(h + self.norm(torch.relu(self.inner(h))))

    return Residual()


def batch_norm(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))


def batch_statistics(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, outputs))


def dropout(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 4), nn.Dropout(0.5), nn.Linear(4, outputs))


def too_wide(inputs: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs, outputs + 1)


def wrong_inputs(inputs: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs + 2, outputs)


def doubles(inputs: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs, outputs).double()


def no_parameters(inputs: int, outputs: int) -> nn.Module:
    return nn.Flatten()


def no_module(inputs: int, outputs: int) -> str:
    return "a network"


def fails(inputs: int, outputs: int) -> nn.Module:
    raise RuntimeError("no network\ntoday")


def two_outputs(inputs: int, outputs: int) -> nn.Module:
    class Pair(nn.Linear):
        def forward(self, x: torch.Tensor):
            return super().forward(x), x

    return Pair(inputs, outputs)


def looks_at_values(inputs: int, outputs: int) -> nn.Module:
    class Branch(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found = super().forward(x)
            return found if found.sum() > 0 else -found

    return Branch(inputs, outputs)


def infinite(inputs: int, outputs: int) -> nn.Module:
    made = nn.Linear(inputs, outputs)
    nn.init.constant_(made.bias, math.inf)
    return made


MADE = [0]


def grows(inputs: int, outputs: int) -> nn.Module:
    MADE[0] += 1
    return nn.Sequential(nn.Linear(inputs, MADE[0]), nn.Linear(MADE[0], outputs))
