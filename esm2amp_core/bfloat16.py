"""Matrix products in bfloat16: where they are worth it, and how a processor does them fast."""

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
    weight: Tensor, bias: Tensor, dtype: torch.dtype, *, relu: bool = False
) -> Callable[[Tensor], Tensor]:
    """A linear layer for inference whose weights are brought into the form of the product once.

    Parameters
    ----------
    weight, bias : Tensor, shape=(M, K) and (M,)
    dtype : torch.dtype
        Of input, weights and output; sums are float32 in any case.
    relu : bool
        Also zero what is negative.

    Returns
    -------
    callable
        From (..., K) to (..., M).
    """
    weight, bias = weight.detach().to(dtype), bias.detach().to(dtype)
    if dtype == torch.bfloat16 and weight.device.type == "cpu" and computes_bfloat16(weight.device):
        # oneDNN otherwise reorders a bfloat16 matrix in every call: a tenth to a quarter of the time.
        # The operators are those that torch.compile puts in the place of a linear layer.
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        activation = "relu" if relu else "none"
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, activation, [], "")
    if relu:
        return lambda x: F.linear(x, weight, bias).relu_()
    return lambda x: F.linear(x, weight, bias)
