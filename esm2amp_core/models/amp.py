"""ESM2_AMPS and ESM2_AMP_CSE: a transformer over the segments of both proteins (doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from esm2amp_core.models.classifier import (
    Classifier,
    Scores,
    State,
    count_layers,
    mean_present,
    shape_of,
)
from esm2amp_core.models.heads import mlp_head, mlp_sizes
from esm2amp_core.models.pair_transformer import PairTransformer
from esm2amp_core.models.pairwise import Pairwise
from esm2amp_core.models.transformer import TransformerEncoder

PUBLISHED_HEADS = 8
LAYERS = "transformer_encoder.layers."


class Amps(Classifier):
    """Reads ten segments per protein; the score does not depend on the order of the tokens.

    Parameters
    ----------
    width : int
        Embedding width D, divisible by `heads`.
    layers, heads, feedforward : int
        Of the transformer encoder.
    hidden1, hidden2 : int
        Of the head.
    dropout : float
        Rate while training; none in evaluation mode.

    Raises
    ------
    ValueError
        If `heads` does not divide `width`.
    """

    feature_set = "segments"
    is_symmetric = True
    reads_set_of = "pair"

    def __init__(
        self,
        width: int = 1280,
        layers: int = 6,
        heads: int = PUBLISHED_HEADS,
        feedforward: int = 2048,
        hidden1: int = 640,
        hidden2: int = 240,
        *,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.sizes = {
            "width": width, "layers": layers, "heads": heads, "feedforward": feedforward,
            "hidden1": hidden1, "hidden2": hidden2,
        }  # fmt: skip
        self.transformer_encoder = TransformerEncoder(width, layers, heads, feedforward, dropout)
        self.mlp_layers = mlp_head(width, hidden1, hidden2)

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        encoded, attention = self.transformer_encoder(tokens, present)  # (B, 2T, D), layers x (B, H, 2T, 2T)
        return Scores(self.mlp_layers(mean_present(encoded, present)).squeeze(-1), attention)

    def on_subsets(self, tokens: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Classifier.on_subsets`: tokens that are left out are not computed, which halves the work."""

        def logits(present: Tensor) -> Tensor:
            counts = present.sum(dim=1)
            found = tokens.new_empty(len(present))
            for count in counts.unique().tolist():
                rows = counts == count
                kept = present[rows].nonzero()[:, 1].view(-1, count)
                found[rows] = self(tokens[kept]).logits
            return found

        return logits

    def pairwise(self, dtype: torch.dtype) -> Pairwise:
        """See `Classifier.pairwise` and `pair_transformer.PairTransformer`."""
        transformer = PairTransformer(self.transformer_encoder, self.mlp_layers, dtype)
        return Pairwise(transformer.on_pairs, per_protein=transformer.per_protein, dtype=dtype)

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        feedforward, _ = shape_of(state, f"{LAYERS}0.linear1.weight")
        return {
            "layers": count_layers(state, LAYERS),
            "heads": PUBLISHED_HEADS,
            "feedforward": feedforward,
            **mlp_sizes(state),
        }


class AmpCse(Amps):
    """Reads cls, eos and ten segments per protein; otherwise as `Amps`."""

    feature_set = "cls_eos_segments"

    def __init__(
        self,
        width: int = 1280,
        layers: int = 6,
        heads: int = PUBLISHED_HEADS,
        feedforward: int = 2048,
        hidden1: int = 480,
        hidden2: int = 240,
        *,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(width, layers, heads, feedforward, hidden1, hidden2, dropout=dropout)
