"""Two proteins summed up by the same network, then compared: an architecture of our own beside ESM2_AMPS.

ESM2_AMPS reads the tokens of both proteins as one set and cannot tell which token belongs to which protein.
Here each protein is summed up by itself, and what is compared are two proteins, not twenty tokens. It has no
attention, and what concerns one protein can be computed once, however many partners it has.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from esm2amp_core.models.classifier import Classifier, Scores, State, mean_present, shape_of
from esm2amp_core.models.dropout import Dropout
from esm2amp_core.models.pairwise import Pairwise


class Siamese(Classifier):
    """Reads ten segments per protein; the score is the same for (A, B) and (B, A).

    Parameters
    ----------
    width : int
        Embedding width D.
    readout, hidden1, embedding : int
        Of the network that sums up one protein: the mean of its segments, D -> readout, linear, then
        hidden1 -> embedding. A read-out far narrower than D keeps it from learning single proteins by heart.
    hidden2 : int
        Of the network that compares two: 3 x embedding -> hidden2 -> 1.
    dropout : float
        Rate while training; none in evaluation mode.
    """

    feature_set = "segments"
    is_symmetric = True
    reads_set_of = "protein"
    subsets_are_cheap = True

    def __init__(
        self,
        width: int = 1280,
        readout: int = 128,
        hidden1: int = 128,
        embedding: int = 32,
        hidden2: int = 64,
        *,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.sizes = {
            "width": width, "readout": readout, "hidden1": hidden1, "embedding": embedding,
            "hidden2": hidden2,
        }  # fmt: skip
        self.readout = nn.Linear(width, readout)
        # Torch's own starting weights: the published heads' larger ones cost 0.05 of AUROC here (one seed).
        self.protein_layers = nn.Sequential(
            Dropout(dropout), nn.Linear(readout, hidden1), nn.ReLU(), Dropout(dropout),
            nn.Linear(hidden1, embedding), nn.LayerNorm(embedding),
        )  # fmt: skip
        self.pair_layers = nn.Sequential(
            nn.Linear(3 * embedding, hidden2), nn.ReLU(), Dropout(dropout), nn.Linear(hidden2, 1)
        )

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        masks = (None, None) if present is None else present.chunk(2, dim=1)
        return Scores(self.compare(*map(self.summarise, tokens.chunk(2, dim=1), masks)))

    def summarise(self, tokens: Tensor, present: Tensor | None = None) -> Tensor:
        """What is compared of proteins with tokens (B, T, D), some not present: Tensor, shape=(B, E)."""
        return self.protein_layers(self.readout(mean_present(tokens, present)))

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits (B,) of pairs of which each protein is summed up: (B, E) twice."""
        compared = torch.cat([a + b, a * b, (a - b).abs()], dim=-1)                        # (B, 3E)
        return self.pair_layers(compared).squeeze(-1)

    def on_subsets(self, tokens: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Classifier.on_subsets`: each subset of one protein is summed up once."""
        halves = tokens.chunk(2)
        place = 2 ** torch.arange(len(halves[0]), device=tokens.device)

        def logits(present: Tensor) -> Tensor:
            summaries = []
            for half, chosen in zip(halves, present.chunk(2, dim=1), strict=True):
                codes, row = (chosen * place).sum(dim=1).unique(return_inverse=True)
                summaries.append(self.summarise(half[None], codes[:, None] & place > 0)[row])  # (M, E)
            return self.compare(*summaries)

        return logits

    def pairwise(self, dtype: torch.dtype) -> Pairwise:
        """See `Classifier.pairwise`: each protein is summed up once."""
        return Pairwise(
            lambda first, second: self.compare(*first, *second),
            per_protein=lambda tokens: (self.summarise(tokens),),
            reads_tokens=False,
        )

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        readout, width = shape_of(state, "readout.weight")
        hidden1, _ = shape_of(state, "protein_layers.1.weight")
        embedding, _ = shape_of(state, "protein_layers.4.weight")
        hidden2, _ = shape_of(state, "pair_layers.0.weight")
        return {"width": width, "readout": readout, "hidden1": hidden1, "embedding": embedding,
                "hidden2": hidden2}
