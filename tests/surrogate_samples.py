"""Second models that are trained in milliseconds, beside a tiny bundle."""

from pathlib import Path

import numpy as np
import torch
from explain_samples import as_subject, make_pairs, make_proteins
from tiny_bundle import WIDTH, make_classifier

from esm2amp_core.bundles import WEIGHTS
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.surrogates.autoencoder import Autoencoder, pair_rows, sizes_for
from esm2amp_core.surrogates.card import Card
from esm2amp_core.surrogates.network import DenseNetwork
from esm2amp_core.surrogates.surrogate import ForestSurrogate, NetworkSurrogate, save_surrogate, swapped
from esm2amp_core.training.foresting import ForestSettings, grow

SEGMENTS = FEATURE_SETS["segments"]
LATENT = sizes_for(WIDTH)["latent"]
N_INPUTS = 20 * LATENT


def saved_subject(folder: Path, architecture: str = "amps") -> Subject:
    """A tiny subject whose bundle lies on disk."""
    subject = as_subject(architecture, make_classifier(architecture))
    save_bundle(folder, subject.bundle.manifest, subject.bundle.classifier, selfcheck={})
    return Subject(ModelBundle.load(folder), subject.background)


def make_autoencoder(*, seed: int = 0) -> Autoencoder:
    """Random weights, whose batch norm has seen something."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        autoencoder = Autoencoder(**sizes_for(WIDTH)).normalise()
        for _ in range(5):
            autoencoder(torch.randn(64, WIDTH))
    return autoencoder.plain()


def make_card(kind: str, bundle: ModelBundle) -> Card:
    return Card(kind=kind, feature_set="segments", sizes=sizes_for(WIDTH),
                weights=bundle.manifest.checksums.get(WEIGHTS, ""),
                encoder_revision=bundle.manifest.encoder.revision)  # fmt: skip


def training_rows(n: int = 300, *, seed: int = 2, n_inputs: int = N_INPUTS) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers of pairs, and labels that the first number of A's and of B's first token decide."""
    rows = np.random.default_rng(seed).normal(size=(n, n_inputs)).astype(np.float32)
    return rows, (rows[:, 0] + rows[:, n_inputs // 2] > 0).astype(np.int64)


def add_forest(subject: Subject, *, trees: int = 5, leaves: int = 8) -> ForestSurrogate:
    """A forest beside the subject's bundle."""
    rows, labels = training_rows()
    forest = grow(rows, labels, ForestSettings(trees=trees, leaves=leaves, samples_leaf=2, features=0.5))
    surrogate = ForestSurrogate(make_card("ae_rf", subject.bundle), make_autoencoder(), forest)
    save_surrogate(surrogate, subject.bundle.folder)
    return surrogate


def add_network(subject: Subject) -> NetworkSurrogate:
    """A network with random weights beside the subject's bundle."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = DenseNetwork(N_INPUTS, 12, 6).eval().requires_grad_(False)
    rows, _ = training_rows(8)
    surrogate = NetworkSurrogate(make_card("ae_dnn", subject.bundle), make_autoencoder(), network,
                                 np.concatenate([rows, swapped(rows)]))
    save_surrogate(surrogate, subject.bundle.folder)
    return surrogate


def rows_of(surrogate: ForestSurrogate | NetworkSurrogate, pairs: PairFeatures) -> np.ndarray:
    """What a second model reads of pairs."""
    return pair_rows(surrogate.autoencoder.encode_tokens(pairs.values), pairs.index)


__all__ = ["add_forest", "add_network", "make_autoencoder", "make_pairs", "make_proteins", "rows_of",
           "saved_subject", "training_rows"]
