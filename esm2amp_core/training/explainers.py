"""Training the second models that explain a bundle: AE_RF and AE_DNN, on the pairs of their choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from esm2amp_core.bundles import WEIGHTS
from esm2amp_core.calibration import sigmoid
from esm2amp_core.embed.hardware import choose_device
from esm2amp_core.errors import BundleError, UserError, quoted
from esm2amp_core.evaluation.measures import measure
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates import FOREST, NETWORK, TITLES
from esm2amp_core.surrogates.autoencoder import Autoencoder, pair_rows, sizes_for
from esm2amp_core.surrogates.card import Card
from esm2amp_core.surrogates.network import hidden_for
from esm2amp_core.surrogates.surrogate import ForestSurrogate, NetworkSurrogate, Surrogate, swapped
from esm2amp_core.training import dense, foresting
from esm2amp_core.training.autoencoding import AutoencoderSettings, restored_share, train_autoencoder
from esm2amp_core.training.bundling import product_logits
from esm2amp_core.training.data import LabelledPairs
from esm2amp_core.training.prepare import TRAIN, VALIDATION, Prepared
from esm2amp_core.training.tuning import first_fold

BACKGROUND_PAIRS = 100
"""Training pairs kept with a network, each in both orders: the published 200 samples."""
FOLDS = 5
"""Where there is no validation table, one part in so many of the training pairs takes its place."""
MOST_JUDGED = 20_000
"""Validation pairs at most: enough for an AUROC to within 0.005."""
TARGETS = {
    "labels": "whether a pair interacts, as published",
    "classifier": "whether the classifier calls a pair interacting: nearer to what is to be explained",
}
"""What a second model learns to tell."""
SIZES = {
    FOREST: ("hidden1", "hidden2", "latent", "trees", "leaves"),
    NETWORK: ("hidden1", "hidden2", "latent", "dense1", "dense2"),
}
"""What a person may set of each kind, in place of the sizes that follow from the embedding width."""


@dataclass(frozen=True, kw_only=True)
class ExplainerSettings:
    """Choices of a second model.

    Attributes
    ----------
    kind : str
        Key of `surrogates.TITLES`.
    sizes : mapping of str to int
        Some of `SIZES`.
    max_pairs : int
        Training pairs at most, drawn at random: a forest reads them all at once (published size, 40,000
        pairs in both orders: 1 GB).
    trials : int
        Settings of the forest that are tried; 0 takes the defaults.
    epochs : int
        Of the autoencoder.
    target : str
        A key of `TARGETS`.
    seed : int
    """

    kind: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    max_pairs: int = 40_000
    trials: int = 10
    epochs: int = 20
    target: str = "labels"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in TITLES:
            raise UserError(f"There is no explainer {quoted(self.kind)} to train.",
                            hint=f"Choose {' or '.join(TITLES)}.")
        if self.target not in TARGETS:
            raise UserError(f"There is no target {quoted(self.target)}.",
                            hint=f"Choose {' or '.join(TARGETS)}.")
        if unknown := sorted(set(self.sizes) - set(SIZES[self.kind])):
            raise UserError(f"{self.kind} has no size {quoted(unknown[0])}.",
                            hint=f"Known: {', '.join(SIZES[self.kind])}.")
        if min(self.sizes.values(), default=1) < 1 or self.sizes.get("leaves", 2) < 2:
            raise UserError("Every size is 1 at least, and a tree has two leaves.", hint="Check --size.")


@dataclass(frozen=True)
class Compressed:
    """Pairs to learn from and to judge by, with compressed tokens."""

    train: LabelledPairs
    valid: LabelledPairs

    def rows(self, pairs: LabelledPairs) -> np.ndarray:
        """Numbers of pairs (N, 2T * latent)."""
        return pair_rows(pairs.features.numpy(), pairs.index.numpy())


def train_explainer(
    prepared: Prepared,
    bundle: ModelBundle,
    settings: ExplainerSettings,
    *,
    device: str = "auto",
    facts: Mapping[str, Any] | None = None,
    report: Report = silent,
) -> ForestSurrogate | NetworkSurrogate:
    """Train a second model for a bundle; it is not written yet.

    Parameters
    ----------
    prepared : Prepared
        With features of the bundle's own encoder. Where it has no validation pairs, some of the training
        pairs take their place.
    bundle : ModelBundle
    settings : ExplainerSettings
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``; forests grow on the processor.
    facts : mapping, optional
        More for the card's part on training.
    report : Report

    Raises
    ------
    UserError
    """
    manifest = bundle.manifest
    if prepared.encoder.ref.revision != manifest.encoder.revision:
        raise BundleError(f"The features are not those that {manifest.name} reads.",
                          hint="Train with the encoder of the model itself.")
    if VALIDATION not in prepared.data.parts:
        prepared = first_fold(prepared, FOLDS)
    train = _drawn(prepared.data.pairs(TRAIN, manifest.features), settings.max_pairs, settings.seed)
    valid = _drawn(prepared.data.pairs(VALIDATION, manifest.features), MOST_JUDGED, settings.seed)
    of_autoencoder = AutoencoderSettings(epochs=settings.epochs, seed=settings.seed)
    sizes = sizes_for(manifest.sizes["width"]) | _chosen(settings, "hidden1", "hidden2", "latent")
    autoencoder = train_autoencoder(
        _vectors(train), sizes, of_autoencoder, device=choose_device(device), report=report
    ).cpu()
    latents = torch.from_numpy(autoencoder.encode_tokens(train.features))
    learnt = (train, valid)
    if settings.target == "classifier":
        learnt = tuple(_called(pairs, bundle, report) for pairs in learnt)
    data = Compressed(*(replace(pairs, features=latents) for pairs in learnt))
    card = Card(
        kind=settings.kind, feature_set=manifest.feature_set, sizes=autoencoder.sizes,
        weights=manifest.checksums.get(WEIGHTS, ""), encoder_revision=manifest.encoder.revision,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    make = {FOREST: _forest, NETWORK: _network}[settings.kind]
    surrogate, sizes, learned = make(data, settings, card, autoencoder, choose_device(device), report)
    training = {
        **(facts or {}), "data": prepared.facts, "target": settings.target,
        "n_pairs": len(train), "n_validation_pairs": len(valid),
        "limitations": list(prepared.limitations), "seed": settings.seed,
        "autoencoder": {**asdict(of_autoencoder),
                        "restored_share_of_variance": restored_share(autoencoder, _vectors(valid))},
        **learned,
    }  # fmt: skip
    card = replace(
        card, sizes={**autoencoder.sizes, **sizes}, metrics=_figures(surrogate, bundle, data, valid, report),
        training=json.loads(json.dumps(training, default=str)),
    )  # fmt: skip
    return replace(surrogate, card=card)


def _forest(
    data: Compressed, settings: ExplainerSettings, card: Card, autoencoder: Autoencoder,
    device: torch.device, report: Report,
) -> tuple[ForestSurrogate, dict[str, int], dict[str, Any]]:  # fmt: skip
    rows, labels = data.rows(data.train), _labels(data.train)
    judged, truth = data.rows(data.valid), _labels(data.valid)
    chosen = foresting.ForestSettings(seed=settings.seed, **_chosen(settings, "trees", "leaves"))
    tried: list[dict[str, Any]] = []
    if settings.trials:
        chosen, tried = foresting.search(
            rows, labels,
            lambda forest: foresting.auroc(
                ForestSurrogate(card, autoencoder, forest).symmetric_outputs(judged), truth),
            chosen, settings.trials, report=report,
        )  # fmt: skip
    forest = foresting.grow(rows, labels, chosen, report=report)
    sizes = {"trees": chosen.trees, "leaves": chosen.leaves}
    return ForestSurrogate(card, autoencoder, forest), sizes, {"forest": asdict(chosen), "trials": tried}


def _network(
    data: Compressed, settings: ExplainerSettings, card: Card, autoencoder: Autoencoder,
    device: torch.device, report: Report,
) -> tuple[NetworkSurrogate, dict[str, int], dict[str, Any]]:  # fmt: skip
    judged, truth = data.rows(data.valid), _labels(data.valid)
    some = _drawn(data.train, BACKGROUND_PAIRS, settings.seed)
    rows = data.rows(some)
    background = np.concatenate([rows, swapped(rows)])
    hidden1, hidden2 = hidden_for(rows.shape[1])
    sizes = {"dense1": hidden1, "dense2": hidden2, **_chosen(settings, "dense1", "dense2")}
    chosen = dense.NetworkSettings(hidden1=sizes["dense1"], hidden2=sizes["dense2"], seed=settings.seed)

    def judge(network: Any) -> float:
        logits = NetworkSurrogate(card, autoencoder, network, background).symmetric_outputs(judged)
        return foresting.auroc(sigmoid(logits), truth)

    network, aurocs = dense.train_network(data.train, judge, chosen, device=device, report=report)
    surrogate = NetworkSurrogate(card, autoencoder, network.cpu(), background)
    return surrogate, sizes, {"network": asdict(chosen), "validation_auroc_by_epoch": aurocs}


def _figures(
    surrogate: Surrogate, bundle: ModelBundle, data: Compressed, valid: LabelledPairs, report: Report
) -> dict[str, Any]:
    """How good the second model is, and how far it ranks pairs as the classifier does."""
    said, truth = surrogate.symmetric_outputs(data.rows(data.valid)), _labels(valid)
    probabilities = said if surrogate.card.kind == FOREST else sigmoid(said)
    logits = product_logits(bundle, valid, report=report)
    return {
        "validation": measure(truth, probabilities),
        "auroc_of_target": foresting.auroc(probabilities, _labels(data.valid)),
        "classifier_auroc": foresting.auroc(bundle.probabilities(logits), truth),
        "agreement": float(spearmanr(said, logits).statistic),
        "agreement_is": "rank correlation (Spearman) with the classifier's logits, validation pairs",
    }


def _called(pairs: LabelledPairs, bundle: ModelBundle, report: Report) -> LabelledPairs:
    """The same pairs, labelled with the classifier's calls."""
    probabilities = bundle.probabilities(product_logits(bundle, pairs, report=report))
    calls = torch.from_numpy((probabilities >= bundle.manifest.threshold).astype(np.float32))
    if calls.min() == calls.max():
        raise UserError(f"{bundle.manifest.name} calls all of the pairs alike: there is nothing to learn.",
                        hint="Train the second model on the labels.")
    return replace(pairs, labels=calls)


def _drawn(pairs: LabelledPairs, most: int, seed: int) -> LabelledPairs:
    """At most so many of the pairs, drawn at random."""
    if len(pairs) <= most:
        return pairs
    chosen = np.random.default_rng(seed).choice(len(pairs), most, replace=False)
    return pairs.select(torch.from_numpy(np.sort(chosen)))


def _vectors(pairs: LabelledPairs) -> torch.Tensor:
    """Token vectors (n, D) of the pairs' proteins, each protein once."""
    return pairs.features[pairs.index.unique()].flatten(0, 1)


def _labels(pairs: LabelledPairs) -> np.ndarray:
    return pairs.labels.numpy().astype(np.int64)


def _chosen(settings: ExplainerSettings, *names: str) -> dict[str, int]:
    return {name: settings.sizes[name] for name in names if name in settings.sizes}
