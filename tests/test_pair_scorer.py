"""Proteins held in memory, their pairs scored by index: as if each pair had been scored alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from bundle_samples import manifest_for
from model_samples import ATTENTIVE, build, every_architecture

from esm2amp_core.bundles import EncoderRef
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.models.pair_transformer import _Map

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


@pytest.mark.parametrize("name", ATTENTIVE)
def test_bfloat16_moves_no_probability_by_more_than_a_hundredth(name):
    bundle, features = bundle_and_features(name)
    exact, rounded = (bundle.scorer(features, precision=precision) for precision in ("float32", "bfloat16"))
    assert (exact.precision, rounded.precision) == ("float32", "bfloat16")
    probabilities = [bundle.probabilities(scorer.score(*some_pairs())[0]) for scorer in (exact, rounded)]
    np.testing.assert_allclose(*probabilities, atol=1e-2)
    assert np.abs(probabilities[0] - probabilities[1]).max() > 0


def test_what_rounding_took_is_given_back(monkeypatch):
    torch.manual_seed(0)
    classifier = Amps(width=256, feedforward=512, hidden1=64, hidden2=32).eval().requires_grad_(False)
    encoder = EncoderRef(id="any", width=256)
    manifest = replace(manifest_for("amps"), sizes=classifier.sizes, encoder=encoder)
    bundle = ModelBundle.in_memory(manifest, classifier)
    draw = np.random.default_rng(0)  # as pooled states are: all tokens have something in common
    features = sum(draw.normal(size=shape) for shape in ((256,), (40, 1, 256), (40, 10, 256)))
    features, (first, second) = (0.3 * features).astype(np.float32), draw.integers(0, 40, (2, 192))

    def shifts():
        exact, rounded = (bundle.scorer(features, precision=name).score(first, second)[0]
                          for name in ("float32", "bfloat16"))  # fmt: skip
        return np.abs(bundle.probabilities(rounded) - bundle.probabilities(exact))

    corrected = shifts()
    given_back = _Map.lost
    monkeypatch.setattr(
        _Map, "lost", lambda self, means: None if means is None else 0 * given_back(self, means)
    )
    assert corrected.max() < 1e-3
    assert corrected.mean() < 0.7 * shifts().mean()


def test_what_is_kept_of_proteins_has_a_limit_and_changes_no_score(monkeypatch):
    bundle, features = bundle_and_features("amps")
    keeping, forgetting = bundle.scorer(features), bundle.scorer(features)
    kept = keeping.score(*some_pairs())[0]
    monkeypatch.setattr("esm2amp_core.models.pair_scorer.MAX_KNOWN_BYTES", 1)
    np.testing.assert_allclose(forgetting.score(*some_pairs())[0], kept, atol=1e-6)


@every_architecture
def test_each_protein_is_worked_on_once(name):
    bundle, features = bundle_and_features(name)
    scorer = bundle.scorer(features)
    found = scorer.score(*some_pairs())[0]
    if scorer._pairwise.per_protein is None:
        return
    refuse = replace(scorer._pairwise, per_protein=lambda tokens: pytest.fail("again"))
    scorer._pairwise = refuse
    np.testing.assert_array_equal(scorer.score(*some_pairs())[0], found)
