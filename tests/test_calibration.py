"""Calibration: of pairs scored 0.8, eight in ten interact, and the ranking stays."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from esm2amp_core.calibration import (
    MIN_STEP,
    Calibration,
    fit_by_isotonic,
    fit_by_temperature,
    fit_calibration,
    sigmoid,
)
from esm2amp_core.errors import BundleError

ISOTONIC = Calibration(method="isotonic", temperature=2.0, knot_logits=(-1.0, 0.0, 2.0),
                       knot_probabilities=(0.2, 0.5, 0.9))  # fmt: skip


def draw(n, true_probability, seed=0):
    """Logits, and labels that are 1 with the probability that belongs to the logit."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=n) * 2
    return (random.random(n) < true_probability(logits)).astype(int), logits


def test_the_sigmoid_neither_overflows_nor_loses_small_probabilities():
    logits = np.array([-1e4, -40.0, 0.0, 40.0, 1e4, np.nan])
    with np.errstate(all="raise", under="ignore"):
        probabilities = sigmoid(logits)
    assert_allclose(probabilities[:5], [0, 4.248354255291589e-18, 0.5, 1, 1], rtol=1e-12)
    assert np.isnan(probabilities[5])


def test_without_a_calibrator_the_logit_counts_as_it_is():
    assert_allclose(Calibration().probabilities(np.array([0.0, 2.0])), [0.5, 0.8807970780])


def test_a_temperature_divides_the_logit():
    half = Calibration(method="temperature", temperature=2.0)
    assert_allclose(half.probabilities(np.array([[0.0, 2.0]])), [[0.5, 0.7310585786]])


def test_isotonic_goes_through_its_knots_and_straight_in_log_odds_between_and_beyond():
    between = sigmoid(np.log(0.9 / 0.1) / 2)  # half-way in log-odds from 0.5 to 0.9
    beyond = sigmoid(np.log(0.9 / 0.1) + 3 / 2.0)
    below = sigmoid(np.log(0.2 / 0.8) - 3 / 2.0)
    found = ISOTONIC.probabilities(np.array([-1.0, 0.0, 2.0, 1.0, 5.0, -4.0]))
    assert_allclose(found, [0.2, 0.5, 0.9, between, beyond, below])


@pytest.mark.parametrize(
    "calibration", [Calibration(), Calibration(method="temperature", temperature=0.1), ISOTONIC]
)
def test_nothing_is_certain_and_missing_stays_missing(calibration):
    found = calibration.probabilities(np.array([-np.inf, -1e9, -50, 50, 1e9, np.inf, np.nan]))
    assert np.isnan(found[-1])
    assert (found[:-1] > 0).all() and (found[:-1] < 1).all()
    assert (np.diff(found[:-1]) >= 0).all()


def test_what_is_fitted_keeps_the_ranking():
    labels, logits = draw(3000, lambda x: 0.1 + 0.8 * (x > 0))
    probabilities = fit_by_isotonic(labels, logits).probabilities(np.sort(logits))
    assert (np.diff(probabilities) > 0).all()


def test_the_temperature_that_made_the_labels_is_found():
    labels, logits = draw(20_000, lambda x: sigmoid(x / 2.5))
    assert_allclose(fit_by_temperature(labels, logits).temperature, 2.5, rtol=0.05)


def test_isotonic_finds_a_curve_that_no_temperature_has():
    labels, logits = draw(40_000, lambda x: 0.1 + 0.8 * sigmoid(3 * x + 2))
    grid = np.linspace(-3, 3, 25)
    fitted = fit_by_isotonic(labels, logits).probabilities(grid)
    assert_allclose(fitted, 0.1 + 0.8 * sigmoid(3 * grid + 2), atol=0.05)


def test_isotonic_keeps_the_mean_of_what_it_was_fitted_on():
    labels, logits = draw(5000, lambda x: sigmoid(x - 1))
    fitted = fit_by_isotonic(labels, logits).probabilities(logits)
    assert_allclose(fitted.mean(), labels.mean(), atol=0.01)


