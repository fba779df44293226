"""Bundles with random weights, one per architecture: shapes, files and code are real."""

from pathlib import Path

import torch

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.models import resolve
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.models.classifier import Classifier

WIDTH = 16
SIZES = {
    "amps": {"layers": 2, "heads": 8, "feedforward": 32, "hidden1": 16, "hidden2": 8},
    "amp_cse": {"layers": 2, "heads": 8, "feedforward": 32, "hidden1": 16, "hidden2": 8},
    "gru": {"layers": 2, "hidden1": 16, "hidden2": 8},
    "mean": {"hidden1": 16, "hidden2": 8},
    "dpm": {"hidden1": 32, "hidden2": 16, "hidden3": 8},
    "siamese": {"readout": 16, "hidden1": 16, "embedding": 8, "hidden2": 8},
}


def make_classifier(architecture: str, *, seed: int = 3) -> Classifier:
    """A classifier with random weights; its head is scaled up so that probabilities spread."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = resolve(architecture)(width=WIDTH, **SIZES[architecture]).eval()
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.mul_(1.5)
    return classifier.requires_grad_(False)


def make_bundle(folder: Path, encoder: Path, architecture: str = "amps", extras=None, **manifest) -> Path:
    """Save a bundle named after its folder, with the encoder inside and a true self-check."""
    from esm2amp_core.embed.esm2 import Esm2Embedder
    from esm2amp_core.predictor import Predictor
    from esm2amp_core.selfcheck import make_self_check

    classifier = make_classifier(architecture)
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32")
    card = Manifest(
        name=folder.name,
        title=f"Tiny {architecture}",
        architecture=architecture,
        sizes=classifier.sizes,
        feature_set=classifier.feature_set,
        encoder=EncoderRef(id="tiny", width=WIDTH, revision=embedder.revision),
        **manifest,
    )
    predictor = Predictor(ModelBundle.in_memory(card, classifier), embedder)
    save_bundle(folder, card, classifier, encoder_folder=encoder, selfcheck=make_self_check(predictor),
                extras=extras)
    return folder
