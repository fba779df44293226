"""The fully connected layers on top of every body, and how they start."""

from __future__ import annotations

from torch import nn

from esm2amp_core.models.classifier import State, shape_of


def mlp_head(width: int, hidden1: int, hidden2: int) -> nn.Sequential:
    """Linear D -> hidden1, ReLU, hidden1 -> hidden2, ReLU, hidden2 -> 1: linear layers are 0, 2 and 4."""
    head = nn.Sequential(
        nn.Linear(width, hidden1), nn.ReLU(), nn.Linear(hidden1, hidden2), nn.ReLU(), nn.Linear(hidden2, 1)
    )
    return initialise_linear(head)


def mlp_sizes(state: State) -> dict[str, int]:
    """``width``, ``hidden1`` and ``hidden2`` of an `mlp_head` called ``mlp_layers``."""
    hidden1, width = shape_of(state, "mlp_layers.0.weight")
    hidden2, _ = shape_of(state, "mlp_layers.2.weight")
    return {"width": width, "hidden1": hidden1, "hidden2": hidden2}


def initialise_linear(layers: nn.Sequential) -> nn.Sequential:
    """Kaiming normal weights (fan-in, ReLU) and zero biases in every linear layer, as published."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return layers
