"""The autoencoder that makes few numbers of a token's vector (METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from esm2amp_core.models.classifier import State, shape_of, with_weights

PUBLISHED = {"width": 1280, "hidden1": 512, "hidden2": 256, "latent": 150}
AT_ONCE = 8_192
"""Vectors that are encoded at once."""
COUNT = "num_batches_tracked"
"""What batch norm counts while it is trained, and nobody needs."""


def sizes_for(width: int) -> dict[str, int]:
    """Layer sizes for an embedding width: the published ones, narrower in proportion below width 1,280."""
    share = min(1.0, width / PUBLISHED["width"])
    return {"width": width} | {name: max(1, round(PUBLISHED[name] * share))
                               for name in ("hidden1", "hidden2", "latent")}  # fmt: skip


class Block(nn.Module):
    """``swish(BatchNorm(W x)) + V x``, where V is needed only if the widths differ."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.fc, self.bn = nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out)
        self.downsample = nn.Identity() if n_in == n_out else nn.Linear(n_in, n_out)

    def forward(self, x: Tensor, slope: Tensor) -> Tensor:
        """Vectors (B, n_in) to vectors (B, n_out)."""
        h = self.bn(self.fc(x))
        return h * torch.sigmoid(slope * h) + self.downsample(x)


class Autoencoder(nn.Module):
    """Token vectors D -> hidden1 -> hidden2 -> latent -> hidden2 -> hidden1 -> D.

    While it is trained every linear layer is divided by its largest singular value (`normalise`); what is
    stored are the weights after that division (`plain`). Parameters have the names of the published files.

    Parameters
    ----------
    width : int
        Embedding width D.
    hidden1, hidden2, latent : int
    """

    def __init__(self, width: int = 1280, hidden1: int = 512, hidden2: int = 256, latent: int = 150) -> None:
        super().__init__()
        self.sizes = {"width": width, "hidden1": hidden1, "hidden2": hidden2, "latent": latent}
        self.slope = nn.Parameter(torch.ones(()))  # of every block's swish
        self.encoder = nn.ModuleList([Block(width, hidden1), Block(hidden1, hidden2)])
        self.fc_latent = nn.Linear(hidden2, latent)
        self.decoder = nn.ModuleList([Block(latent, hidden2), Block(hidden2, hidden1)])
        self.fc3 = nn.Linear(hidden1, width)

    def encode(self, x: Tensor) -> Tensor:
        """Vectors (B, D) to few numbers (B, latent)."""
        for block in self.encoder:
            x = block(x, self.slope)
        return self.fc_latent(x)

    def decode(self, z: Tensor) -> Tensor:
        """Few numbers (B, latent) back to vectors (B, D)."""
        for block in self.decoder:
            z = block(z, self.slope)
        return self.fc3(z)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (B, D) after compression: Tensor, shape=(B, D)."""
        return self.decode(self.encode(x))

    def normalise(self) -> Self:
        """Keep every linear layer's largest singular value at 1 from here on."""
        for block in (*self.encoder, *self.decoder):
            nn.init.kaiming_normal_(block.fc.weight, nonlinearity="leaky_relu")
            spectral_norm(block.fc, n_power_iterations=3)
            if isinstance(block.downsample, nn.Linear):
                nn.init.kaiming_normal_(block.downsample.weight, nonlinearity="leaky_relu")
                spectral_norm(block.downsample, n_power_iterations=3)
        for layer in (self.fc_latent, self.fc3):
            spectral_norm(layer, n_power_iterations=5)
        return self

    def plain(self) -> Self:
        """End of training: the weights as they are after the division, ready to encode."""
        self.eval()  # in training mode a look at a weight would change it
        for layer in self.modules():
            if parametrize.is_parametrized(layer):
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        return self.requires_grad_(False)

    def stored(self) -> dict[str, Tensor]:
        """What a file keeps: real numbers only."""
        return {name: tensor for name, tensor in self.state_dict().items()
                if not name.endswith(COUNT)}  # fmt: skip

    @classmethod
    def from_stored(cls, state: State) -> Self:
        """The autoencoder with weights as `stored` gives them.

        Raises
        ------
        BundleError
            If names or shapes do not fit.
        """
        hidden1, width = shape_of(state, "encoder.0.fc.weight")
        hidden2, _ = shape_of(state, "encoder.1.fc.weight")
        latent, _ = shape_of(state, "fc_latent.weight")
        with torch.device("meta"):  # no memory, no random numbers: these weights are replaced at once
            autoencoder = cls(width, hidden1, hidden2, latent)
        counts = {name: torch.zeros((), dtype=torch.long)
                  for name in autoencoder.state_dict() if name.endswith(COUNT)}  # fmt: skip
        return with_weights(autoencoder, {**state, **counts}, what="The autoencoder's weights do not fit")

    @torch.inference_mode()
    def encode_tokens(self, values: np.ndarray | Tensor) -> np.ndarray:
        """Tokens of P proteins (P, T, D), compressed: ndarray, dtype=float32, shape=(P, T, latent)."""
        vectors = torch.as_tensor(values, dtype=torch.float32)
        P, T, D = vectors.shape
        flat, device = vectors.reshape(P * T, D), self.slope.device
        parts = [self.encode(part.to(device)).cpu() for part in flat.split(AT_ONCE)]
        return torch.cat(parts).reshape(P, T, -1).numpy() if parts else np.zeros((0, T, self.sizes["latent"]),
                                                                                 np.float32)


def pair_rows(latents: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Numbers of pairs as the second models read them: A's tokens, then B's.

    Parameters
    ----------
    latents : ndarray, shape=(P, T, latent)
    index : ndarray, dtype=int, shape=(N, 2)

    Returns
    -------
    ndarray, shape=(N, 2T * latent)
    """
    return latents[index].reshape(len(index), -1)
