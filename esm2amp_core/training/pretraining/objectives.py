"""What the language model is trained to do: fill in residues, and describe what surrounds them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import EsmForMaskedLM

from esm2amp_core.training.pretraining.environment import N_CHANNELS
from esm2amp_core.training.pretraining.windows import Batch, Windows

MASKED_WEIGHT = 0.1
"""Of the loss of hidden residues; that of descriptions counts once."""
N_MEASURED = 12
"""Batches from which the scale of each channel is taken."""


class Objectives(nn.Module):
    """Both losses of a batch.

    The description is a linear function of the state, so what it needs ends up in the states that
    `features.pool_protein` averages, and the mean of a stretch describes that stretch.

    Parameters
    ----------
    model : EsmForMaskedLM
    """

    names = ("masked", "described")

    def __init__(self, model: EsmForMaskedLM) -> None:
        super().__init__()
        self.model = model
        self.describe = nn.Linear(model.config.hidden_size, N_CHANNELS)
        self.register_buffer("centre", torch.zeros(N_CHANNELS))
        self.register_buffer("scale", torch.ones(N_CHANNELS))

    def measure(self, windows: Windows) -> None:
        """Take the scale of the channels from the first batches."""
        batches = [windows[number] for number in range(N_MEASURED)]
        channels = np.concatenate([batch.described[batch.present].double().numpy() for batch in batches])
        self.centre.copy_(torch.from_numpy(channels.mean(axis=0)))
        # A channel that hardly ever differs must not count more than the others.
        self.scale.copy_(torch.from_numpy(channels.std(axis=0).clip(min=0.02)))

    def forward(
        self, tokens: Tensor, positions: Tensor, targets: Tensor, present: Tensor, described: Tensor
    ) -> Tensor:
        """Losses in the order of `names`: Tensor, dtype=float32, shape=(2,); arguments as `Batch`.

        The first in nats; the second is the share of variance that is not explained, over channels.
        """
        states = self.model.esm(input_ids=tokens).last_hidden_state                       # (B, T, D)
        letters = self.model.lm_head(states.flatten(0, 1)[positions]).float()             # (M, 33)
        wanted = (described - self.centre) / self.scale                                   # (B', T, C)
        error = (self.describe(states[-len(described):]).float() - wanted).square().mean(dim=-1)
        return torch.stack([cross_entropy(letters, targets), (error * present).sum() / present.sum()])

    def losses(self, batch: Batch) -> Tensor:
        """As `forward`."""
        return self(*batch.tensors())

    @staticmethod
    def total(losses: Tensor) -> Tensor:
        """The one number that training lowers."""
        return MASKED_WEIGHT * losses[0] + losses[1]