def test_each_step_rests_on_enough_pairs():
    labels, logits = draw(40 * MIN_STEP, sigmoid)
    fitted = fit_by_isotonic(labels, logits)
    knots = np.array(fitted.knot_logits)
    assert 3 < len(knots) <= 40
    edges = np.concatenate([[-np.inf], (knots[1:] + knots[:-1]) / 2, [np.inf]])  # about those of the steps
    assert np.histogram(logits, edges)[0].min() >= MIN_STEP / 3


def test_scores_that_separate_the_labels_stay_short_of_certainty():
    logits = np.linspace(-3, 3, 400)
    fitted = fit_by_isotonic((logits > 0).astype(int), logits)
    assert_allclose(fitted.knot_probabilities, [0.5 / 201, 200.5 / 201])


def test_scores_that_rank_the_wrong_way_round_end_in_one_knot_and_still_rise():
    labels, logits = draw(2000, lambda x: sigmoid(-2 * x))
    fitted = fit_by_isotonic(labels, logits)
    assert len(fitted.knot_logits) == 1
    assert_allclose(fitted.knot_probabilities, [(labels.sum() + 0.5) / 2001])
    assert (np.diff(fitted.probabilities(np.linspace(-2, 2, 9))) > 0).all()


@pytest.mark.parametrize(
    ("truth", "method"),
    [(lambda x: sigmoid(x / 3), "temperature"), (lambda x: 0.3 + 0.4 * sigmoid(4 * x - 6), "isotonic")],
)
def test_the_method_that_predicts_held_out_pairs_better_is_taken(truth, method):
    labels, logits = draw(8000, truth)
    fitted = fit_calibration(labels, logits)
    assert fitted.method == method == min(fitted.log_loss, key=fitted.log_loss.get)
    assert fitted.n_pairs == 8000


def test_pairs_are_judged_without_pairs_of_their_proteins():
    """Labels hang on the protein alone: whoever has seen the protein can fit it, nobody else."""
    random = np.random.default_rng(0)
    proteins = np.repeat(np.arange(60), 120)
    labels = (random.random(60) < 0.5).astype(int)[proteins]
    logits = proteins + random.random(len(proteins)) / 2 - 30
    seen = fit_calibration(labels, logits).log_loss["isotonic"]
    unseen = fit_calibration(labels, logits, groups=np.stack([proteins, proteins + 1000], axis=1))
    assert unseen.log_loss["isotonic"] > seen + 0.01


def test_a_fit_needs_both_labels_and_every_score():
    with pytest.raises(ValueError, match="both labels"):
        fit_calibration(np.ones(5), np.arange(5.0))
    with pytest.raises(ValueError, match="both labels"):
        fit_calibration(np.array([0, 1]), np.array([0.0, np.nan]))


def test_few_pairs_are_fitted_too():
    fitted = fit_calibration(np.array([0, 1]), np.array([-1.0, 1.0]))
    assert fitted.method == "temperature"


def test_it_comes_back_from_json():
    labels, logits = draw(3000, lambda x: 0.3 + 0.4 * sigmoid(4 * x))
    for fitted in (fit_calibration(labels, logits), Calibration(), ISOTONIC):
        back = Calibration.from_dict(json.loads(json.dumps(fitted.to_dict())))
        assert back == fitted
        assert_array_equal(back.probabilities(logits), fitted.probabilities(logits))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "magic"}, {"temperature": 0}, {"temperature": "hot"}, {"knot_logits": [0, 0, 1]},
        {"knot_probabilities": [0.1, 0.2]}, {"knot_probabilities": [0.0, 0.5, 1.0]}, {"knot_logits": None},
        {"knot_logits": []}, {"method": "temperature"}, {"n_pairs": "many"}, {"log_loss": 3}, {"spell": 1},
        {"knot_logits": [float("nan"), 0, 1]}, {"temperature": 10**400}, {"knot_logits": [0, 1, 10**400]},
    ],
)  # fmt: skip
def test_values_that_make_no_rising_function_are_refused(changes):
    with pytest.raises(BundleError):
        Calibration.from_dict({**ISOTONIC.to_dict(), **changes})
