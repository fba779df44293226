"""The published ablation: the head of ESM2_AMPS on the mean of all tokens, without a transformer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from esm2amp_core.models.classifier import Classifier, Scores, State, mean_present
from esm2amp_core.models.heads import mlp_head, mlp_sizes
from esm2amp_core.models.pairwise import Pairwise


class Mean(Classifier):
    """Averages the segments of both proteins and classifies the average.

    Parameters
    ----------
    width : int
        Embedding width D.
    hidden1, hidden2 : int
        Of the head.
    """

    feature_set = "segments"
    is_symmetric = True
    reads_set_of = "pair"
    subsets_are_cheap = True

    def __init__(self, width: int = 1280, hidden1: int = 640, hidden2: int = 240) -> None:
        super().__init__()
        self.sizes = {"width": width, "hidden1": hidden1, "hidden2": hidden2}
        self.mlp_layers = mlp_head(width, hidden1, hidden2)

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        return Scores(self.mlp_layers(mean_present(tokens, present)).squeeze(-1))

    def on_subsets(self, tokens: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Classifier.on_subsets`: a linear layer of a mean is the mean of the linear layer's outputs."""
        projected = self.mlp_layers[0](tokens)[None]  # (1, 2T, hidden1)
        return lambda present: self.mlp_layers[1:](mean_present(projected, present)).squeeze(-1)

    def pairwise(self, dtype: torch.dtype) -> Pairwise:
        """See `Classifier.pairwise`: each protein's mean goes through the first linear layer once."""
        return Pairwise(
            lambda first, second: self.mlp_layers[1:]((first[0] + second[0]) / 2).squeeze(-1),
            per_protein=lambda tokens: (self.mlp_layers[0](tokens.mean(dim=1)),),
            reads_tokens=False,
        )

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        return mlp_sizes(state)
