"""ROC, precision-recall and reliability curves, and what a threshold means where interactions are rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from esm2amp_core.evaluation.intervals import Replicates
from esm2amp_core.evaluation.measures import N_BINS, Ranking, bin_of
from esm2amp_core.reports import PREVALENCES, Curves, Interval, OperatingPoint

RECALLS = (0.1, 0.25, 0.5, 0.75)
"""Shares of the interacting pairs that a stricter or milder threshold would find."""
MAX_POINTS = 400
"""Points kept of a curve: more than a screen shows."""


def rates_at(ranking: Ranking, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Recall and false positive rate at the threshold and at each of `RECALLS`.

    Parameters
    ----------
    weights : ndarray, shape=(R, N), optional
        As `Ranking.counts` takes them.

    Returns
    -------
    dict of str to ndarray, shape=(R,)
        By ``recall POINT``, ``false_positive_rate POINT`` and ``precision POINT PREVALENCE``.
    """
    true, false = ranking.counts(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, false_rate = true / true[:, -1:], false / false[:, -1:]
    rates: dict[str, np.ndarray] = {}
    for name, places in _places(ranking, recall).items():
        inside, rows = places >= 0, np.arange(len(true))
        tpr, fpr = (np.where(inside, rate[rows, places], 0.0) for rate in (recall, false_rate))
        rates |= {f"recall {name}": tpr, f"false_positive_rate {name}": fpr}
        rates |= {f"precision {name} {prevalence}": precision_at(tpr, fpr, prevalence)
                  for prevalence in PREVALENCES}  # fmt: skip
    return rates


def precision_at(recall: np.ndarray, false_positive_rate: np.ndarray, prevalence: str) -> np.ndarray:
    """Share of the called pairs that interact, where interacting ones are to others as ``1:10`` says.

    0 where nothing is called. From Bayes' rule; both rates are taken to be those measured.
    """
    true, false = (float(part) for part in prevalence.split(":"))
    called = recall * true + false_positive_rate * false
    return np.where(called > 0, recall * true / np.where(called > 0, called, 1.0), 0.0)


def operating_points(ranking: Ranking, replicates: Replicates) -> tuple[OperatingPoint, ...]:
    """What calling pairs from the threshold, or from that of each of `RECALLS`, would mean."""
    true, false = ranking.counts()
    estimates = rates_at(ranking)
    points = []
    for name, places in _places(ranking, true / true[:, -1:]).items():
        place = int(places[0])

        def interval(key: str) -> Interval:
            return replicates.interval(key, float(estimates[key][0]), low=0, high=1)

        point = OperatingPoint(
            name=name,
            threshold=float(ranking.threshold if name == "threshold" else ranking.scores[place]),
            true_positives=int(true[0, place]) if place >= 0 else 0,
            false_positives=int(false[0, place]) if place >= 0 else 0,
            recall=interval(f"recall {name}"),
            false_positive_rate=interval(f"false_positive_rate {name}"),
            precision={share: interval(f"precision {name} {share}") for share in PREVALENCES},
        )
        points.append(point if point.false_positives else _none_seen(point, int(false[0, -1])))
    return tuple(points)


def _none_seen(point: OperatingPoint, n_negative: int) -> OperatingPoint:
    """The point where no false positive was seen: no resampling shows one, yet there may be some.

    Up to 3 in `n_negative` are compatible with none (Hanley and Lippman-Hand, JAMA 1983;249:1743).
    """
    highest = min(3 / n_negative, 1.0)
    lowest = {share: float(precision_at(np.array(point.recall.value), np.array(highest), share))
              for share in PREVALENCES}  # fmt: skip
    return replace(
        point,
        false_positive_rate=Interval(0.0, 0.0, highest),
        precision={share: replace(found, low=min(lowest[share], found.value),
                                  high=1.0 if point.true_positives else found.value)
                   for share, found in point.precision.items()},
    )  # fmt: skip


def observed_shares(ranking: Ranking, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Share of interacting pairs in each occupied interval of probability, by ``bin NUMBER``."""
    bins = bin_of(ranking.probabilities)
    weights = np.ones((1, len(bins))) if weights is None else weights
    shares = {}
    for number in np.unique(bins):
        inside = np.flatnonzero(bins == number)
        part = weights[:, inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares[f"bin {number}"] = (part @ ranking.labels[inside]) / part.sum(axis=1)
    return shares


def curves(ranking: Ranking, replicates: Replicates) -> Curves:
    """Points of all three curves."""
    true, false = (counts[0] for counts in ranking.counts())
    kept = _spread(true / true[-1], false / false[-1])
    recall, false_rate = true[kept] / true[-1], false[kept] / false[-1]
    precision = true[kept] / (true[kept] + false[kept])
    bins = bin_of(ranking.probabilities)
    occupied = np.unique(bins)
    shares = {name: float(values[0]) for name, values in observed_shares(ranking).items()}
    # Where all pairs of an interval are alike, resampling them shows nothing else.
    intervals = [replicates.interval(name, value, low=0, high=1) if 0 < value < 1 else Interval(value)
                 for name, value in shares.items()]
    return Curves(
        thresholds=ranking.scores[kept].tolist(),
        recall=[0.0, *recall],
        false_positive_rate=[0.0, *false_rate],
        precision=precision.tolist(),
        bin_low=(occupied / N_BINS).tolist(),
        bin_high=((occupied + 1) / N_BINS).tolist(),
        bin_pairs=[int(np.sum(bins == number)) for number in occupied],
        bin_probability=[float(np.mean(ranking.probabilities[bins == number])) for number in occupied],
        bin_observed=list(shares.values()),
        bin_observed_low=[interval.low for interval in intervals],
        bin_observed_high=[interval.high for interval in intervals],
    )


def _places(ranking: Ranking, recall: np.ndarray) -> Mapping[str, np.ndarray]:
    """Where in `scores` the threshold of each operating point lies, shape (R,); -1 where none is called."""
    last = int(np.sum(ranking.scores >= ranking.threshold)) - 1
    places = {"threshold": np.full(len(recall), last)}
    for wanted in RECALLS:
        # A hair less: a share like 0.1 of the pairs must not be missed by rounding.
        found = [np.searchsorted(row, wanted - 1e-12) for row in recall]
        places[f"recall {wanted:g}"] = np.minimum(found, recall.shape[1] - 1)
    return places


def _spread(recall: np.ndarray, false_rate: np.ndarray) -> np.ndarray:
    """Places of at most `MAX_POINTS` points spread along the ROC curve, both ends kept."""
    if len(recall) <= MAX_POINTS:
        return np.arange(len(recall))
    along = (recall + false_rate) / 2
    # The beginning matters most where interactions are rare: half of the points go to its first tenth.
    wanted = np.concatenate([np.linspace(0, 0.1, MAX_POINTS // 2), np.linspace(0.1, 1, MAX_POINTS // 2)])
    return np.unique(np.clip(np.searchsorted(along, wanted), 0, len(recall) - 1))
