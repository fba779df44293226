"""Integrated Gradients, on tokens and through the language model, against sums made here and known truths."""

import numpy as np
import pytest
import torch
from explain_samples import as_subject, make_pairs, make_subject, planted, planted_classifier
from model_samples import every_architecture
from numpy.testing import assert_allclose, assert_array_equal
from tiny import INSULIN_A, UBIQUITIN, edit_weights, make_encoder

from esm2amp_core.embed import esm2
from esm2amp_core.embed.alphabet import VOCABULARY
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.explain import path
from esm2amp_core.explain.integrated_gradients import IntegratedGradients
from esm2amp_core.explain.path import integrate
from esm2amp_core.explain.residue_gradients import ResidueGradients, pooling
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.explain.two_part_path import POINTS, TOWARDS_BASELINE, integrate_through
from esm2amp_core.features import (
    FEATURE_SETS,
    POOLED_TOKENS,
    ProteinFeatures,
    pool_protein,
    segment_bounds,
)
from esm2amp_core.models import resolve
from esm2amp_core.progress import Cancelled
from esm2amp_core.sequences import Protein

UNEQUAL = (Protein("u", UBIQUITIN), Protein("i", INSULIN_A))


def fine_sum(function, x, z, steps):
    """Integrated Gradients by the rule of the middle, in float64; x and z of shape (1, ...)."""
    places = ((torch.arange(steps, dtype=torch.float64) + 0.5) / steps).view(-1, *[1] * (x.dim() - 1))
    points = (z + places * (x - z)).requires_grad_()
    return torch.autograd.grad(function(points).sum(), points)[0].mean(dim=0) * (x - z)[0]


def pairs_of(subject, *pairs):
    """Pairs of given proteins, with features as predictions have them."""
    states = {protein.digest: s for protein, s in subject.embedder.embed(p for pair in pairs for p in pair)}
    features = ProteinFeatures(tuple(states), np.stack([pool_protein(one) for one in states.values()]))
    return PairFeatures.of(dict(enumerate(pairs)), features, subject.feature_set)


@every_architecture
def test_token_values_are_those_of_a_fine_sum_in_float64(name):
    subject = make_subject(name)
    pairs = make_pairs(subject, 2).select([1])
    found = IntegratedGradients(subject).explain(pairs)
    exact = as_subject(name, subject.bundle.classifier.double())
    parts = fine_sum(exact.logits, pairs.tokens().double(), exact.baseline[None].double(), 1000).numpy()
    assert_allclose(found.value[0], parts.sum(axis=1), atol=0.02 * np.abs(parts.sum(axis=1)).sum())
    magnitude = np.abs(parts).mean(axis=1)
    assert_allclose(found.magnitude[0], magnitude, atol=0.05 * magnitude.mean())


@every_architecture
@pytest.mark.parametrize("background", [True, False])
def test_values_add_up_to_the_difference_of_the_logits(name, background):
    subject = make_subject(name, background=background)
    pairs = make_pairs(subject, 2)
    found = IntegratedGradients(subject).explain(pairs)
    with torch.no_grad():
        logits = subject.logits(torch.cat([pairs.tokens(), subject.baseline[None]])).numpy()
    assert_allclose(found.outputs, logits[:-1], atol=1e-5)
    assert_allclose(found.base_values, logits[[-1, -1]], atol=1e-5)
    difference, sums = found.outputs - found.base_values, found.value.sum(axis=1)
    assert_allclose(found.checks["completeness_gap"], sums - difference, atol=1e-9)
    assert not found.checks["left_open"].any()
    assert_allclose(sums, difference, rtol=0.01, atol=path.LEAST_GAP)
    assert found.settings["baseline"] == ("mean of training proteins" if background else "zero vectors")
    assert bool(subject.baseline.any()) == background


def test_a_linear_model_is_explained_exactly_and_with_its_signs():
    classifier = resolve("mean")(width=3, hidden1=1, hidden2=1).eval().requires_grad_(False)
    for layer, weight, bias in ((0, [[2.0, -1.0, 0.0]], 100.0), (2, [[1.0]], 0.0), (4, [[3.0]], -7.0)):
        # The bias keeps both ReLUs open: what is left is 3 (2 x0 - x1 + 100) - 7.
        classifier.mlp_layers[layer].weight.copy_(torch.tensor(weight))
        classifier.mlp_layers[layer].bias.fill_(bias)
    subject = as_subject("mean", classifier)
    pairs = make_pairs(subject, 3)
    found = IntegratedGradients(subject).explain(pairs)
    moved = (pairs.tokens() - subject.baseline).double().numpy() * np.array([6.0, -3.0, 0.0]) / 20
    assert_allclose(found.value, moved.sum(axis=2), atol=1e-5)
    assert_allclose(found.magnitude, np.abs(moved).mean(axis=2), atol=1e-5)
    assert_allclose(found.checks["completeness_gap"], 0, atol=1e-4)
    assert (found.value > 0.01).any() and (found.value < -0.01).any()


