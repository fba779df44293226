"""Proteins held in memory, their pairs scored by index: as if each pair had been scored alone."""

import numpy as np
import pytest
import torch
from model_samples import build, every_architecture
from test_bundle import manifest_for

from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.bundle import ModelBundle

N_PROTEINS, N_PAIRS = 23, 150


def bundle_and_features(name, seed=4):
    bundle = ModelBundle.in_memory(manifest_for(name), build(name))
    n_tokens = len(FEATURE_SETS[bundle.classifier.feature_set].tokens)
    shape = (N_PROTEINS, n_tokens, bundle.classifier.sizes["width"])
    return bundle, np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def some_pairs(n_proteins=N_PROTEINS, n_pairs=N_PAIRS, seed=5):
    return np.random.default_rng(seed).integers(0, n_proteins, (2, n_pairs))


@every_architecture
def test_scores_are_those_of_the_plain_forward_pass(name):
    bundle, features = bundle_and_features(name)
    first, second = some_pairs()
    logits, _ = bundle.scorer(features).score(first, second)
    tokens = torch.from_numpy(features)
    with torch.inference_mode():
        there, back = (bundle.classifier(torch.cat([tokens[a], tokens[b]], dim=1)).logits.numpy()
                       for a, b in ((first, second), (second, first)))
    np.testing.assert_allclose(logits, (there + back) / 2, atol=1e-5)


@every_architecture
def test_a_score_does_not_depend_on_order_batch_or_other_proteins(name):
    bundle, features = bundle_and_features(name)
    first, second = some_pairs()
    scorer = bundle.scorer(features)
    logits, difference = scorer.score(first, second)
    for found, expected in zip(scorer.score(second, first), (logits, difference), strict=True):
        np.testing.assert_array_equal(found, expected)
    for pair in (0, 70, N_PAIRS - 1):
        a, b = first[pair], second[pair]
        assert scorer.score([a], [b])[0] == logits[pair]
        assert bundle.scorer(features[[b, a]]).score([1], [0])[0] == logits[pair]


def test_rows_that_are_not_there_are_refused():
    bundle, features = bundle_and_features("mean")
    scorer = bundle.scorer(features)
    for rows in ([-1], [N_PROTEINS]):
        with pytest.raises(IndexError, match="0 to 22"):
            scorer.score(rows, [0])
    with pytest.raises(ValueError, match="make no pairs"):
        scorer.score([0, 1], [0])
    assert len(scorer) == N_PROTEINS
    assert [len(part) for part in scorer.score([], [])] == [0, 0]
