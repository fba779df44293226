"""The dense network of AE_DNN (METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from esm2amp_core.models.classifier import State, shape_of, with_weights

PUBLISHED_INPUTS, PUBLISHED_HIDDEN = 3_000, (1_796, 382)


def hidden_for(inputs: int) -> tuple[int, int]:
    """Hidden layers: the published ones, narrower in proportion below 3,000 inputs."""
    share = min(1.0, inputs / PUBLISHED_INPUTS)
    first, second = (max(1, round(size * share)) for size in PUBLISHED_HIDDEN)
    return first, second


class DenseNetwork(nn.Module):
    """Numbers of a pair -> hidden1 -> hidden2 -> one logit, with ReLU."""

    def __init__(self, inputs: int, hidden1: int, hidden2: int) -> None:
        super().__init__()
        # Each activation is a module of its own: DeepSHAP follows modules.
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden1), nn.ReLU(), nn.Linear(hidden1, hidden2), nn.ReLU(),
            nn.Linear(hidden2, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Numbers (B, inputs) to logits (B, 1)."""
        return self.layers(x)

    @classmethod
    def from_stored(cls, state: State) -> Self:
        """The network with stored weights.

        Raises
        ------
        BundleError
            If names or shapes do not fit.
        """
        hidden1, inputs = shape_of(state, "layers.0.weight")
        hidden2, _ = shape_of(state, "layers.2.weight")
        with torch.device("meta"):  # no memory, no random numbers: these weights are replaced at once
            network = cls(inputs, hidden1, hidden2)
        return with_weights(network, state, what="The network's weights do not fit")
