"""Matrix products in bfloat16: which devices have them, and how a processor does them fast."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def computes_bfloat16(device: torch.device) -> bool:
    """True where the device multiplies matrices in bfloat16; others only emulate it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


def linear(
    weight: Tensor, bias: Tensor, dtype: torch.dtype, activation: str = "none"
) -> Callable[..., Tensor]:
    """A linear layer for inference whose weights are brought into the form of the product once.

    Parameters
    ----------
    weight, bias : Tensor, shape=(M, K) and (M,)
    dtype : torch.dtype
        Of input, weights and output; sums are float32 in any case.
    activation : str
        What follows: ``none`` or ``gelu`` (the exact one).

    Returns
    -------
    callable
        From (..., K) to (..., M). Without activation it takes a second argument, (B, M) for an input of
        (B, K): a summand that is added before the result is rounded.
    """
    weight, bias = weight.detach().to(dtype), bias.detach().to(dtype)
    if dtype == torch.bfloat16 and weight.device.type == "cpu" and computes_bfloat16(weight.device):
        return _packed(weight, bias, activation)
    follow = {"none": lambda x: x, "gelu": F.gelu}[activation]

    def product(x: Tensor, summand: Tensor | None = None) -> Tensor:
        if summand is None:
            return follow(F.linear(x, weight, bias))
        return torch.addmm(summand + bias, x, weight.t())

    return product


def _packed(weight: Tensor, bias: Tensor, activation: str) -> Callable[..., Tensor]:
    # oneDNN otherwise reorders a bfloat16 matrix in every call: a tenth to a quarter of the time.
    # The operators are those that torch.compile puts in the place of a linear layer.
    weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    operator = torch.ops.mkldnn._linear_pointwise
    how = "none" if activation == "gelu" else ""  # oneDNN's name for the exact one

    def product(x: Tensor, summand: Tensor | None = None) -> Tensor:
        if summand is None:
            return operator(x, weight, bias, activation, [], how)
        return operator.binary(x, summand, weight, bias, "add")

    return product
