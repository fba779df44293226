"""Dropout that does not hold a processor up: torch draws a random number per element, this one per four."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_VALUES = 1 << 16
"""A decision takes 16 random bits: the rate is exact to 1/131,072."""


class Dropout(nn.Module):
    """As ``nn.Dropout``, with other random numbers on a processor.

    Parameters
    ----------
    rate : float
        Share of elements set to zero while training; the others are scaled up to keep the mean.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and number format as `x`; `x` itself in evaluation mode."""
        return dropout(x, self.rate, training=self.training)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"rate={self.rate}"


def dropout(x: Tensor, rate: float, *, training: bool) -> Tensor:
    """Zero a share of the elements at random; see `Dropout`."""
    if not training or rate == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    # All 64 bits of each number are drawn; plain random_() would leave the highest one 0.
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    decisions = bits.view(torch.int16)[: x.numel()].view(x.shape)
    dropped = round(rate * _VALUES)
    kept = decisions.ge(dropped - _VALUES // 2).to(x.dtype)
    return x * kept.mul_(_VALUES / (_VALUES - dropped))
