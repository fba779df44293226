"""Subjects to explain: a tiny classifier of every architecture, and one of which the truth is known."""

from typing import NamedTuple

import numpy as np
from tiny_bundle import WIDTH, make_classifier

from esm2amp_core.background import Background
from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.features import FEATURE_SETS, POOLED_TOKENS, ProteinFeatures, pool_protein
from esm2amp_core.models import resolve
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.sequences import STANDARD, Protein

PLANTED = ("segment3", "segment7")
"""The segment of A and the segment of B that matter to a planted classifier."""


class Planted(NamedTuple):
    """A subject, pairs, and the positions of the two tokens that alone matter in each of them."""

    subject: Subject
    pairs: PairFeatures
    tokens: tuple[int, int]


def make_manifest(architecture: str, classifier: Classifier) -> Manifest:
    """The card of a classifier that was never trained."""
    return Manifest(
        name=f"tiny-{architecture}", title=f"Tiny {architecture}", architecture=architecture,
        sizes=classifier.sizes, feature_set=classifier.feature_set,
        encoder=EncoderRef(id="tiny", width=classifier.sizes["width"]),
    )  # fmt: skip


def make_subject(architecture="amps", *, seed=3, background=True, embedder=None) -> Subject:
    """A real classifier with random weights and, unless asked not, a background."""
    classifier = make_classifier(architecture, seed=seed)
    return as_subject(architecture, classifier, background=background, embedder=embedder)


def as_subject(architecture, classifier: Classifier, *, background=True, embedder=None) -> Subject:
    """A subject around any classifier; its background is 30 proteins of random features."""
    manifest = make_manifest(architecture, classifier)
    tokens, width = manifest.features.tokens, manifest.encoder.width
    values = np.random.default_rng(11).normal(0.2, 1, (30, len(tokens), width))
    about = Background.of(tokens, values) if background else None
    return Subject(ModelBundle.in_memory(manifest, classifier), about, embedder)


def make_proteins(count: int, *, seed=5, shortest=10, longest=60) -> list[Protein]:
    """Random proteins of unequal lengths."""
    rng = np.random.default_rng(seed)
    return [Protein(f"P{i}", "".join(rng.choice(sorted(STANDARD), rng.integers(shortest, longest))))
            for i in range(count)]


def make_pairs(subject: Subject, pairs=4, *, seed=5) -> PairFeatures:
    """Pairs in rows 10, 11, ...: the first of a protein with itself, the last two each other's swap.

    Features are those of the subject's embedder, random ones where it has none.
    """
    proteins = make_proteins(pairs + 1, seed=seed)
    chosen = {10 + i: (proteins[i], proteins[2 * i % len(proteins)]) for i in range(pairs)}
    if pairs > 2:
        chosen[9 + pairs] = chosen[8 + pairs][::-1]
    return PairFeatures.of(chosen, _features(subject, proteins, seed), subject.feature_set)


def _features(subject: Subject, proteins: list[Protein], seed: int) -> ProteinFeatures:
    if subject.embedder is not None:
        states = {protein.digest: states for protein, states in subject.embedder.embed(proteins)}
        values = np.stack([pool_protein(states[protein.digest]) for protein in proteins])
    else:
        shape = (len(proteins), len(POOLED_TOKENS), subject.bundle.manifest.encoder.width)
        values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return ProteinFeatures(tuple(protein.digest for protein in proteins), values)


def planted_classifier(architecture="amps", *, width=WIDTH) -> Classifier:
    """A real classifier (``mean``, ``amps`` or ``amp_cse``) that reads nothing but channel 0 of the tokens.

    Its score rises with channel 0. In ``amps`` and ``amp_cse`` every token looks for tokens that have much
    of it and takes it over from them, so that attention shows it too.
    """
    sizes = {"width": width, "hidden1": 4, "hidden2": 4}
    if architecture != "mean":
        sizes |= {"layers": 2, "heads": 2, "feedforward": 4}
    classifier = resolve(architecture)(**sizes).eval().requires_grad_(False)
    for name, parameter in classifier.named_parameters():
        if "norm" not in name:
            parameter.zero_()
    for layer in getattr(getattr(classifier, "transformer_encoder", None), "layers", ()):
        attention = layer.self_attn
        attention.in_proj_bias[[0, width // 2]] = 1.0  # each head's query: channel 0, whatever the token
        attention.in_proj_weight[width, 0] = attention.in_proj_weight[width + width // 2, 0] = 2.0  # its key
        attention.in_proj_weight[2 * width, 0] = 1.0  # the first head's value
        attention.out_proj.weight[0, 0] = 0.1
    first, second, last = (classifier.mlp_layers[i] for i in (0, 2, 4))
    # Two hinges far on the left and near the middle: a score that bends, but never stops rising.
    first.weight[0, 0], first.bias[0] = 8.0, 20.0
    first.weight[1, 0], first.bias[1] = 8.0, -1.0
    second.weight[0, 0] = second.weight[1, 1] = 1.0
    last.weight[0, 0], last.weight[0, 1], last.bias[0] = 1.0, 0.5, -20.0
    return classifier


def planted(architecture="amps", pairs=6, *, amounts=(2, 4), width=WIDTH, seed=7) -> Planted:
    """Pairs in which only A's and B's token of `PLANTED` have anything in the one channel that matters.

    Elsewhere, and in the background, that channel is 0; all other channels are random everywhere. Both
    tokens speak for the interaction in every pair (against it where amounts are below 0), differently much.
    """
    classifier = planted_classifier(architecture, width=width)
    feature_set = FEATURE_SETS[classifier.feature_set]
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.3, (2 * pairs, len(feature_set.tokens), width)).astype(np.float32)
    values[..., 0] = 0
    positions = [feature_set.tokens.index(token) for token in PLANTED]
    for which, position in enumerate(positions):  # the first proteins are A, the others B
        values[which * pairs : (which + 1) * pairs, position, 0] = rng.uniform(*amounts, pairs)
    index = np.arange(2 * pairs).reshape(2, pairs).T
    proteins = tuple(make_proteins(2 * pairs, seed=seed))
    features = PairFeatures(np.arange(pairs), proteins, index, values, feature_set)
    average = np.zeros_like(values)
    average[..., 1:] = rng.normal(0, 0.3, average[..., 1:].shape)
    subject = Subject(ModelBundle.in_memory(make_manifest(architecture, classifier), classifier),
                      Background.of(feature_set.tokens, average))
    return Planted(subject, features, (positions[0], len(feature_set.tokens) + positions[1]))
