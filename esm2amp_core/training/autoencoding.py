"""Training the autoencoder of AE_RF and AE_DNN on the token vectors of training proteins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from esm2amp_core.errors import UserError
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates.autoencoder import Autoencoder
from esm2amp_core.training.fit import derive_seed, shuffled_batches

STAGE = "Training the autoencoder"


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings:
    """Choices of its training.

    Attributes
    ----------
    rate : float
        Of Adam at the beginning; it falls to 0 along a cosine.
    batch_vectors : int
    epochs : int
    seed : int
    """

    rate: float = 1e-3
    batch_vectors: int = 256
    epochs: int = 20
    seed: int = 0


def train_autoencoder(
    vectors: Tensor,
    sizes: Mapping[str, int],
    settings: AutoencoderSettings,
    *,
    device: torch.device | None = None,
    report: Report = silent,
) -> Autoencoder:
    """An autoencoder that restores vectors (N, D) as well as it can, by mean squared error.

    Raises
    ------
    UserError
        If there are too few vectors, or the loss becomes infinite.
    """
    if len(vectors) < 2:
        raise UserError("An autoencoder needs two vectors at least.", hint="Give more training proteins.")
    device = device or torch.device("cpu")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(settings.seed))
        autoencoder = Autoencoder(**sizes).normalise().to(device).train()
        optimiser = torch.optim.Adam(autoencoder.parameters(), lr=settings.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
        for epoch in range(settings.epochs):
            report(STAGE, epoch, settings.epochs)
            for rows in shuffled_batches(len(vectors), settings.batch_vectors):
                if len(rows) == 1:
                    continue  # of one vector there is no variance to normalise with
                batch = vectors[rows].to(device)
                optimiser.zero_grad()
                loss = mse_loss(autoencoder(batch), batch)
                loss.backward()
                optimiser.step()
            if not torch.isfinite(loss):
                raise UserError("The autoencoder's loss is no longer a number.",
                                hint="Check the features of the training proteins.")
            schedule.step()
    report(STAGE, settings.epochs, settings.epochs)
    return autoencoder.plain()


@torch.inference_mode()
def restored_share(autoencoder: Autoencoder, vectors: Tensor) -> float:
    """Share of the vectors' (N, D) variance that is there after compression; 1 is all of it."""
    device = next(autoencoder.parameters()).device
    error = torch.zeros((), dtype=torch.float64)
    for part in vectors.split(8_192):
        error += (autoencoder(part.to(device)).cpu().double() - part.double()).square().sum()
    variance = (vectors.double() - vectors.double().mean(dim=0)).square().sum()
    return float(1 - error / variance)