def test_a_sharp_bend_takes_more_steps_and_a_straight_line_the_fewest():
    def bent(x):
        return torch.relu(x - 0.3123).sum(dim=1) + torch.tanh(200 * (x - 0.7)).sum(dim=1)

    x, z = torch.ones(1, 1), torch.zeros(1, 1)
    sharp = integrate(bent, (x,), (z,), most_steps=800, at_once=4)
    straight = integrate(lambda x: 5 * x.sum(dim=1), (x,), (z,), most_steps=800, at_once=4)
    assert sharp.closed and sharp.steps > straight.steps == path.POINTS * (len(path.EVEN) - 1)
    assert sharp.attributions[0].item() == pytest.approx(0.6877 + 2, rel=0.01)
    assert straight.attributions[0].item() == pytest.approx(5, rel=1e-6)


def test_gaps_that_cancel_in_the_sum_are_not_closed():
    """A rule that is wrong by +1 in the first half and by -1 in the second, until it looks more closely."""

    def attribute(start, stop):
        wrong = 0 if stop - start < 0.5 else 1 if start < 0.5 else -1
        return (np.array([stop - start + wrong]),)

    found = path.follow(lambda place: torch.tensor(place), attribute, (0.0, 0.5, 1.0), points=4,
                        most_steps=100)
    assert found.closed and found.steps == 4 * 4
    assert found.attributions[0] == pytest.approx(1) and found.gap == pytest.approx(0)


def test_where_steps_run_out_the_gap_is_told():
    def jump(x):
        return torch.tanh(2e4 * (x - 0.7)).sum(dim=1)

    found = integrate(jump, (torch.ones(1, 1),), (torch.zeros(1, 1),), most_steps=50, at_once=4)
    assert not found.closed and found.steps == 50
    ends = (torch.ones(1, 1),), (torch.zeros(1, 1),)
    easy = integrate(lambda x: x.sum(dim=1), *ends, most_steps=50, at_once=4)
    assert path.checks([easy, found])["left_open"].tolist() == [0, 1]  # the largest is the worst, as of a gap
    assert found.gap == pytest.approx(found.attributions[0].item() - 2, abs=1e-6) and abs(found.gap) > 0.02


