"""ESM2_DPM: fully connected layers on the mean residue vectors of both proteins (doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esm2amp_core.errors import BundleError
from esm2amp_core.models.classifier import Classifier, Scores, State, shape_of
from esm2amp_core.models.heads import initialise_linear
from esm2amp_core.models.pairwise import Pairwise


class Dpm(Classifier):
    """Reads A.mean and B.mean side by side: the order of the proteins matters.

    Parameters
    ----------
    width : int
        Embedding width D; the first layer reads 2D numbers.
    hidden1, hidden2, hidden3 : int
        Of the three hidden layers, each followed by a layer norm and ReLU.
    """

    feature_set = "mean"
    is_symmetric = False

    def __init__(
        self, width: int = 1280, hidden1: int = 1280, hidden2: int = 480, hidden3: int = 100
    ) -> None:
        super().__init__()
        self.sizes = {"width": width, "hidden1": hidden1, "hidden2": hidden2, "hidden3": hidden3}
        layers: list[nn.Module] = []
        for n_in, n_out in ((2 * width, hidden1), (hidden1, hidden2), (hidden2, hidden3)):
            layers += [nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.ReLU()]
        self.dnn_layers = initialise_linear(nn.Sequential(*layers, nn.Linear(hidden3, 1)))

    def forward(self, tokens: Tensor, present: None = None) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        side_by_side = tokens.flatten(start_dim=1)  # (B, 2, D) -> (B, 2D)
        return Scores(self.dnn_layers(side_by_side).squeeze(-1))

    def pairwise(self, dtype: torch.dtype) -> Pairwise:
        """See `Classifier.pairwise`: the first linear layer is a sum of what it makes of each protein."""
        as_first, as_second = self.dnn_layers[0].weight.chunk(2, dim=1)
        return Pairwise(
            lambda first, second: self.dnn_layers[1:](first[0] + second[1]).squeeze(-1),
            per_protein=lambda tokens: (F.linear(tokens[:, 0], as_first, self.dnn_layers[0].bias),
                                        F.linear(tokens[:, 0], as_second)),
            reads_tokens=False,
        )

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        hidden1, doubled = shape_of(state, "dnn_layers.0.weight")
        if doubled % 2:
            raise BundleError(
                f"'dnn_layers.0.weight' reads {doubled} numbers; two proteins give an even number."
            )
        hidden2, _ = shape_of(state, "dnn_layers.3.weight")
        hidden3, _ = shape_of(state, "dnn_layers.6.weight")
        return {"width": doubled // 2, "hidden1": hidden1, "hidden2": hidden2, "hidden3": hidden3}
