"""Training the dense network of AE_DNN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates.network import DenseNetwork
from esm2amp_core.training.data import LabelledPairs
from esm2amp_core.training.fit import Diverged, derive_seed, shuffled_batches

STAGE = "Training the network"


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Choices of a network's training.

    Attributes
    ----------
    hidden1, hidden2 : int
    rate, weight_decay : float
        Of AdamW.
    batch_pairs : int
    epochs, patience : int
        Training ends after so many epochs, or after `patience` without a better judgement.
    seed : int
    """

    hidden1: int
    hidden2: int
    rate: float = 3e-4
    weight_decay: float = 0.05
    batch_pairs: int = 256
    epochs: int = 15
    patience: int = 3
    seed: int = 0


def train_network(
    pairs: LabelledPairs,
    judge: Callable[[DenseNetwork], float],
    settings: NetworkSettings,
    *,
    device: torch.device | None = None,
    report: Report = silent,
) -> tuple[DenseNetwork, list[float]]:
    """The network of the epoch that `judge` likes best, and what it thought of each.

    Parameters
    ----------
    pairs : LabelledPairs
        Their features are compressed tokens (P, T, latent). In every epoch each pair is read in one of its
        two orders, drawn anew.
    judge : callable
    settings : NetworkSettings
    device : torch.device, optional
    report : Report

    Raises
    ------
    Diverged
        If the loss becomes infinite.
    """
    device = device or torch.device("cpu")
    pairs = pairs.to(device)
    _, T, latent = pairs.features.shape
    judged: list[float] = []
    best: dict[str, torch.Tensor] = {}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(settings.seed, 1))
        network = DenseNetwork(2 * T * latent, settings.hidden1, settings.hidden2).to(device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate,
                                      weight_decay=settings.weight_decay, fused=True)
        while len(judged) < settings.epochs and len(judged) - _best(judged) <= settings.patience:
            report(STAGE, len(judged), settings.epochs)
            network.train()
            epoch = pairs.swapped((torch.rand(len(pairs)) < 0.5).to(device))
            for rows in shuffled_batches(len(pairs), settings.batch_pairs):
                rows = rows.to(device)
                optimiser.zero_grad()
                logits = network(epoch.tokens(rows).flatten(1)).squeeze(-1)
                loss = binary_cross_entropy_with_logits(logits, epoch.labels[rows])
                loss.backward()
                optimiser.step()
            if not torch.isfinite(loss):
                raise Diverged("Training the network went astray: the loss is no longer a number.",
                               hint="Check the features of the training proteins.")
            network.eval()
            judged.append(judge(network))
            if _best(judged) == len(judged):
                best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    report(STAGE, settings.epochs, settings.epochs)
    network.load_state_dict(best)
    return network.eval().requires_grad_(False), judged


def _best(judged: list[float]) -> int:
    """Number of the best epoch, from 1."""
    return int(np.argmax(judged)) + 1 if judged else 0
