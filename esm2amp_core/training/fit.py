"""Training a classifier on pooled features, with AdamW on the logits' cross-entropy.

All random numbers of an epoch follow from the seed and the epoch's number, so that a run which is resumed
goes on exactly as it would have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from esm2amp_core.calibration import sigmoid
from esm2amp_core.errors import UserError
from esm2amp_core.evaluation.measures import log_loss, measure
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.progress import Report, silent
from esm2amp_core.training.arithmetic import autocast, choose_arithmetic
from esm2amp_core.training.checkpoint import load_checkpoint, save_checkpoint
from esm2amp_core.training.data import LabelledPairs

CHUNK_TOKENS = 1_280
"""Tokens of pairs that a processor reads at once. Pieces of a batch need less memory (published size: 2.3 GB
instead of 3.4) and are no slower, because the products are still large enough."""
CURVES = ("auroc", "aupr", "mcc", "accuracy")
"""Validation figures of each epoch."""

Entry = dict[str, float]
Loss = Callable[[Classifier, LabelledPairs, Tensor], Tensor]
"""Called with the classifier, the pairs and the rows (B,) to read; gives their mean loss."""


class Diverged(UserError):
    """The loss of a run became infinite."""


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Choices of one training run.

    Attributes
    ----------
    rate, weight_decay : float
        Of AdamW. Defaults: the published ones of `amps`.
    batch_pairs : int
    epochs : int
        At most; training ends after `patience` epochs without a better validation AUROC.
    averaging : float
        Decay per step of the running average of weights that is validated and kept; 0 for none.
    clip_norm : float
        The gradient is scaled down to this length where it is longer.
    plateau_factor, plateau_patience, min_rate
        The rate is multiplied by the factor when the validation loss has not improved for more than so
        many epochs, down to the smallest rate (ReduceLROnPlateau as published).
    precision : str
        ``auto``, ``float32`` or ``bfloat16``: of the matrix products.
    seed : int
    """

    rate: float = 1.2188e-4
    weight_decay: float = 2.9516e-4
    batch_pairs: int = 256
    epochs: int = 35
    patience: int = 10
    averaging: float = 0.0
    clip_norm: float = 1.0
    plateau_factor: float = 0.1
    plateau_patience: int = 5
    min_rate: float = 1e-8
    precision: str = "auto"
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
    history: list[Entry] = field(default_factory=list)


def cross_entropy(classifier: Classifier, pairs: LabelledPairs, rows: Tensor) -> Tensor:
    """Mean binary cross-entropy of some pairs, in nats."""
    logits = classifier(pairs.tokens(rows)).logits
    return binary_cross_entropy_with_logits(logits.float(), pairs.labels[rows])


