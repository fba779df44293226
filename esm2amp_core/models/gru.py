"""The published recurrent alternative: a GRU over the segments of both proteins."""

from __future__ import annotations

from torch import Tensor, nn

from esm2amp_core.models.classifier import Classifier, Scores, State, shape_of
from esm2amp_core.models.heads import mlp_head, mlp_sizes

INPUT_WEIGHT, RECURRENT_WEIGHT = "weight_ih_l", "weight_hh_l"


class Gru(Classifier):
    """Reads ten segments of A, then ten of B, one after the other: the order of the proteins matters.

    Parameters
    ----------
    width : int
        Embedding width D, also the size of the hidden state.
    layers : int
        Of the GRU, one direction.
    hidden1, hidden2 : int
        Of the head.
    dropout : float
        Rate between the layers of the GRU while training; none in evaluation mode.
    """

    feature_set = "segments"
    is_symmetric = False

    def __init__(
        self,
        width: int = 1280,
        layers: int = 6,
        hidden1: int = 590,
        hidden2: int = 255,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.sizes = {"width": width, "layers": layers, "hidden1": hidden1, "hidden2": hidden2}
        self.gru = nn.GRU(width, width, num_layers=layers, batch_first=True, dropout=dropout)
        self.mlp_layers = mlp_head(width, hidden1, hidden2)
        for name, parameter in self.gru.named_parameters():
            if name.startswith(INPUT_WEIGHT):
                nn.init.kaiming_normal_(parameter)
            elif name.startswith(RECURRENT_WEIGHT):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, present: None = None) -> Scores:
        """Score pairs; see `Classifier.forward`."""
        states, _ = self.gru(tokens)  # (B, 2T, D)
        return Scores(self.mlp_layers(states.mean(dim=1)).squeeze(-1))

    @classmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors show them; see `Classifier.sizes_from`."""
        prefix = f"gru.{INPUT_WEIGHT}"
        shape_of(state, f"{prefix}0")
        return {"layers": sum(name.startswith(prefix) for name in state), **mlp_sizes(state)}
