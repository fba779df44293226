import numpy as np
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.evaluation.intervals import pair_weights, protein_weights, resample
from esm2amp_core.evaluation.measures import Ranking, measure
from esm2amp_core.progress import Cancelled


def network(random, *, n_proteins, n_pairs, effect):
    """Pairs whose label and score both depend on their proteins, the more the larger `effect` is."""
    a = random.integers(0, n_proteins, n_pairs)
    b = (a + random.integers(1, n_proteins, n_pairs)) % n_proteins
    sociable, overrated = random.normal(scale=effect, size=(2, n_proteins))
    labels = random.random(n_pairs) < 1 / (1 + np.exp(-(sociable[a] + sociable[b])))
    scores = overrated[a] + overrated[b] + labels + random.normal(size=n_pairs)
    return a, b, labels.astype(int), 1 / (1 + np.exp(-scores))


def coverage(effect, *, n_sets=120):
    """Shares of simulated data sets whose interval holds the true AUROC, by kind of interval."""
    random = np.random.default_rng(5)
    large = [network(random, n_proteins=4000, n_pairs=40_000, effect=effect)[2:] for _ in range(12)]
    truth = np.mean([measure(*each)["auroc"] for each in large])
    hits = {"ours": 0, "pairs drawn": 0, "pigeonhole": 0}
    for seed in range(n_sets):
        a, b, labels, probabilities = network(random, n_proteins=80, n_pairs=700, effect=effect)
        ranking = Ranking(labels, probabilities)
        drawn = resample(ranking.measure, a, b, n_resamples=200, seed=seed)
        ours = drawn.interval("auroc", float(ranking.measure()["auroc"][0]))
        hits["ours"] += ours.low <= truth <= ours.high
        for name, values in (("pairs drawn", drawn.by_pair), ("pigeonhole", drawn.by_protein)):
            low, high = np.quantile(values["auroc"], [0.025, 0.975])
            hits[name] += low <= truth <= high
    return {name: hit / n_sets for name, hit in hits.items()}


def test_where_pairs_depend_on_their_proteins_the_interval_covers_and_drawing_pairs_does_not():
    shares = coverage(1.0)
    # 95 %, give or take what 120 data sets can show (two standard errors are 4 %) and 80 proteins cost.
    assert 0.89 <= shares["ours"] <= 0.99
    assert shares["pairs drawn"] < shares["ours"] - 0.1


def test_where_pairs_do_not_depend_on_their_proteins_the_interval_is_not_too_wide():
    shares = coverage(0.0)
    assert 0.91 <= shares["ours"] <= 0.995
    assert shares["pigeonhole"] > 0.99


def test_the_variance_is_that_of_the_dyadic_sandwich():
    # For a mean the sandwich estimator can be written down: products of all pairs that share a protein.
    random = np.random.default_rng(0)
    a, b, labels, _ = network(random, n_proteins=40, n_pairs=300, effect=1.0)
    share = (a[:, None] == a) | (a[:, None] == b) | (b[:, None] == a) | (b[:, None] == b)
    error = (labels - labels.mean()) / len(labels)
    sandwich = error @ share @ error

    def mean(weights):
        return {"mean": weights @ labels / weights.sum(axis=1)}

    drawn = resample(mean, a, b, n_resamples=20_000, seed=1)
    found = drawn.interval("mean", labels.mean())
    assert_allclose((found.high - found.low) / (2 * 1.96), np.sqrt(sandwich), rtol=0.1)


def test_a_pair_counts_as_often_as_its_proteins_were_drawn_together():
    a, b = np.array([0, 1, 2, 2]), np.array([1, 2, 2, 0])
    weights = np.vstack(list(protein_weights(a, b, 2000, np.random.default_rng(0))))
    assert weights.shape == (2000, 4)
    # The pair of protein 2 with itself tells how often protein 2 was drawn, and 3 were drawn in all.
    times = np.column_stack([weights[:, 0], weights[:, 1], weights[:, 2]])
    assert set(np.unique(times[:, 2])) <= {0, 1, 2, 3}
    assert_allclose(weights[:, 2].mean(), 1, atol=0.07)
    # Three draws from three proteins: E[w_i w_j] = 3 * 2 / 9.
    assert_allclose(weights[:, [0, 1, 3]].mean(axis=0), 2 / 3, atol=0.07)


def test_drawing_pairs_draws_as_many_as_there_are():
    weights = np.vstack(list(pair_weights(7, 50, np.random.default_rng(0))))
    assert weights.shape == (50, 7) and (weights.sum(axis=1) == 7).all()


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    a, b, labels, probabilities = network(np.random.default_rng(3), n_proteins=30, n_pairs=200, effect=1)
    statistic = Ranking(labels, probabilities).measure
    first, again, other = (resample(statistic, a, b, n_resamples=100, seed=seed).interval("auroc", 0.6)
                           for seed in (1, 1, 2))
    assert first == again != other


def test_names_of_proteins_do_not_matter():
    a, b, labels, probabilities = network(np.random.default_rng(3), n_proteins=30, n_pairs=200, effect=1)
    statistic = Ranking(labels, probabilities).measure
    numbers = resample(statistic, a, b, n_resamples=60).interval("auroc", 0.6)
    names = resample(statistic, np.array([f"P{i:03}" for i in a]), np.array([f"P{i:03}" for i in b]),
                     n_resamples=60).interval("auroc", 0.6)
    assert names == numbers


def test_the_difference_of_a_model_from_itself_is_nothing():
    a, b, labels, probabilities = network(np.random.default_rng(4), n_proteins=30, n_pairs=200, effect=1)
    ranking = Ranking(labels, probabilities)

    def twice(weights):
        found = ranking.measure(weights)["auroc"]
        return {"one": found, "other": found.copy()}

    found = resample(twice, a, b, n_resamples=100).difference("one", "other", 0.0)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_a_paired_difference_is_surer_than_its_parts():
    random = np.random.default_rng(6)
    a, b, labels, probabilities = network(random, n_proteins=80, n_pairs=700, effect=1)
    better = np.clip(probabilities + 0.02 * labels + 0.01 * random.normal(size=len(labels)), 0, 1)
    rankings = {"one": Ranking(labels, better), "other": Ranking(labels, probabilities)}

    def both(weights):
        return {name: ranking.measure(weights)["auroc"] for name, ranking in rankings.items()}

    drawn = resample(both, a, b, n_resamples=300)
    values = {name: float(ranking.measure()["auroc"][0]) for name, ranking in rankings.items()}
    alone = drawn.interval("one", values["one"])
    ahead = drawn.difference("one", "other", values["one"] - values["other"])
    assert ahead.low > 0
    assert ahead.high - ahead.low < (alone.high - alone.low) / 3


def test_bounds_are_kept_and_unknown_intervals_say_so():
    a, b, labels, probabilities = network(np.random.default_rng(4), n_proteins=10, n_pairs=30, effect=0)
    drawn = resample(Ranking(labels, np.where(labels == 1, 0.9, 0.1)).measure, a, b, n_resamples=100)
    sure = drawn.interval("auroc", 1.0, low=0, high=1)
    assert (sure.low, sure.high) == (1, 1)
    nothing = resample(lambda weights: {"nan": np.full(len(weights), np.nan)}, a, b, n_resamples=100)
    assert not nothing.interval("nan", 0.5).is_known


def test_resampling_can_be_stopped():
    a, b, labels, probabilities = network(np.random.default_rng(4), n_proteins=10, n_pairs=30, effect=0)

    def stop(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        resample(Ranking(labels, probabilities).measure, a, b, report=stop)
