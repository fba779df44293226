"""Leaving tokens out: a classifier that reads a set reads a smaller one, others see the baseline instead."""

import pytest
import torch
from explain_samples import make_pairs, make_subject
from model_samples import build, every_architecture, tokens_for
from torch.testing import assert_close

from esm2amp_core.models import ARCHITECTURES

OF_PAIRS, OF_PROTEINS, NEED_ALL = ["amps", "amp_cse", "mean"], ["siamese"], ["gru", "dpm"]
WAYS = torch.Generator().manual_seed(4)


def some_present(tokens, share=0.5):
    """At random, but at least the first token of each protein."""
    present = torch.rand(tokens.shape[:2], generator=WAYS) < share
    present[:, 0] = present[:, tokens.shape[1] // 2] = True
    return present


def test_every_architecture_says_of_what_it_reads_a_set():
    said = {name: build(name).reads_set_of for name in ARCHITECTURES}
    of_sets = dict.fromkeys(OF_PAIRS, "pair") | dict.fromkeys(OF_PROTEINS, "protein")
    assert said == of_sets | dict.fromkeys(NEED_ALL)


@pytest.mark.parametrize("name", OF_PAIRS)
def test_going_without_a_token_is_having_fewer_tokens(name):
    classifier = build(name, dtype=torch.float64)
    tokens = tokens_for(classifier)
    present = some_present(tokens)
    found = classifier(tokens, present).logits
    for one, here, logit in zip(tokens, present, found, strict=True):
        assert_close(classifier(one[here][None]).logits[0], logit, rtol=1e-12, atol=1e-12)


def test_a_siamese_sums_up_what_is_left_of_each_protein():
    classifier = build("siamese", dtype=torch.float64)
    tokens = tokens_for(classifier)
    present = some_present(tokens)
    means = [torch.stack([half[here].mean(dim=0) for half, here in zip(t.chunk(2), p.chunk(2), strict=True)])
             for t, p in zip(tokens, present, strict=True)]  # fmt: skip
    # A protein that is its mean ten times over is summed up like one that has this mean.
    as_means = torch.stack(means).repeat_interleave(10, dim=1)
    assert_close(classifier(tokens, present).logits, classifier(as_means).logits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [*OF_PAIRS, *OF_PROTEINS])
def test_what_is_left_out_cannot_be_read(name):
    classifier = build(name)
    tokens = tokens_for(classifier)
    present = some_present(tokens)
    other = torch.where(present.unsqueeze(-1), tokens, 1e3 * torch.ones_like(tokens))
    assert torch.equal(classifier(tokens, present).logits, classifier(other, present).logits)
    assert not torch.allclose(classifier(tokens, present).logits, classifier(tokens).logits, atol=1e-4)


@pytest.mark.parametrize("name", [*OF_PAIRS, *OF_PROTEINS])
def test_leaving_out_nothing_changes_nothing(name):
    classifier = build(name)
    tokens = tokens_for(classifier)
    everything = torch.ones(tokens.shape[:2], dtype=torch.bool)
    assert_close(classifier(tokens, everything).logits, classifier(tokens).logits, rtol=1e-5, atol=1e-6)


def test_nobody_attends_to_a_token_that_is_left_out():
    classifier = build("amps")
    tokens = tokens_for(classifier)
    present = some_present(tokens)
    for weights in classifier(tokens, present).attention:
        assert not weights[0][..., ~present[0]].any()
        assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:3]))


@every_architecture
def test_a_subject_without_any_token_is_its_baseline(name):
    subject = make_subject(name)
    tokens = make_pairs(subject).tokens()
    nothing = torch.zeros(tokens.shape[:2], dtype=torch.bool)
    expected = subject.logits(subject.baseline[None]).expand(len(tokens))
    assert_close(subject.logits(tokens, nothing), expected, rtol=1e-5, atol=1e-6)
    assert_close(subject.logits(tokens, ~nothing), subject.logits(tokens), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NEED_ALL)
def test_the_baseline_stands_in_where_every_token_is_needed(name):
    subject = make_subject(name)
    tokens = make_pairs(subject).tokens()
    present = torch.ones(tokens.shape[:2], dtype=torch.bool)
    present[:, -1] = False
    replaced = tokens.clone()
    replaced[:, -1] = subject.baseline[-1]
    assert_close(subject.logits(tokens, present), subject.logits(replaced), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(subject.logits(tokens, present), subject.logits(tokens), atol=1e-4)


def test_a_siamese_without_one_protein_meets_the_average_one():
    subject = make_subject("siamese")
    tokens = make_pairs(subject).tokens()
    present = torch.ones(tokens.shape[:2], dtype=torch.bool)
    present[:, 10:] = False
    replaced = torch.cat([tokens[:, :10], subject.baseline[10:].expand(len(tokens), -1, -1)], dim=1)
    assert_close(subject.logits(tokens, present), subject.logits(replaced), rtol=1e-5, atol=1e-6)


@every_architecture
def test_a_subject_scores_as_its_bundle_does_in_either_order(name):
    subject = make_subject(name)
    pairs = make_pairs(subject)
    tokens = pairs.tokens()
    present = some_present(tokens)
    a, b = pairs.values[pairs.index[:, 0]], pairs.values[pairs.index[:, 1]]
    logits, _ = subject.bundle.logits(a, b)
    assert_close(subject.logits(tokens).double(), torch.from_numpy(logits), rtol=1e-5, atol=1e-5)
    T = tokens.shape[1] // 2
    swapped = subject.logits(tokens.roll(T, dims=1), present.roll(T, dims=1))
    assert_close(swapped, subject.logits(tokens, present), rtol=1e-5, atol=1e-5)