def fit(
    classifier: Classifier,
    train: LabelledPairs,
    valid: LabelledPairs,
    settings: FitSettings,
    *,
    report: Callable[[Entry], None] = lambda entry: None,
    progress: Report = silent,
    loss: Loss = cross_entropy,
    checkpoint: Path | None = None,
    facts: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train a classifier in place; it ends with the weights of the best validation AUROC.

    Parameters
    ----------
    classifier : Classifier
        Freshly built, on its device; the caller's seed decided its weights.
    train, valid : LabelledPairs
    settings : FitSettings
    report : callable
        Called with the figures of each epoch, also of those that an earlier run did. May raise to stop.
    progress : Report
        Told of training pairs read.
    loss : callable
        What is minimised.
    checkpoint : Path, optional
        Where the run is kept after each epoch, and taken up again.
    facts : mapping, optional
        Whatever else decides the outcome: a run that differs in it is not taken up.

    Raises
    ------
    Diverged
        If the loss becomes infinite.
    UserError
        If `checkpoint` holds another run.
    """
    device = next(classifier.parameters()).device
    train, valid = train.to(device), valid.to(device)
    run = Run(classifier, settings, choose_arithmetic(settings.precision, device))
    if checkpoint is not None:
        facts = _facts(run, train, valid, facts or {})
        if state := load_checkpoint(checkpoint, facts):
            run.load_state_dict(state)
            for entry in run.result.history:
                report(entry)
    while not run.finished:
        entry = run.next_epoch(train, valid, loss, progress)
        if checkpoint is not None:
            save_checkpoint(checkpoint, facts, run.state_dict())
        report(entry)
    classifier.load_state_dict(run.best_state)
    classifier.eval()
    return run.result


class Run:
    """A training run between two epochs."""

    def __init__(self, classifier: Classifier, settings: FitSettings, arithmetic: torch.dtype) -> None:
        self.classifier, self.settings, self.arithmetic = classifier, settings, arithmetic
        self.device = next(classifier.parameters()).device
        self.optimiser = torch.optim.AdamW(
            classifier.parameters(), lr=settings.rate, weight_decay=settings.weight_decay, fused=True
        )
        self.schedule = ReduceLROnPlateau(
            self.optimiser, factor=settings.plateau_factor, patience=settings.plateau_patience,
            min_lr=settings.min_rate,
        )  # fmt: skip
        self.average = (
            AveragedModel(classifier, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging))
            if settings.averaging else None
        )  # fmt: skip
        self.epoch, self.result = 0, FitResult()
        self.best_state: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """True where no epoch is left, or the last ones brought nothing."""
        waited = self.epoch - self.result.best_epoch
        return self.epoch >= self.settings.epochs or waited >= self.settings.patience

    def next_epoch(self, train: LabelledPairs, valid: LabelledPairs, loss: Loss, progress: Report) -> Entry:
        """Train for one epoch, validate, remember the best weights."""
        torch.manual_seed(derive_seed(self.settings.seed, self.epoch))
        rate = self.optimiser.param_groups[0]["lr"]
        train_loss = self.read_all(train, loss, progress)
        self.epoch += 1
        kept = self.classifier if self.average is None else self.average.module
        logits, labels = score(kept, valid, arithmetic=self.arithmetic), valid.labels.cpu().numpy()
        if not np.isfinite(train_loss) or not np.isfinite(logits).all():
            raise Diverged(f"Training went astray in epoch {self.epoch}: the loss is no longer a number.",
                           hint="Choose a smaller learning rate.")
        figures, valid_loss = measure(labels, sigmoid(logits)), log_loss(labels, logits)
        self.schedule.step(valid_loss)
        if figures["auroc"] > self.result.best.get("auroc", -1.0):
            self.result.best_epoch, self.result.best = self.epoch, figures
            self.best_state = {name: tensor.clone() for name, tensor in kept.state_dict().items()}
        entry = {"epoch": self.epoch, "rate": rate, "train_loss": train_loss, "valid_loss": valid_loss,
                 **{f"valid_{name}": figures[name] for name in CURVES}}
        self.result.history.append(entry)
        return entry

    def read_all(self, train: LabelledPairs, loss: Loss, progress: Report = silent) -> float:
        """Read every training pair once, in random order; the mean loss."""
        self.classifier.train()
        if not self.classifier.is_symmetric:
            train = train.swapped((torch.rand(len(train)) < 0.5).to(self.device))
        chunk = len(train)
        if self.device.type == "cpu":
            chunk = max(1, CHUNK_TOKENS // (2 * train.features.shape[1]))
        before = self.epoch * len(train)
        total, done = torch.zeros((), dtype=torch.float64, device=self.device), 0
        for rows in shuffled_batches(len(train), self.settings.batch_pairs):
            self.optimiser.zero_grad()
            # One context for the whole batch: weights are cast once.
            with autocast(self.arithmetic, self.device):
                for part in rows.to(self.device).split(chunk):
                    value = loss(self.classifier, train, part) * (len(part) / len(rows))
                    value.backward()
                    total += value.detach().double() * len(rows)
            clip_grad_norm_(self.classifier.parameters(), self.settings.clip_norm)
            self.optimiser.step()
            if self.average is not None:
                self.average.update_parameters(self.classifier)
            done += len(rows)
            progress("Training", before + done, self.settings.epochs * len(train))
        return float(total) / len(train)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "epoch": self.epoch, "result": asdict(self.result), "best_state": self.best_state,
            "classifier": self.classifier.state_dict(), "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where `state_dict` stood."""
        self.epoch, self.result = state["epoch"], FitResult(**state["result"])
        self.best_state = {name: tensor.to(self.device) for name, tensor in state["best_state"].items()}
        self.classifier.load_state_dict(state["classifier"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def derive_seed(seed: int, *numbers: int) -> int:
    """A seed for one part of the work, unlike that of any other part."""
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def shuffled_batches(n: int, size: int) -> Iterator[Tensor]:
    """All numbers below `n` in random order, `size` at a time."""
    yield from torch.randperm(n).split(size)


@torch.inference_mode()
def score(
    classifier: Classifier, pairs: LabelledPairs, *, batch_pairs: int = 256,
    arithmetic: torch.dtype = torch.float32,
) -> np.ndarray:
    """Logits of pairs: ndarray, dtype=float64, shape=(N,).

    Where the order of the proteins matters it is the mean of both orders, as `ModelBundle.logits` gives it.
    """
    classifier.eval()
    device = next(classifier.parameters()).device
    orders = [pairs.to(device)]
    if not classifier.is_symmetric:
        orders.append(orders[0].swapped(torch.ones(len(pairs), dtype=torch.bool, device=device)))
    batches = torch.arange(len(pairs), device=device).split(batch_pairs)
    with autocast(arithmetic, device):
        logits = [torch.cat([classifier(order.tokens(rows)).logits.double() for rows in batches])
                  for order in orders]
    return torch.stack(logits).mean(dim=0).cpu().numpy()


def _facts(
    run: Run, train: LabelledPairs, valid: LabelledPairs, others: Mapping[str, Any]
) -> dict[str, Any]:
    """What decides the outcome of a run."""
    weights = hashlib.sha256()
    for tensor in run.classifier.state_dict().values():
        weights.update(tensor.cpu().numpy().tobytes())
    digests = train.digests()
    return {
        **asdict(run.settings), "precision": str(run.arithmetic).removeprefix("torch."),
        **run.classifier.sizes, "architecture": type(run.classifier).__name__,
        "starting weights": weights.hexdigest(), "training pairs": digests["pairs"],
        "validation pairs": valid.digests()["pairs"], "features": digests["features"],
        "device": run.device.type, "torch": str(torch.__version__), **others,
    }  # fmt: skip
