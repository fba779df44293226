"""Attention: weights of the ordinary forward pass, against torch's own modules, and what follows."""

import numpy as np
import pytest
import torch
from explain_samples import make_pairs, make_subject, planted
from model_samples import ATTENTIVE
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from esm2amp_core.explain.attention import Attention, rollout
from esm2amp_core.models import ARCHITECTURES

every_attentive = pytest.mark.parametrize("name", ATTENTIVE)


def torchs_weights(subject, tokens):
    """Attention (N, layers, heads, 2T, 2T) and logits (N,) by torch's modules on the same weights."""
    classifier, sizes = subject.bundle.classifier, subject.bundle.manifest.sizes
    weights = []
    for ours in classifier.transformer_encoder.layers:
        layer = nn.TransformerEncoderLayer(sizes["width"], sizes["heads"], sizes["feedforward"],
                                           batch_first=True, norm_first=True).eval()  # fmt: skip
        layer.load_state_dict(ours.state_dict(), strict=True)
        normed = layer.norm1(tokens)
        weights.append(layer.self_attn(normed, normed, normed, average_attn_weights=False)[1])
        tokens = layer(tokens)
    head = nn.Sequential(*classifier.mlp_layers)
    return torch.stack(weights, dim=1).detach().numpy(), head(tokens.mean(dim=1)).detach().numpy()[:, 0]


@every_attentive
def test_weights_and_logits_are_those_of_torchs_own_layers(name):
    subject = make_subject(name)
    pairs = make_pairs(subject)
    weights, logits = torchs_weights(subject, pairs.tokens())
    found = Attention(subject).explain(pairs)
    assert_allclose(found.values, weights, atol=1e-6)
    a, b = pairs.values[pairs.index[:, 0]], pairs.values[pairs.index[:, 1]]
    assert_allclose(subject.bundle.logits(a, b)[0], logits, atol=1e-5)
    with torch.inference_mode():
        assert_allclose(subject.logits(pairs.tokens()), logits, atol=1e-5)


@every_attentive
def test_the_axes_name_layers_heads_and_tokens_as_the_method_orders_them(name):
    subject = make_subject(name)
    pairs = make_pairs(subject)
    found = Attention(subject).explain(pairs)
    names, labels = [axis.name for axis in found.axes], [axis.labels for axis in found.axes]
    assert names == ["pairs", "layers", "heads", "tokens", "tokens"]
    assert labels[:3] == [(10, 11, 12, 13), (1, 2), tuple(range(1, 9))]
    segments = [f"segment{i}" for i in range(10)]
    protein = ["cls", "eos", *segments] if name == "amp_cse" else segments  # not cls, segments, eos
    assert labels[3] == labels[4] == (*(f"A.{t}" for t in protein), *(f"B.{t}" for t in protein))


@every_attentive
def test_a_label_stands_on_the_token_it_names(name):
    """Take one token's vector to zero: its row of the first layer becomes that of a token of zeros."""
    subject = make_subject(name)
    pairs = make_pairs(subject, 1)
    layer = subject.bundle.classifier.transformer_encoder.layers[0]
    for token in ("A.segment0", "B.segment9", subject.token_names[1]):
        position = subject.token_names.index(token)
        values = pairs.values.copy()
        values[pairs.index[0, position // (len(subject.token_names) // 2)]][
            subject.feature_set.tokens.index(token.partition(".")[2])] = 0
        changed = type(pairs)(pairs.rows, pairs.proteins, pairs.index, values, pairs.feature_set)
        found = Attention(subject).explain(changed).values[0, 0]
        with torch.no_grad():
            expected = layer.self_attn(layer.norm1(changed.tokens()))[1][0, :, position]
            assert not changed.tokens()[0, position].any()
        assert_allclose(found[:, position], expected, atol=1e-6)


@every_attentive
def test_rows_sum_to_one_and_so_does_what_all_tokens_receive(name):
    found = Attention(make_subject(name)).explain(make_pairs(make_subject(name)))
    assert_allclose(found.values.sum(axis=-1), 1, atol=1e-6)
    assert (found.checks["row_sum_error"] < 1e-6).all()
    assert_allclose(found.value.sum(axis=1), 1, atol=1e-6)
    assert_allclose(found.arrays["rollout"].sum(axis=-1), 1, atol=1e-6)
    assert_array_equal(found.value, found.magnitude)
    assert found.base_values is found.outputs is None


def test_importance_is_the_weight_received_from_all_tokens_in_all_heads_and_layers():
    found = Attention(make_subject()).explain(make_pairs(make_subject()))
    N, layers, heads, n_tokens, _ = found.values.shape
    received = np.zeros((N, n_tokens))
    for layer in range(layers):
        for head in range(heads):
            for query in range(n_tokens):
                received += found.values[:, layer, head, query]
    assert_allclose(found.value, received / (layers * heads * n_tokens), atol=1e-6)


def test_rollout_follows_every_way_through_the_layers():
    """Layer by layer, a token is half itself and half what it attends to: summed over all ways, by hand."""
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 3, 4, 3))  # 2 pairs, 3 layers, 4 heads
    mixed = weights.mean(axis=2) / 2 + np.eye(3) / 2
    for pair in range(2):
        for end in range(3):
            for start in range(3):
                ways = sum(mixed[pair, 2, end, second] * mixed[pair, 1, second, first]
                           * mixed[pair, 0, first, start]
                           for first in range(3) for second in range(3))  # fmt: skip
                assert rollout(weights)[pair, end, start] == pytest.approx(ways, rel=1e-6)


def test_without_attention_to_others_every_token_keeps_to_itself():
    alone = np.broadcast_to(np.eye(4), (1, 5, 2, 4, 4))
    assert_array_equal(rollout(alone)[0], np.eye(4))


@every_attentive
def test_more_pairs_than_fit_at_once_keep_their_rows_and_numbers(name, monkeypatch):
    subject = make_subject(name)
    pairs = make_pairs(subject, 7)
    together = Attention(subject).explain(pairs)
    monkeypatch.setattr("esm2amp_core.explain.attention.AT_ONCE", 3)
    told = []
    apart = Attention(subject).explain(pairs, lambda stage, done, total: told.append((done, total)))
    assert told == [(0, 7), (3, 7), (6, 7), (7, 7)]
    assert apart.axes[0].labels == tuple(range(10, 17))
    assert_allclose(apart.values, together.values, atol=1e-6)


def test_classifiers_without_attention_say_so():
    reasons = {name: Attention.why_not(make_subject(name)) for name in ARCHITECTURES}
    assert {name for name, reason in reasons.items() if not reason} == set(ATTENTIVE)
    assert reasons["gru"] == "Tiny gru has no attention: only amps and amp_cse do."


@every_attentive
def test_tokens_look_at_the_planted_ones(name):
    subject, pairs, tokens = planted(name)
    received = Attention(subject).explain(pairs).value
    others = np.delete(received, tokens, axis=1)
    assert (received[:, tokens].min(axis=1) > 2 * others.max(axis=1)).all()
