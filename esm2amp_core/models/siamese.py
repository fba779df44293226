"""Two proteins summed up by the same network, then compared: an architecture of our own beside ESM2_AMPS.

ESM2_AMPS reads the tokens of both proteins as one set, so it cannot tell which token belongs to
which protein, nor where in it. Here every token knows its place, attention knows whether it looks at the
own protein or at the other one, and what is compared in the end are two proteins, not twenty tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.classifier import Classifier, Scores, State, count_layers, shape_of
from esm2amp_core.models.dropout import Dropout
from esm2amp_core.models.heads import initialise_linear
from esm2amp_core.models.transformer import TransformerEncoder

LAYERS = "transformer_encoder.layers."


class Siamese(Classifier):
    """Reads ten segments per protein; the score is the same for (A, B) and (B, A).

    Parameters
    ----------
    width : int
        Embedding width D, divisible by `heads`.
    layers, heads, feedforward : int
        Of the transformer encoder over the tokens of both proteins.
    readout, hidden1, embedding : int
        Of the network that sums up one protein: D -> readout, linear, then hidden1 -> embedding.
        A read-out far narrower than D keeps the network from learning single proteins by heart.
    hidden2 : int
        Of the network that compares two: 3 x embedding -> hidden2 -> 1.
    dropout : float
        Rate while training; none in evaluation mode.

    Raises
    ------
    ValueError
        If `heads` does not divide `width`.
    """

    feature_set = "segments"
    is_symmetric = True

    def __init__(
        self,
        width: int = 1280,
        layers: int = 1,
        heads: int = 8,
        feedforward: int = 1024,
        readout: int = 128,
        hidden1: int = 256,
        embedding: int = 64,
        hidden2: int = 64,
        *,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.sizes = {
            "width": width, "layers": layers, "heads": heads, "feedforward": feedforward,
            "readout": readout, "hidden1": hidden1, "embedding": embedding, "hidden2": hidden2,
        }  # fmt: skip
        n_tokens = len(FEATURE_SETS[self.feature_set].tokens)
        self.position = nn.Parameter(torch.zeros(n_tokens, width))
        self.own_protein = nn.Parameter(torch.zeros(layers, heads))
        self.transformer_encoder = TransformerEncoder(width, layers, heads, feedforward, dropout)
        # Training starts from segments as they are: every block adds nothing at first.
        for layer in self.transformer_encoder.layers:
            for last in (layer.self_attn.out_proj, layer.linear2):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
        self.readout = nn.Linear(width, readout)
        self.protein_layers = initialise_linear(nn.Sequential(
            Dropout(dropout), nn.Linear(readout, hidden1), nn.ReLU(), Dropout(dropout),
            nn.Linear(hidden1, embedding),
        ))
        self.protein_norm = nn.LayerNorm(embedding)
        self.pair_layers = initialise_linear(nn.Sequential(
            nn.Linear(3 * embedding, hidden2), nn.ReLU(), Dropout(dropout), nn.Linear(hidden2, 1)
        ))

    def forward(self, tokens: Tensor) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        B, _, D = tokens.shape
        T = len(self.position)
        placed = (tokens.view(B, 2, T, D) + self.position).flatten(1, 2)                   # (B, 2T, D)
        encoded, attention = self.transformer_encoder(placed, self._own_bias(T))
        proteins = encoded.view(B, 2, T, D).mean(dim=2)                                     # (B, 2, D)
        return Scores(self.compare(*self.summarise(proteins).unbind(dim=1)), attention)

    def summarise(self, proteins: Tensor) -> Tensor:
        """What is compared of proteins with mean tokens (..., D): Tensor, shape=(..., E)."""
        return self.protein_norm(self.protein_layers(self.readout(proteins)))

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits of pairs with summaries a and b (..., E): Tensor, shape=(...)."""
        compared = torch.cat([a + b, a * b, (a - b).abs()], dim=-1)                         # (..., 3E)
        return self.pair_layers(compared).squeeze(-1)

    def _own_bias(self, T: int) -> Tensor:
        """What is added to attention scores between tokens of one protein: (layers, H, 2T, 2T)."""
        protein = torch.arange(2 * T, device=self.own_protein.device) // T
        own = (protein[:, None] == protein).to(self.own_protein.dtype)
        return self.own_protein[:, :, None, None] * own

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        _, heads = shape_of(state, "own_protein")
        readout, width = shape_of(state, "readout.weight")
        hidden1, _ = shape_of(state, "protein_layers.1.weight")
        embedding, _ = shape_of(state, "protein_layers.4.weight")
        hidden2, _ = shape_of(state, "pair_layers.0.weight")
        feedforward, _ = shape_of(state, f"{LAYERS}0.linear1.weight")
        return {
            "width": width, "layers": count_layers(state, LAYERS), "heads": heads, "feedforward": feedforward,
            "readout": readout, "hidden1": hidden1, "embedding": embedding, "hidden2": hidden2,
        }  # fmt: skip
