"""From a trained classifier to a bundle: calibration, figures, what it knows of its training, self-check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from esm2amp_core.background import Background
from esm2amp_core.bundles import (
    ARCHITECTURE_TITLES,
    BACKGROUND,
    TRAINING_CURVES,
    TRAINING_PROTEINS,
    Manifest,
)
from esm2amp_core.calibration import fit_calibration
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.hardware import choose_device
from esm2amp_core.errors import BundleError, UserError
from esm2amp_core.evaluation.measures import log_loss, measure
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent
from esm2amp_core.reference import TrainingReference
from esm2amp_core.selfcheck import make_self_check
from esm2amp_core.training.data import LabelledPairs
from esm2amp_core.training.fit import Entry, FitResult, fit
from esm2amp_core.training.prepare import TRAIN, VALIDATION, Encoder, Prepared
from esm2amp_core.training.recipe import Recipe

THRESHOLD = 0.5
"""With calibrated probabilities this is where yes becomes likelier than no. It is not tuned on the validation
pairs: that would only move it by their noise."""
EXTRAS = (TRAINING_CURVES, TRAINING_PROTEINS, BACKGROUND)
"""Files of a bundle beside those that every bundle has."""
SCORING_STAGE, _SCORED_AT_ONCE = "Scoring validation pairs", 1024


def train_bundle(
    prepared: Prepared,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    checkpoint: Path | None = None,
    title: str = "",
    facts: Mapping[str, Any] | None = None,
    on_epoch: Callable[[Entry], None] = lambda entry: None,
    report: Report = silent,
) -> Manifest:
    """Train a classifier and write it as a bundle.

    Parameters
    ----------
    prepared : Prepared
        With validation pairs.
    recipe : Recipe
    folder : Path
        The new bundle.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    checkpoint : Path, optional
        Where the run is kept after each epoch; a run found there goes on. Removed at the end.
    title : str
    facts : mapping, optional
        More for the card's part on training.
    on_epoch : callable
        As `report` of `fit`.
    report : Report

    Raises
    ------
    UserError
    """
    check_new(folder)
    classifier = recipe.build(prepared.encoder.ref.width).to(choose_device(device))
    feature_set = FEATURE_SETS[classifier.feature_set]
    train, valid = (prepared.data.pairs(part, feature_set) for part in (TRAIN, VALIDATION))
    result = fit(
        classifier, train, valid, recipe.settings, report=on_epoch, progress=report, checkpoint=checkpoint,
        facts={"encoder": prepared.encoder.ref.revision, "dropout": str(recipe.dropout)},
    )  # fmt: skip
    manifest = write_bundle(
        folder, classifier, prepared, recipe, result, title=title, facts=facts, report=report
    )
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return manifest


def check_new(folder: Path) -> None:
    """Refuse, before the work, a bundle that could not be written after it.

    Raises
    ------
    UserError
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already.", hint="Remove it or name another folder.")
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.",
                        hint="Name another folder.") from None


def write_bundle(
    folder: Path, classifier: Classifier, prepared: Prepared, recipe: Recipe, result: FitResult, *,
    title: str = "", facts: Mapping[str, Any] | None = None, report: Report = silent,
) -> Manifest:
    """Calibrate and measure a trained classifier on the validation pairs, and write the bundle."""
    data, encoder = prepared.data, prepared.encoder
    name = folder.name
    manifest = Manifest(
        name=name, title=title or f"{name} ({recipe.architecture}, trained here)",
        summary=f"{ARCHITECTURE_TITLES.get(recipe.architecture, recipe.architecture)}. Trained on "
                f"{len(data.parts[TRAIN]):,} pairs.",
        architecture=recipe.architecture, sizes=classifier.sizes, feature_set=classifier.feature_set,
        encoder=encoder.ref, threshold=THRESHOLD, limitations=prepared.limitations,
        licence="Not stated: it depends on the training data.",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    bundle = ModelBundle.in_memory(manifest, classifier)
    valid = data.pairs(VALIDATION, manifest.features)
    labels, logits = valid.labels.numpy().astype(int), product_logits(bundle, valid, report=report)
    calibration = fit_calibration(labels, logits, valid.index.numpy())
    probabilities = calibration.probabilities(logits)
    measured_on = f"{len(labels):,} validation pairs"
    curve = OperatingCurve.from_scores(labels, probabilities, measured_on)
    manifest = replace(
        manifest, calibrator=calibration.to_dict(), operating_curve=curve.to_dict(),
        calibration=f"{calibration} Pairs from {THRESHOLD} on are called interacting: there, yes becomes "
                    f"likelier than no where {curve.prevalence:.0%} of the pairs interact, as in validation.",
        training=describe_training(prepared, recipe, result, facts or {}),
        metrics={VALIDATION: {**measure(labels, probabilities, threshold=THRESHOLD),
                              "log_loss": log_loss(labels, np.log(probabilities / (1 - probabilities)))}},
    )  # fmt: skip
    extras = {
        TRAINING_CURVES: pd.DataFrame(result.history).to_csv(index=False, lineterminator="\n").encode(),
        BACKGROUND: background_of(data.pairs(TRAIN, manifest.features), manifest).to_bytes(),
        TRAINING_PROTEINS: TrainingReference.of(data.proteins_of(TRAIN)).to_bytes(),
    }
    predictor = Predictor(ModelBundle.in_memory(manifest, classifier.cpu()), plain_embedder(encoder))
    return save_bundle(folder, manifest, classifier, encoder_folder=encoder.copied,
                       selfcheck=make_self_check(predictor), extras=extras)


def background_of(train: LabelledPairs, manifest: Manifest) -> Background:
    """What the classifier sees of its training proteins."""
    proteins = train.features[train.index.unique()]  # (P, T, D)
    return Background.of(manifest.features.tokens, proteins.numpy())


def product_logits(bundle: ModelBundle, pairs: LabelledPairs, *, report: Report = silent) -> np.ndarray:
    """Logits exactly as the product gives them (`ModelBundle.logits`): ndarray, dtype=float64, shape=(N,)."""
    features, logits = pairs.features.numpy(), np.empty(len(pairs))
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        report(SCORING_STAGE, start, len(pairs))
        rows = slice(start, start + _SCORED_AT_ONCE)
        a, b = (np.ascontiguousarray(features[side]) for side in pairs.index[rows].numpy().T)
        logits[rows], _ = bundle.logits(a, b)
    report(SCORING_STAGE, len(pairs), len(pairs))
    return logits


def plain_embedder(encoder: Encoder) -> Esm2Embedder:
    """The encoder as self-checks need it: in float32 on the processor."""
    if (encoder.embedder.device, encoder.embedder.precision) == ("cpu", "float32"):
        return encoder.embedder
    return Esm2Embedder.load(encoder.source, device="cpu", precision="float32",
                             max_residues=encoder.embedder.max_residues)


def describe_training(
    prepared: Prepared, recipe: Recipe, result: FitResult, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """How the bundle came to be, in plain values."""
    described = {
        **facts, "data": prepared.facts, "classifier": recipe.facts(), "n_epochs": len(result.history),
        "best_epoch": result.best_epoch, "threads": torch.get_num_threads(),
        "features": {"precision": prepared.encoder.embedder.precision, "encoder": prepared.encoder.ref.id},
        "choice": "The epoch with the best validation AUROC; calibration on the same validation pairs.",
    }  # fmt: skip
    return json.loads(json.dumps(described, default=str))
