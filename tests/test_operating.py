"""Operating curves: shares of true and false pairs at a threshold, and what follows at a prevalence."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.errors import BundleError
from esm2amp_core.operating import MIN_CALLED, OperatingCurve

CURVE = OperatingCurve(
    thresholds=(0.0, 0.5, 0.9), recall=(1.0, 0.8, 0.3), false_positive_rate=(1.0, 0.1, 0.01),
    n_positive=1000, n_negative=1000, measured_on="test pairs",
)  # fmt: skip


@pytest.mark.parametrize(
    ("threshold", "prevalence", "precision"),
    [
        (0.5, 1 / 2, 8 / 9),
        (0.5, 1 / 11, 80 / 180),  # of 1,100 pairs 100 are true: 80 called, and 100 of 1,000 false ones
        (0.9, 1 / 101, 30 / 130),
        (0.9, 1 / 1001, 0.3 / 10.3),
        (0.0, 0.25, 0.25),
        (0.7, 1 / 2, 0.55 / (0.55 + 0.055)),
        (0.95, 1 / 2, 30 / 31),  # as at the highest threshold measured
        (0.5, 0.0, 0.0),
        (0.5, 1.0, 1.0),
    ],
)
def test_precision_follows_from_both_rates_and_the_prevalence(threshold, prevalence, precision):
    assert_allclose(CURVE.precision_at(threshold, prevalence), precision)


def test_a_false_positive_that_was_never_seen_is_taken_for_one_in_all_measured():
    curve = OperatingCurve(thresholds=(0.9,), recall=(0.5,), false_positive_rate=(0.0,),
                           n_positive=10, n_negative=200)  # fmt: skip
    assert curve.false_positive_rate_at(0.9) == 1 / 200
    assert_allclose(curve.precision_at(0.9, 1 / 101), 0.5 / (0.5 + 100 / 200))


@pytest.mark.parametrize(
    ("low", "high", "prevalence", "precision"),
    [
        (0.5, 1.01, 1 / 11, 80 / 180),  # no upper end: as at the threshold
        (0.5, 0.9, 1 / 2, 0.5 / 0.59),
        (0.0, 0.5, 1 / 101, 0.2 / (0.2 + 90)),
        (0.9, 0.95, 1 / 2, 30 / 31),
        (0.5, 0.5001, 1 / 2, None),
    ],
)
def test_a_range_of_probabilities_has_a_precision_of_its_own(low, high, prevalence, precision):
    found = CURVE.precision_between(low, high, prevalence)
    assert found == (precision if precision is None else pytest.approx(precision))


def test_ranges_add_up_to_the_whole():
    """Of 1,000 true and 10,000 false pairs, those of all ranges together are those above the lowest end."""
    prevalence, true = 1 / 11, 0.0
    for low, high in ((0.0, 0.5), (0.5, 0.9), (0.9, 2.0)):
        ends = [
            (CURVE.recall_at(p), CURVE.false_positive_rate_at(p)) if p <= 1 else (0, 0) for p in (low, high)
        ]
        called = 1000 * (ends[0][0] - ends[1][0]) + 10_000 * (ends[0][1] - ends[1][1])
        true += called * CURVE.precision_between(low, high, prevalence)
    assert true == pytest.approx(1000)


@pytest.mark.parametrize("prevalence", [-0.1, 1.1, float("nan")])
def test_a_prevalence_is_a_share(prevalence):
    with pytest.raises(ValueError, match="prevalence"):
        CURVE.precision_at(0.5, prevalence)


def test_a_small_set_is_kept_as_counted():
    labels = np.array([0, 1] * 10)
    probabilities = np.arange(20) / 20
    curve = OperatingCurve.from_scores(labels, probabilities, "here")
    for threshold in curve.thresholds:
        called = probabilities >= threshold
        assert_allclose(curve.recall_at(threshold), called[labels == 1].mean())
        assert_allclose(curve.false_positive_rate_at(threshold), max(called[labels == 0].mean(), 1 / 10))
    assert (curve.n_positive, curve.n_negative, curve.prevalence) == (10, 10, 0.5)
    assert max(curve.thresholds) == probabilities[-MIN_CALLED]


def test_a_large_set_is_summed_up_in_few_points_near_which_it_is_exact():
    random = np.random.default_rng(0)
    labels = (random.random(50_000) < 0.3).astype(int)
    probabilities = 1 / (1 + np.exp(-random.normal(size=50_000) - labels))
    curve = OperatingCurve.from_scores(labels, probabilities, "here", points=200)
    assert 100 < len(curve.thresholds) <= 200
    for threshold in (0.1, 0.5, 0.8, 0.95):
        called = probabilities >= threshold
        assert_allclose(curve.recall_at(threshold), called[labels == 1].mean(), atol=0.005)
        assert_allclose(curve.false_positive_rate_at(threshold), called[labels == 0].mean(), atol=0.005)
        assert_allclose(curve.precision_at(threshold, curve.prevalence), labels[called].mean(), atol=0.01)


def test_equal_scores_make_one_point():
    curve = OperatingCurve.from_scores(np.array([0, 1, 1]), np.full(3, 0.5), "here")
    assert (curve.thresholds, curve.recall, curve.false_positive_rate) == ((0.5,), (1.0,), (1.0,))


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 1], [0.1, 0.2]), ([0, 0], [0.1, 0.2]), ([0, 1], [0.1, np.nan])]
)
def test_a_curve_needs_both_labels_and_every_score(labels, scores):
    with pytest.raises(ValueError, match="both labels"):
        OperatingCurve.from_scores(np.array(labels), np.array(scores), "here")


def test_it_comes_back_from_json():
    assert OperatingCurve.from_dict(json.loads(json.dumps(CURVE.to_dict()))) == CURVE


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": [0.5, 0.1, 0.9]}, {"recall": [1, 0.5]}, {"recall": [0.1, 0.5, 0.9]},
        {"recall": [2, 1, 0]},
        {"false_positive_rate": [1, 0, -1]}, {"n_negative": 0}, {"n_positive": "many"}, {"thresholds": []},
        {"thresholds": None}, {"surplus": 1}, {"recall": [1, float("nan"), 0]},
        {"n_negative": 10**400}, {"recall": [10**400, 1, 0]}, {"measured_on": ["pairs"]},
    ],
)  # fmt: skip
def test_values_that_make_no_curve_are_refused(changes):
    with pytest.raises(BundleError):
        OperatingCurve.from_dict({**CURVE.to_dict(), **changes})
