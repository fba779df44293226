"""A quick first phase of training `amps`: everything but attention.

With the attention's output weights at zero, a layer treats each token by itself, so a protein's tokens are
computed once per batch and not once per pair. The second phase (`fit`) then trains all weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, dropout

from esm2amp_core.models.amp import Amps
from esm2amp_core.training.fit import LabelledPairs, shuffled_batches


@dataclass(frozen=True, kw_only=True)
class WarmStartSettings:
    """Choices of the first phase.

    Attributes
    ----------
    rate, weight_decay : float
        Of AdamW.
    dropout : float
        On the mean token of a pair.
    kept_tokens : int
        Tokens per protein that a step reads, drawn anew each time.
    """

    rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.2
    kept_tokens: int = 4
    batch_pairs: int = 2048
    epochs: int = 10
    seed: int = 0


def warm_start(
    classifier: Amps, train: LabelledPairs, valid: LabelledPairs, settings: WarmStartSettings, *,
    report: Callable[[dict[str, float]], None] = lambda entry: None,
) -> None:
    """Train in place all weights but those of attention; keeps the epoch of the best validation AUROC.

    Parameters
    ----------
    classifier : Amps
        Its attention's output weights are set to zero.
    train, valid : LabelledPairs
    """
    torch.manual_seed(settings.seed)
    layers = classifier.transformer_encoder.layers
    for layer in layers:
        nn.init.zeros_(layer.self_attn.out_proj.weight)
    trained = [parameter for name, parameter in classifier.named_parameters()
               if "self_attn" not in name and "norm1" not in name]
    optimiser = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=settings.weight_decay)
    best, best_state = 0.0, {}
    for epoch in range(1, settings.epochs + 1):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * (1 - (epoch - 1) / settings.epochs)
        loss = warm_epoch(classifier, train, optimiser, settings)
        auroc = float(roc_auc_score(valid.labels.numpy(), warm_score(classifier, valid)))
        report({"epoch": epoch, "train_loss": loss, "valid_auroc": auroc})
        if auroc > best:
            best, best_state = auroc, {k: v.clone() for k, v in classifier.state_dict().items()}
    classifier.load_state_dict(best_state)


def warm_epoch(
    classifier: Amps, train: LabelledPairs, optimiser: torch.optim.Optimizer, settings: WarmStartSettings
) -> float:
    """Read every training pair once; returns the mean loss in nats."""
    classifier.train()
    total = 0.0
    for rows in shuffled_batches(len(train), settings.batch_pairs):
        proteins, local = train.index[rows].unique(return_inverse=True)     # (P,), (B, 2)
        kept = torch.randperm(train.features.shape[1])[: settings.kept_tokens]
        with torch.autocast("cpu", torch.bfloat16):
            means = mean_tokens(classifier, train.features[proteins][:, kept])          # (P, D)
            pairs = dropout(means[local].mean(dim=1), settings.dropout)                 # (B, D)
            logits = classifier.mlp_layers(pairs).squeeze(-1)
        loss = binary_cross_entropy_with_logits(logits.float(), train.labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(loss.detach()) * len(rows)
    return total / len(train)


def mean_tokens(classifier: Amps, tokens: Tensor) -> Tensor:
    """Each protein's mean token after layers without attention: (P, T, D) -> (P, D)."""
    for layer in classifier.transformer_encoder.layers:
        hidden = torch.relu(layer.linear1(layer.norm2(tokens)))
        tokens = tokens + layer.linear2(hidden)
    return tokens.mean(dim=1)


@torch.inference_mode()
def warm_score(classifier: Amps, pairs: LabelledPairs) -> np.ndarray:
    """Logits of a classifier whose attention adds nothing: ndarray, dtype=float32, shape=(N,)."""
    classifier.eval()
    proteins, local = pairs.index.unique(return_inverse=True)
    means = mean_tokens(classifier, pairs.features[proteins])
    return classifier.mlp_layers(means[local].mean(dim=1)).squeeze(-1).numpy()