@every_architecture
def test_exchanging_the_proteins_exchanges_the_token_values(name):
    subject = make_subject(name)
    pairs = make_pairs(subject, 4)  # the last is the swap of the one before
    there, back = IntegratedGradients(subject).explain(pairs.select([2, 3])).value
    assert_allclose(np.roll(back, len(back) // 2), there, atol=0.02 * np.abs(there).sum())


@pytest.mark.parametrize("name", ["mean", "amps", "amp_cse"])
def test_the_two_planted_tokens_stand_out(name):
    subject, pairs, tokens = planted(name)
    found = IntegratedGradients(subject).explain(pairs)
    others = np.delete(np.arange(found.value.shape[1]), tokens)
    assert (found.value[:, tokens].min(axis=1) > 10 * np.abs(found.value[:, others]).max(axis=1)).all()
    assert (found.magnitude[:, tokens].min(axis=1) > 2 * found.magnitude[:, others].max(axis=1)).all()
    if name == "mean":
        assert_allclose(found.value[:, others], 0, atol=1e-7)


@pytest.mark.parametrize("explainer", [IntegratedGradients, ResidueGradients])
def test_company_changes_no_digit(explainer, embedder):
    subject = make_subject("amp_cse", embedder=embedder)
    pairs = make_pairs(subject, 3)
    together, alone = explainer(subject).explain(pairs), explainer(subject).explain(pairs.select([1]))
    assert_array_equal(together.value[1:2], alone.value)


@pytest.mark.parametrize("explainer", [IntegratedGradients, ResidueGradients])
def test_nothing_is_left_behind_in_the_models(explainer, embedder):
    subject = make_subject("amps", embedder=embedder)
    with torch.inference_mode():
        assert subject.baseline.is_inference()  # others may have asked for it first
    subject.bundle.classifier.requires_grad_(True)
    models = (subject.bundle.classifier, embedder._model)
    before = [(p.detach().clone(), p.requires_grad) for model in models for p in model.parameters()]
    explainer(subject).explain(make_pairs(subject, 1))
    after = [p for model in models for p in model.parameters()]
    for parameter, (value, requires_grad) in zip(after, before, strict=True):
        assert torch.equal(parameter, value)
        assert (parameter.grad, parameter.requires_grad) == (None, requires_grad)
    for module in (m for model in models for m in model.modules()):
        assert not module.training and not module._forward_hooks and not module._backward_hooks
        assert not module._forward_pre_hooks and not module._backward_pre_hooks


@pytest.mark.parametrize("explainer", [IntegratedGradients, ResidueGradients])
def test_work_is_reported_and_can_be_stopped(explainer, embedder):
    subject = make_subject("mean", embedder=embedder)
    pairs, told = make_pairs(subject, 3), []
    explainer(subject).explain(pairs, lambda stage, done, total: told.append((done, total)))
    (total,) = {total for _, total in told}
    assert told == sorted(told) and told[0][0] == 0 and {3 * done // total for done, _ in told} >= {0, 1, 2}

    def stop(stage, done, total):
        if 3 * done // total == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        explainer(subject).explain(pairs, stop)


def test_work_can_be_stopped_within_a_pair():
    subject, told = make_subject("amps"), []
    IntegratedGradients(subject).explain(make_pairs(subject, 1), lambda *now: told.append(now))
    assert len(told) > 6  # at every stretch of the path, not only at its begin


# Residues.


@pytest.mark.parametrize("protein", UNEQUAL)
def test_the_language_model_gives_the_same_states_with_gradients_as_without(protein, embedder, monkeypatch):
    (_, expected), = embedder.embed([protein])
    given, masked = embedder.inputs(protein.sequence)
    with torch.no_grad():
        assert_allclose(embedder.states(given)[0], expected, atol=1e-5)
    assert not masked[:, 1:-1].any() and torch.equal(masked[:, [0, -1]], given[:, [0, -1]])

    def gradient():
        inputs = given.clone().requires_grad_()
        return torch.autograd.grad(embedder.states(inputs).square().sum(), inputs)[0]

    kept = gradient()
    monkeypatch.setattr(esm2, "_KEPT_NUMBERS", 0)  # every layer is computed again
    assert_allclose(gradient(), kept, atol=1e-5)


def test_kinks_behind_a_smooth_model_are_met_without_more_passes_through_it():
    generator = torch.Generator().manual_seed(0)
    x, w, v = (torch.randn(shape, generator=generator) for shape in ((1, 6), (6, 8), (8, 12)))
    offsets = torch.randn(12, generator=generator)

    def slow(a, b):
        return torch.tanh(torch.cat([a, b], dim=1) @ w.to(a))

    def fast(states):
        return (states @ v.to(states) + offsets.to(states)).relu().sum(dim=1)

    inputs, baselines = (x[:, :2], x[:, 2:]), (torch.zeros(1, 2), torch.zeros(1, 4))
    through = [integrate_through(slow, fast, inputs, baselines, most_steps=400, at_once=n) for n in (3, 100)]
    plain = integrate(lambda a, b: fast(slow(a, b)), inputs, baselines, most_steps=400, at_once=10)
    exact = fine_sum(lambda both: fast(slow(both[:, :2], both[:, 2:])), x.double(), torch.zeros(1, 6), 20_000)
    nearly = 0.01 * abs(plain.at_input - plain.at_baseline)
    for found in through:
        assert found.closed and found.steps == POINTS * (len(TOWARDS_BASELINE) - 1) < plain.steps
        assert_allclose(np.concatenate(found.attributions), exact, atol=nearly)
    assert_allclose(*(np.concatenate(found.attributions) for found in through), atol=1e-5)


@pytest.mark.parametrize("feature_set", FEATURE_SETS.values(), ids=FEATURE_SETS)
@pytest.mark.parametrize("length", [10, 37, 76])
def test_pooling_is_that_of_predictions(feature_set, length):
    states = np.random.default_rng(0).normal(size=(length + 2, 5)).astype(np.float32)
    pooled = pooling(feature_set, length) @ torch.from_numpy(states)
    wanted = pool_protein(states)[[POOLED_TOKENS.index(token) for token in feature_set.tokens]]
    assert_allclose(pooled, wanted, atol=1e-6)


@every_architecture
def test_residues_add_up_to_their_tokens_and_to_the_difference_of_the_logits(name, embedder):
    subject = make_subject(name, embedder=embedder)
    pairs = pairs_of(subject, UNEQUAL, UNEQUAL[::-1])
    found = ResidueGradients(subject).explain(pairs)
    a, b = pairs.values[pairs.index[:, 0]], pairs.values[pairs.index[:, 1]]
    assert_allclose(found.outputs, subject.bundle.logits(a, b)[0], atol=1e-4)
    assert_allclose(found.value.sum(axis=1), found.outputs - found.base_values, rtol=0.02, atol=1e-3)
    rows = found.arrays["row_of_residue"]
    assert_allclose([found.values[rows == row].sum() for row in (0, 1)], found.value.sum(axis=1), atol=1e-9)
    first = rows == 0
    in_b = first & (found.arrays["protein_of_residue"] == "B")
    assert [label for label, here in zip(found.axes[0].labels, in_b, strict=True) if here] == [
        f"B.{letter}{number}" for number, letter in enumerate(INSULIN_A, start=1)
    ]
    assert found.arrays["position_of_residue"][in_b].tolist() == list(range(1, len(INSULIN_A) + 1))
    names = list(subject.token_names)
    if "A.segment2" in names:
        start, stop = segment_bounds(len(UBIQUITIN))[2:4]
        assert found.value[0, names.index("A.segment2")] == pytest.approx(found.values[start:stop].sum())
        magnitudes = found.arrays["magnitude_of_residue"][start:stop]
        assert found.magnitude[0, names.index("A.segment2")] == pytest.approx(magnitudes.sum())
    without_residues = [i for i, token in enumerate(names) if token.endswith(("cls", "eos"))]
    assert not found.value[:, without_residues].any()


def test_residue_values_are_those_of_a_fine_sum_over_finite_differences(embedder):
    """Independent of every gradient: outputs on a fine path, and nudges of one residue along it."""
    subject = make_subject("siamese", embedder=embedder)
    pairs = pairs_of(subject, UNEQUAL)
    found = ResidueGradients(subject).explain(pairs)
    (a, a0), (b, b0) = (embedder.inputs(protein.sequence) for protein in UNEQUAL)

    def logits(a, b):
        residues = [embedder.states(one)[:, 1:-1] for one in (a, b)]
        pooled = [torch.stack([part.mean(dim=1) for part in states.tensor_split(10, dim=1)], dim=1)
                  for states in residues]  # fmt: skip
        return subject.logits(torch.cat(pooled, dim=1)).double()

    # Finer where the path leaves the masked residues: place = t^3, whose steps are 3 t^2.
    t = (torch.arange(400) + 0.5) / 400
    places, steps = (t**3).view(-1, 1, 1), 3 * t**2 / 400
    nudge = (2e-3 * places.clamp(min=0.01)).expand(-1, 1, 1)
    for residue in (1, 10, 21):
        only = torch.zeros_like(b)
        only[:, residue] = (b - b0)[:, residue]
        with torch.no_grad():
            on_a, on_b = a0 + places * (a - a0), b0 + places * (b - b0)
            rise = logits(on_a, on_b + nudge * only) - logits(on_a, on_b - nudge * only)
        expected = (rise / (2 * nudge.flatten()) * steps).sum().item()
        value = found.values[len(UBIQUITIN) + residue - 1]
        assert value == pytest.approx(expected, abs=0.02 * np.abs(found.values).sum()), residue


def test_only_residues_that_carry_what_the_classifier_reads_are_found(tmp_path):
    """In this language model a residue keeps to itself, and tryptophan alone has something in channel 0."""
    def plant(weights):
        for name, tensor in weights.items():
            if "output.dense" in name or name.endswith("emb_layer_norm_after.bias"):
                tensor.zero_()
        letters = weights["esm.embeddings.word_embeddings.weight"]
        letters[:, 0] = 0
        letters[VOCABULARY.index("W"), 0] = 2
        letters[:, 1:] -= letters.sum(dim=1, keepdim=True) / (letters.shape[1] - 1)  # no mean to take off

    edit_weights(make_encoder(tmp_path / "planted"), plant)
    embedder = Esm2Embedder.load(tmp_path / "planted", device="cpu", precision="float32")
    subject = as_subject("mean", planted_classifier("mean"), embedder=embedder)
    a = Protein("a", "ACDEFG" + "HWK" + "LMNPQRSTVYACDEFGHIKLM")
    b = Protein("b", "GASTKLMNRD" * 4 + "WWWW" + "A" * 20)
    found = ResidueGradients(subject).explain(pairs_of(subject, (a, b)))
    tryptophan = np.array(["W" in label for label in found.axes[0].labels])
    assert tryptophan.sum() == 5
    assert (found.values[tryptophan] > 0.01).all()
    assert_allclose(found.values[~tryptophan], 0, atol=1e-5)
    matter = {name for name, value in zip(subject.token_names, found.value[0], strict=True) if value > 0.01}
    assert matter == {"A.segment2", "B.segment6"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradients_are_computed_in_float32_whatever_the_precision_of_features(tiny_encoder, precision):
    embedder = Esm2Embedder.load(tiny_encoder, device="cpu", precision=precision)
    exact = embedder.in_float32()
    assert (exact.precision, embedder.precision) == ("float32", precision)
    assert (exact is embedder) == (precision == "float32")
    assert all(parameter.dtype == torch.float32 for parameter in exact._model.parameters())
    assert exact.inputs(INSULIN_A)[0].dtype == torch.float32


def test_without_a_language_model_there_are_no_residues():
    assert ResidueGradients.why_not(make_subject()) == (
        "The language model of Tiny amps is not there, or has no gradients."
    )
