"""Stored weights as the classifiers need them: finite float32 tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from esm2amp_core.errors import BundleError
from esm2amp_core.models.classifier import State


def as_float32(state: State) -> dict[str, Tensor]:
    """The same weights in float32, each in memory of its own, on the CPU.

    Raises
    ------
    BundleError
        If a tensor does not hold real numbers, or one of them is infinite or not a number.
    """
    converted = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            raise BundleError(f"{name!r} holds {tensor.dtype}, not real numbers.")
        converted[name] = tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
        if not converted[name].isfinite().all():
            raise BundleError(
                f"{name!r} holds infinite or missing numbers.",
                hint="The training that made it did not succeed; use another checkpoint.",
            )
    return converted
