"""Small classifiers of every architecture, and features for them to read."""

import numpy as np
import pytest
import torch

from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.pair_scorer import PairScorer

torch.set_num_threads(1)  # matrices this small are slower on several threads
WIDTH, PAIRS = 32, 7
TRANSFORMER = {"width": WIDTH, "layers": 2, "heads": 8, "feedforward": 24, "hidden1": 12, "hidden2": 6}
SMALL = {
    "amps": TRANSFORMER,
    "amp_cse": TRANSFORMER,
    "gru": {"width": WIDTH, "layers": 3, "hidden1": 12, "hidden2": 6},
    "mean": {"width": WIDTH, "hidden1": 12, "hidden2": 6},
    "dpm": {"width": WIDTH, "hidden1": 20, "hidden2": 12, "hidden3": 6},
    "siamese": {"width": WIDTH, "readout": 16, "hidden1": 12, "embedding": 10, "hidden2": 6},
}
SETS = ["amps", "amp_cse", "mean"]
"""Those to which every order of the tokens is the same."""
SYMMETRIC = [*SETS, "siamese"]
ATTENTIVE = ["amps", "amp_cse"]
ORDERED = ["gru", "dpm"]
every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


def build(name, *, dtype=torch.float32, seed=0, **options):
    torch.manual_seed(seed)
    classifier = resolve(name)(**SMALL[name], **options)
    for parameter in classifier.parameters():  # what starts at zero would hide mistakes
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return classifier.to(dtype).eval()


def tokens_for(classifier, pairs=PAIRS, seed=1):
    generator = torch.Generator().manual_seed(seed)
    n_tokens = 2 * len(FEATURE_SETS[classifier.feature_set].tokens)
    dtype = next(classifier.parameters()).dtype
    return torch.randn(pairs, n_tokens, classifier.sizes["width"], generator=generator, dtype=dtype)


def proteins_for(classifier, pairs=PAIRS, seed=2):
    """Features of both proteins of each pair, ndarray (N, T, D) twice."""
    tokens = tokens_for(classifier, pairs, seed).unflatten(1, (2, -1)).numpy()
    return tokens[:, 0].copy(), tokens[:, 1].copy()


def score_pairs(classifier, a, b):
    """Logits of both orders of each pair, ndarray (2, N); the contents decide which is the first."""
    rows = np.arange(len(a))
    scorer = PairScorer(classifier, np.concatenate([a, b]), lambda logits: 1 / (1 + np.exp(-logits)))
    return scorer.in_both_orders(rows, len(a) + rows)
