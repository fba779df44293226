"""In which numbers a classifier is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from esm2amp_core.bfloat16 import computes_bfloat16
from esm2amp_core.embed.hardware import PRECISIONS
from esm2amp_core.errors import UserError


def choose_arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """Number format of the matrix products.

    Weights stay in float32 in any case; bfloat16 is autocast's. ``auto`` takes bfloat16 where the device
    computes in it: graphics cards, and processors with AMX or AVX512-BF16 (four times as fast there).

    Raises
    ------
    UserError
        If there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UserError(f"There is no precision {precision!r}.",
                        hint=f"Choose one of {', '.join(PRECISIONS)}.")
    if precision == "auto":
        precision = "bfloat16" if computes_bfloat16(device) else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def autocast(arithmetic: torch.dtype, device: torch.device) -> AbstractContextManager:
    """The context in which a classifier computes in that format."""
    if arithmetic == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, arithmetic)
