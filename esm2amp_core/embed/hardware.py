"""Where and how precisely the language model computes."""

from __future__ import annotations

import torch

from esm2amp_core.bfloat16 import computes_bfloat16
from esm2amp_core.errors import EncoderError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
TOKEN_BUDGETS = {"cuda": 16_384, "mps": 4_096, "cpu": 2_048}
"""Tokens of one batch. A processor is busy with a few hundred; a person who cancels waits for the batch."""

FAST_BFLOAT16_WIDTH = 320
"""On processors, bfloat16 is the faster from this width of a model on: that of the smallest published one."""

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


def choose_device(device: str) -> torch.device:
    """The device a person asked for.

    Raises
    ------
    EncoderError
        If it is unknown or this machine has none.
    """
    if device not in DEVICES:
        raise EncoderError(f"There is no device {device!r}.", hint=f"Choose one of {', '.join(DEVICES)}.")
    if device == "auto":
        # Apple's mps only on request: its results have not been compared with the others here.
        device = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[device]:
        raise EncoderError(f"PyTorch finds no {device} device on this machine.", hint="Choose auto or cpu.")
    return torch.device(device)


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The number format a person asked for.

    ``auto`` is bfloat16 on graphics cards that compute in it, where it halves time and memory, and float32
    elsewhere; a `Predictor`, which can check what it changes, also takes it on processors.

    Raises
    ------
    EncoderError
        If it is unknown.
    """
    if precision not in PRECISIONS:
        raise EncoderError(
            f"There is no precision {precision!r}.", hint=f"Choose one of {', '.join(PRECISIONS)}."
        )
    if precision == "auto":
        native = device.type == "cuda" and computes_bfloat16(device)
        precision = "bfloat16" if native else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def precisions_to_try(precision: str, device: torch.device, width: int) -> tuple[str, ...]:
    """Number formats for a model of that width, the fastest first.

    ``auto`` names bfloat16 only where the device computes in it and is faster with it; a bundle's self-check
    then decides. What is told by the kind of machine, not by a stopwatch, is the same in every run.
    """
    if precision != "auto":
        return (precision,)
    wide = device.type != "cpu" or width >= FAST_BFLOAT16_WIDTH
    return ("bfloat16", "float32") if wide and computes_bfloat16(device) else ("float32",)


def is_out_of_memory(error: BaseException) -> bool:
    """True for every way in which PyTorch and Python say that memory is short."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)
