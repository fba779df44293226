"""Training a classifier on pooled features, with AdamW on the logits' cross-entropy.

Pairs are index pairs into one array of protein features; a dense matrix of all pairs never exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from esm2amp_core.models.classifier import Classifier
from esm2amp_core.models.scoring import sigmoid
from esm2amp_core.training.evaluate import log_loss, measure


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of proteins with what is known of them.

    Attributes
    ----------
    features : Tensor, dtype=float32, shape=(P, T, D)
        Tokens of every protein; several sets of pairs may share it.
    index : Tensor, dtype=int64, shape=(N, 2)
        Rows of `features`: the two proteins of each pair.
    labels : Tensor, dtype=float32, shape=(N,)
        1 interacts, 0 does not.
    """

    features: Tensor
    index: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.index.shape != (len(self.labels), 2) or self.features.ndim != 3:
            raise ValueError(f"{len(self.labels)} labels do not fit pairs {tuple(self.index.shape)} "
                             f"of features {tuple(self.features.shape)}.")

    def __len__(self) -> int:
        return len(self.labels)

    def tokens(self, rows: Tensor) -> Tensor:
        """Tokens of A, then of B, for the pairs in `rows` (B,): Tensor, shape=(B, 2T, D)."""
        return self.features[self.index[rows]].flatten(1, 2)


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Choices of one training run.

    Attributes
    ----------
    rate, weight_decay : float
        Of AdamW.
    epochs : int
        At most; training ends after `patience` epochs without a better validation AUROC.
    averaging : float
        Decay per step of the running average of weights that is validated and kept; 0 for none.
    """

    rate: float = 1.2188e-4
    weight_decay: float = 2.9516e-4
    batch_pairs: int = 256
    epochs: int = 35
    patience: int = 8
    averaging: float = 0.0
    seed: int = 0


@dataclass
class FitResult:
    """What a training run led to.

    Attributes
    ----------
    best_epoch : int
        From 1; the classifier has the weights of that epoch.
    best : dict of str to float
        Validation figures of that epoch.
    history : list of dict
        One entry per epoch.
    """

    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    classifier: Classifier, train: LabelledPairs, valid: LabelledPairs, settings: FitSettings, *,
    report: Callable[[dict[str, float]], None] = lambda entry: None,
) -> FitResult:
    """Train a classifier in place; it ends with the weights of the best validation AUROC.

    Parameters
    ----------
    classifier : Classifier
        Freshly built; the caller's seed decided its weights.
    train, valid : LabelledPairs
    settings : FitSettings
    report : callable
        Called with the figures of each epoch.
    """
    torch.manual_seed(settings.seed)
    optimiser = torch.optim.AdamW(
        classifier.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
    )
    average = AveragedModel(classifier, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging))
    kept, result, best_state = average.module if settings.averaging else classifier, FitResult(), {}
    for epoch in range(1, settings.epochs + 1):
        train_loss = train_epoch(classifier, train, optimiser, average, settings)
        logits, labels = score(kept, valid), valid.labels.numpy()
        figures = measure(labels, sigmoid(logits))
        entry = {"epoch": epoch, "train_loss": train_loss, "valid_loss": log_loss(labels, logits),
                 "valid_auroc": figures["auroc"]}
        result.history.append(entry)
        report(entry)
        if figures["auroc"] > result.best.get("auroc", 0.0):
            result.best_epoch, result.best = epoch, figures
            best_state = {name: tensor.clone() for name, tensor in kept.state_dict().items()}
        elif epoch - result.best_epoch >= settings.patience:
            break
    classifier.load_state_dict(best_state)
    classifier.eval()
    return result


def train_epoch(
    classifier: Classifier,
    train: LabelledPairs,
    optimiser: torch.optim.Optimizer,
    average: AveragedModel,
    settings: FitSettings,
) -> float:
    """Read every training pair once, in random order; returns the mean loss in nats."""
    classifier.train()
    total = 0.0
    for rows in shuffled_batches(len(train), settings.batch_pairs):
        with torch.autocast("cpu", torch.bfloat16):
            logits = classifier(train.tokens(rows)).logits
        loss = binary_cross_entropy_with_logits(logits.float(), train.labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if settings.averaging:
            average.update_parameters(classifier)
        total += float(loss.detach()) * len(rows)
    return total / len(train)


def shuffled_batches(n: int, size: int) -> Iterator[Tensor]:
    """All numbers below `n` in random order, `size` at a time."""
    yield from torch.randperm(n).split(size)


@torch.inference_mode()
def score(classifier: Classifier, pairs: LabelledPairs, *, batch_pairs: int = 1024) -> np.ndarray:
    """Logits in float32 arithmetic: ndarray, dtype=float64, shape=(N,)."""
    classifier.eval()
    batches = torch.arange(len(pairs)).split(batch_pairs)
    return torch.cat([classifier(pairs.tokens(rows)).logits for rows in batches]).double().numpy()
