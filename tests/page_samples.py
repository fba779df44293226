"""A model small enough to make in a moment, under the name that the pages expect."""

from pathlib import Path

import torch
from tiny import make_encoder

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.bundle import save_bundle

WIDTH = 16


def make_starter(models: Path, encoder: Path) -> Path:
    """Save a bundle called ``starter`` with random weights in the folder `models`."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        classifier = Amps(width=WIDTH, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8).eval()
    manifest = Manifest(
        name="starter",
        title="Starter",
        summary="A tiny model with random weights.",
        architecture="amps",
        sizes=classifier.sizes,
        feature_set="segments",
        encoder=EncoderRef(id="tiny", width=WIDTH),
        metrics={
            "test": {"auroc": 0.6125, "n_pairs": 52048},
            "for_comparison_on_test": {"a coin": {"auroc": 0.5}},
        },
        limitations=("Knows nothing: <b>random</b> weights.",),
        licence="CC0",
        citation="Nobody 2026",
    )
    save_bundle(
        models / "starter",
        manifest,
        classifier,
        encoder_folder=make_encoder(encoder, width=WIDTH),
        selfcheck={"tolerance": 1e-3, "cases": []},
    )
    return models
