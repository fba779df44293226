"""Tests of explanations: curves, agreement, shuffled models; what must pass and what must not."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from explain_samples import make_pairs, make_subject, planted
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from esm2amp_core.errors import UserError
from esm2amp_core.explain.agreement import measure_agreement, rank_correlation
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.faithfulness import LEAST_DIFFERENCE, measure_faithfulness
from esm2amp_core.explain.randomisation import check_randomisation, shuffle_weights
from esm2amp_core.explanation_tests.agreement import Agreement
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.explanation_tests.p_values import SIGNIFICANT, empirical_p, fewest_draws, holm
from esm2amp_core.explanation_tests.randomisation import Randomisation
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.progress import Cancelled

SETTINGS = ExplainSettings(random_orders=40)


def says(value, method="token_shapley", rows=None):
    """An explanation with these values."""
    value = np.asarray(value, dtype=float)
    rows = tuple(range(len(value)) if rows is None else rows)
    tokens = Axis("tokens", tuple(f"t{i}" for i in range(value.shape[1])))
    return Explanation(method, value, (Axis("pairs", rows), tokens), value, np.abs(value))


@pytest.fixture(scope="module")
def truth():
    """Planted pairs, an explanation that tells the truth and one that says the opposite."""
    subject, pairs, tokens = planted("mean", pairs=12)
    right = np.zeros((len(pairs), 20))
    right[:, list(tokens)] = 1
    explanations = {"token_shapley": says(right), "integrated_gradients": says(-right)}
    return subject, pairs, tokens, explanations


@pytest.fixture(scope="module")
def measured(truth):
    subject, pairs, _, explanations = truth
    return measure_faithfulness(subject, pairs, explanations, SETTINGS)


def test_curves_lead_from_the_pair_to_the_baseline_and_back(truth, measured):
    subject, pairs, _, _ = truth
    logits = subject.logits(pairs.tokens()).numpy()
    baseline = subject.logits(subject.baseline[None]).item()
    assert_allclose(measured.deletion[:, :, 0], logits[:, None].repeat(2, 1), atol=1e-5)
    assert_allclose(measured.deletion[:, :, -1], baseline, atol=1e-5)
    assert_allclose(measured.insertion[:, :, ::20], measured.deletion[:, :, ::-20], atol=1e-5)
    assert_allclose(measured.difference, logits - baseline, atol=1e-5)


def test_steps_take_away_the_most_important_first(truth, measured):
    subject, pairs, tokens, _ = truth
    present = torch.ones(len(pairs), 20, dtype=torch.bool)
    for step, token in enumerate(sorted(tokens), start=1):  # both say the same: the first comes first
        present[:, token] = False
        expected = subject.logits(pairs.tokens(), present).numpy()
        assert_allclose(measured.deletion[:, 0, step], expected, atol=1e-5)
        alone = subject.logits(pairs.tokens(), ~present).numpy()
        assert_allclose(measured.insertion[:, 0, step], alone, atol=1e-5)


def test_the_truth_is_better_than_random_and_its_opposite_is_not(measured):
    assert measured.better_than_random[:, 0].all() and not measured.better_than_random[:, 1].any()
    assert_array_equal(measured.better_on_average, [True, False])
    assert (measured.score[:, 0] > measured.random_score[:, 1]).all()
    assert (measured.score[:, 1] < measured.random_score[:, 0]).all()
    assert 0 < measured.mean_low[0] < measured.mean_score[0] < measured.mean_high[0]


def test_a_mean_whose_interval_holds_zero_is_not_better_on_average(measured):
    assert measured.better_on_average[0]
    doubtful = replace(measured, mean_low=np.array([-0.01, -1.0]))
    assert doubtful.corrected_mean_p_values[0] <= 0.05 and not doubtful.better_on_average[0]


def test_a_score_is_the_area_between_a_curve_and_the_mean_of_random_ones(measured):
    area = np.trapezoid(measured.random_deletion[:, 0] - measured.deletion[:, 0], dx=1 / 20, axis=1)
    assert_allclose(measured.deletion_score[:, 0], area / measured.difference, rtol=1e-6)
    area = np.trapezoid(measured.insertion[:, 0] - measured.random_insertion[:, 0], dx=1 / 20, axis=1)
    assert_allclose(measured.insertion_score[:, 0], area / measured.difference, rtol=1e-6)
    assert_allclose(measured.score, (measured.deletion_score + measured.insertion_score) / 2)


def test_what_speaks_against_a_low_score_comes_last():
    """Where the pair scores below the baseline, negative values are the important ones."""
    subject, pairs, tokens = planted("mean", pairs=3, amounts=(-4, -2))
    value = np.zeros((3, 20))
    value[:, list(tokens)] = -1
    found = measure_faithfulness(subject, pairs, {"token_shapley": says(value)}, SETTINGS)
    assert (found.difference < 0).all() and found.better_than_random.all() and (found.score > 0).all()


def test_random_orders_pass_as_often_as_they_should():
    subject = make_subject("siamese")
    pairs = make_pairs(subject, 60, seed=1)
    explanations = {"attention": says(np.random.default_rng(0).random((60, 20)), "attention")}
    found = measure_faithfulness(subject, pairs, explanations, SETTINGS)
    clear = np.abs(found.difference) >= LEAST_DIFFERENCE
    assert clear.sum() > 20
    assert found.better_than_random[clear].mean() < 0.2
    assert abs(np.median(found.p_values[clear]) - 0.5) < 0.2
    assert not found.better_on_average[0]


def test_many_methods_that_know_nothing_do_not_pass_by_their_number():
    """Six random orders per pair: one of them is at p <= 0.05 far more often than in one pair of twenty."""
    subject = make_subject("siamese")
    pairs = make_pairs(subject, 60, seed=1)
    names = ("attention", "integrated_gradients", "token_shapley", "tree_shap", "gini", "deep_shap")
    rng = np.random.default_rng(0)
    explanations = {name: says(rng.normal(size=(60, 20)), name) for name in names}
    found = measure_faithfulness(subject, pairs, explanations, SETTINGS)
    clear = np.isfinite(found.p_values).all(axis=1)
    assert clear.sum() > 20
    assert (found.p_values[clear] <= SIGNIFICANT).any(axis=1).mean() > 0.12
    assert found.better_than_random[clear].any(axis=1).mean() <= 0.12
    assert not found.better_on_average.any()
    assert found.n_orders == fewest_draws(6) == 119  # of which the best of six can stand out, but only just
    assert_allclose(holm(np.array([1 / 120] + [0.9] * 5))[0], SIGNIFICANT)


def test_of_a_job_the_share_of_pairs_is_told_with_its_interval(measured):
    assert_array_equal(measured.share_better, [1, 0])
    assert_array_equal(measured.share_low, [1, 0])
    assert_array_equal(measured.share_high, [1, 0])
    judged = measured.p_values.copy()
    judged[:3, 0], judged[3:6, 0] = np.nan, 1.0  # three are not judged, of the nine others six are better
    few = replace(measured, p_values=judged)
    assert_allclose(few.share_better[0], 6 / 9)


def test_methods_without_signs_are_ranked_by_magnitude(truth):
    subject, pairs, tokens, _ = truth
    attention = replace(says(np.zeros((12, 20)), "attention"), magnitude=np.zeros((12, 20)))
    attention.magnitude[:, list(tokens)] = 1
    found = measure_faithfulness(subject, pairs, {"attention": attention}, SETTINGS)
    assert found.better_than_random.all()


def test_pairs_like_the_baseline_are_not_judged(truth):
    subject, pairs, _, explanations = truth
    same = replace(pairs, values=np.broadcast_to(subject.baseline[:10].numpy(), pairs.values.shape).copy())
    found = measure_faithfulness(subject, same, explanations, SETTINGS)
    assert np.isnan(found.score).all() and np.isnan(found.p_values).all() and np.isnan(found.mean_score).all()
    assert not found.better_than_random.any() and not found.better_on_average.any()
    assert np.isfinite(found.deletion).all()


def test_a_pair_is_judged_the_same_in_company(truth, measured):
    subject, pairs, _, explanations = truth
    alone = {name: says(found.value[[4]], name) for name, found in explanations.items()}
    found = measure_faithfulness(subject, pairs.select([4]), alone, SETTINGS)
    assert_array_equal(found.score[0], measured.score[4])
    assert_array_equal(found.random_deletion[0], measured.random_deletion[4])
    assert np.isnan(found.mean_low).all()  # one pair says nothing of others


def test_explanations_of_other_pairs_are_refused(truth):
    subject, pairs, _, explanations = truth
    with pytest.raises(ValueError, match=r"\(12, 20\), not \(3, 20\)"):
        measure_faithfulness(subject, pairs.select(slice(0, 3)), explanations, SETTINGS)


def test_too_few_random_orders_are_refused():
    with pytest.raises(UserError, match="5 random orders: too few"):
        ExplainSettings(random_orders=5)


def test_measuring_can_be_stopped(truth):
    subject, pairs, _, explanations = truth

    def stop(stage, done, total):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_faithfulness(subject, pairs, explanations, SETTINGS, stop)


def through_a_file(noun, folder):
    np.savez_compressed(folder / "noun.npz", **noun.to_arrays())
    with np.load(folder / "noun.npz", allow_pickle=False) as file:
        return type(noun).from_arrays(dict(file))


def assert_same(one, other):
    for name, value in one.to_arrays().items():
        assert_array_equal(value, other.to_arrays()[name])
    assert type(one) is type(other)


def test_faithfulness_survives_a_file(measured, tmp_path):
    read = through_a_file(measured, tmp_path)
    assert_same(read, measured)
    assert read.methods == ("token_shapley", "integrated_gradients") and read.n_orders == 40
    assert isinstance(read, Faithfulness)


def test_a_file_of_a_newer_program_is_refused(measured):
    with pytest.raises(ValueError, match="format"):
        Faithfulness.from_arrays(measured.to_arrays() | {"format": np.array(9)})


def test_shapes_that_disagree_are_refused(measured):
    with pytest.raises(ValueError, match="score has shape"):
        replace(measured, score=measured.score[:3])


def test_tables_hold_every_number_in_its_place(measured):
    scores, frame = measured.scores(), measured.frame()
    assert len(scores) == 12 * 2 and len(frame) == 12 * 2 * 2 * 21
    line = scores[(scores["row"] == 5) & (scores["method"] == "integrated_gradients")].iloc[0]
    assert line["p_value_holm"] == max(measured.p_values[5, 1], min(1, 2 * measured.p_values[5].min()))
    assert line["score"] == measured.score[5, 1] and line["random_high"] == measured.random_score[5, 1]
    means = measured.means().set_index("method").loc["token_shapley"]
    assert means["score"] == measured.mean_score[0] and means["score_low"] == measured.mean_low[0]
    assert means["p_value_holm"] == measured.corrected_mean_p_values[0] and means["better_than_random"]
    assert means["share_better"] == measured.share_better[0] == 1
    line = frame.query("row == 3 and method == 'token_shapley' and curve == 'insertion'").iloc[7]
    assert line["tokens_changed"] == 7 and line["logit"] == measured.insertion[3, 0, 7]
    assert line["random_high"] == measured.random_insertion[3, 2, 7]


def test_an_empirical_p_value_is_never_zero_and_counts_ties():
    assert_allclose(empirical_p(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])), [0.25, 0.75, 1])


def test_holms_correction_is_that_of_the_textbook():
    p_values = np.array([[0.01, 0.04, 0.03, 0.005], [0.2, 0.2, np.nan, 0.9], [np.nan] * 4])
    expected = [[0.03, 0.06, 0.06, 0.02], [0.6, 0.6, np.nan, 0.9], [np.nan] * 4]
    assert_allclose(holm(p_values), expected)
    assert_allclose(holm(np.array([0.04])), [0.04])  # one method needs no correction


def test_agreement_is_spearmans(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.integers(-4, 5, (3, 5, 20)).astype(float)  # with ties
    names = ["attention", "integrated_gradients", "token_shapley"]
    explanations = {name: says(values[i], name) for i, name in enumerate(names)}
    found = measure_agreement(explanations, rows=range(7, 12))
    for pair in range(5):
        for i, j in permutations(range(3), 2):
            expected = spearmanr(np.abs(values[i, pair]), np.abs(values[j, pair])).statistic
            assert_allclose(found.correlations[pair, i, j], expected)
            signed = np.nan if 0 in (i, j) else spearmanr(values[i, pair], values[j, pair]).statistic
            assert_allclose(found.signed_correlations[pair, i, j], signed)  # attention has no signs
    assert_allclose(np.diagonal(found.mean), 1)
    assert_allclose(found.mean, found.correlations.mean(axis=0))
    assert_allclose(found.signed_mean, found.signed_correlations.mean(axis=0))
    assert_array_equal(found.rows, range(7, 12))
    assert_same(through_a_file(found, tmp_path), found)
    assert len(found.frame()) == 5 * 3 and isinstance(found, Agreement)


def test_a_method_that_ranks_nothing_agrees_with_none():
    flat = {"gini": says(np.ones((2, 20)), "gini"), "token_shapley": says(np.arange(40).reshape(2, 20))}
    found = measure_agreement(flat, rows=[1, 2])
    assert np.isnan(found.mean[0, 1])
    assert_allclose(found.mean[1, 1], 1)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4)))


def test_shuffled_models_are_explained_differently_and_the_model_stays_as_it_was(tmp_path):
    subject = make_subject("amps")
    pairs = make_pairs(subject, 2)
    before = {name: tensor.clone() for name, tensor in subject.bundle.classifier.state_dict().items()}
    methods = ["attention", "token_shapley", "residue_gradients"]
    found = check_randomisation(subject, pairs, methods)
    assert all(torch.equal(before[name], tensor)
               for name, tensor in subject.bundle.classifier.state_dict().items())
    assert found.correlations.shape == (3, 5, 2)
    assert np.isfinite(found.correlations[:2]).all() and np.isnan(found.correlations[2]).all()
    assert [bool(reason) for reason in found.reasons] == [False, False, True]
    assert found.passes[1] and not found.passes[2]
    assert len(np.unique(found.correlations[1], axis=0)) == 5  # each shuffle is another one
    assert_same(through_a_file(found, tmp_path), found)
    assert len(found.frame()) == 3 * 5 * 2 and isinstance(found, Randomisation)
    again = check_randomisation(subject, pairs, ["attention"])
    assert_array_equal(again.correlations[0], found.correlations[0])


def test_a_method_that_ignores_the_weights_does_not_pass(monkeypatch):
    from esm2amp_core.explain.base import Explainer

    class Lengths(Explainer):
        method = "attention"

        def explain(self, pairs, report=None):
            return says(np.abs(pairs.tokens().numpy()).mean(axis=2), "attention")

    monkeypatch.setattr("esm2amp_core.explain.randomisation.resolve", lambda method: Lengths)
    subject = make_subject("mean")
    found = check_randomisation(subject, make_pairs(subject, 3), ["attention"])
    assert_allclose(found.mean, 1)
    assert not found.passes[0]


@pytest.mark.parametrize("method", ["tree_shap", "gini", "deep_shap"])
def test_second_models_are_not_checked_by_shuffling_the_first(method):
    subject = make_subject("mean")
    found = check_randomisation(subject, make_pairs(subject, 2), [method])
    assert "second model" in found.reasons[0] and not found.passes[0]


def test_shuffling_keeps_the_numbers_of_each_tensor():
    one, other = (make_subject("amps").bundle.classifier for _ in range(2))
    shuffle_weights(other, seed=1)
    moved = 0
    for before, after in zip(one.parameters(), other.parameters(), strict=True):
        assert_array_equal(before.flatten().sort().values, after.flatten().sort().values)
        moved += not torch.equal(before, after)
    assert moved > 10
