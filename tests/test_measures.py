import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics
from sklearn.calibration import calibration_curve

from esm2amp_core.evaluation.curves import RECALLS, observed_shares, precision_at, rates_at
from esm2amp_core.evaluation.measures import MEASURES, N_BINS, Ranking, bin_of, log_loss, measure


def pairs(seed, *, n=400, decimals=None):
    """Labels, probabilities and whole-number weights; with `decimals` many probabilities are equal."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    probabilities = 1 / (1 + np.exp(-(labels + random.normal(size=n))))
    if decimals is not None:
        probabilities = probabilities.round(decimals)
    return labels, probabilities, random.integers(0, 4, (3, n)).astype(float)


def by_scikit_learn(labels, probabilities, threshold, weights=None):
    calls = probabilities >= threshold
    return {
        "auroc": metrics.roc_auc_score(labels, probabilities, sample_weight=weights),
        "aupr": metrics.average_precision_score(labels, probabilities, sample_weight=weights),
        "accuracy": metrics.accuracy_score(labels, calls, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, calls, sample_weight=weights),
        "mcc": metrics.matthews_corrcoef(labels, calls, sample_weight=weights),
        "f1": metrics.f1_score(labels, calls, sample_weight=weights, zero_division=0.0),
        "precision": metrics.precision_score(labels, calls, sample_weight=weights, zero_division=0.0),
        "recall": metrics.recall_score(labels, calls, sample_weight=weights),
        "specificity": metrics.recall_score(labels, calls, pos_label=0, sample_weight=weights),
        "brier": metrics.brier_score_loss(labels, probabilities, sample_weight=weights),
    }


@pytest.mark.parametrize("decimals", [None, 2, 1, 0])
@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.8, 0.0, 1.0])
def test_figures_are_those_of_scikit_learn(decimals, threshold):
    labels, probabilities, weights = pairs(1, decimals=decimals)
    found = measure(labels, probabilities, threshold=threshold)
    for name, value in by_scikit_learn(labels, probabilities, threshold).items():
        assert_allclose(found[name], value, atol=1e-12, err_msg=name)
    weighted = Ranking(labels, probabilities, threshold).measure(weights)
    for row, own in enumerate(weights):
        for name, value in by_scikit_learn(labels, probabilities, threshold, own).items():
            assert_allclose(weighted[name][row], value, atol=1e-12, err_msg=name)


def test_nothing_called_gives_zeros_where_scikit_learn_does():
    labels, probabilities, _ = pairs(2)
    found = measure(labels, probabilities * 0.4)
    assert (found["precision"], found["recall"], found["f1"], found["mcc"]) == (0, 0, 0, 0)


def test_all_figures_are_given_with_the_counts():
    labels, probabilities, _ = pairs(3)
    assert list(measure(labels, probabilities)) == ["n_pairs", "n_positive", *MEASURES]


@pytest.mark.parametrize("decimals", [None, 2])
def test_calibration_error_and_reliability_agree_with_scikit_learns_curve(decimals):
    labels, probabilities, _ = pairs(4, decimals=decimals)
    observed, mean = calibration_curve(labels, probabilities, n_bins=N_BINS)
    sizes = np.unique(bin_of(probabilities), return_counts=True)[1]
    expected = np.sum(sizes * np.abs(observed - mean)) / len(labels)
    assert_allclose(measure(labels, probabilities)["ece"], expected, atol=1e-12)
    shares = observed_shares(Ranking(labels, probabilities))
    assert_allclose([values[0] for values in shares.values()], observed)


def test_calibration_error_of_a_known_case():
    # 0.2 and 0.9 lie in intervals of their own: (2 |0.2 - 0.5| + 1 |0.9 - 1|) / 3.
    assert_allclose(measure(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9]))["ece"], 0.7 / 3)


def test_weights_count_like_repeated_pairs():
    labels, probabilities, weights = pairs(5, n=60)
    times = weights[0].astype(int)
    repeated = measure(np.repeat(labels, times), np.repeat(probabilities, times))
    weighted = Ranking(labels, probabilities).measure(weights[:1])
    for name in MEASURES:
        assert_allclose(weighted[name][0], repeated[name], atol=1e-12, err_msg=name)


def test_a_weighting_that_leaves_one_label_gives_no_figures():
    labels, probabilities, _ = pairs(6, n=20)
    found = Ranking(labels, probabilities).measure(labels[None].astype(float))
    assert all(np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize("labels, probabilities", [
    ([1, 1], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 1], [0.1, 1.1]), ([0, 2], [0.1, 0.2]),
    ([0, 1], [0.1]),
])  # fmt: skip
def test_what_cannot_be_measured_is_refused(labels, probabilities):
    with pytest.raises(ValueError):
        measure(np.array(labels), np.array(probabilities))


def test_log_loss_is_that_of_scikit_learn():
    labels, probabilities, _ = pairs(7)
    logits = np.log(probabilities / (1 - probabilities))
    assert_allclose(log_loss(labels, logits), metrics.log_loss(labels, probabilities))


def test_precision_where_interactions_are_rare_follows_from_bayes_rule():
    # 50 of 100 pairs found, 1 of 100 others called: at 1:10 that is 50 true for 10 false ones.
    assert_allclose(precision_at(np.array([0.5]), np.array([0.01]), "1:10"), 5 / 6)
    assert_allclose(precision_at(np.array([0.5]), np.array([0.01]), "1:1000"), 0.5 / 10.5)
    assert_allclose(precision_at(np.array([0.0]), np.array([0.0]), "1:1"), 0)


def test_at_the_tables_own_share_the_precision_is_the_measured_one():
    labels, probabilities, _ = pairs(8)
    labels[np.flatnonzero(labels == 1)[200:]] = 0  # whatever the draw: any share will do
    share = f"{labels.sum()}:{(1 - labels).sum()}"
    rates = rates_at(Ranking(labels, probabilities, 0.6))
    found = precision_at(rates["recall threshold"], rates["false_positive_rate threshold"], share)
    assert_allclose(found, metrics.precision_score(labels, probabilities >= 0.6))


def test_rates_at_a_recall_are_those_of_scikit_learns_roc_curve():
    labels, probabilities, _ = pairs(9, decimals=2)
    false, true, _ = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    rates = rates_at(Ranking(labels, probabilities))
    for wanted in RECALLS:
        place = np.flatnonzero(true >= wanted - 1e-12)[0]
        assert_allclose(rates[f"recall recall {wanted:g}"], true[place])
        assert_allclose(rates[f"false_positive_rate recall {wanted:g}"], false[place])
