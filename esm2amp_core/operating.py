"""How often a model is right at another share of true pairs than the one it was measured at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from esm2amp_core.errors import BundleError

MAX_PAIRS = 2**53  # whole numbers beyond are none in floating point
MIN_CALLED = 10
"""Pairs on which the strictest threshold of a curve rests: a share among fewer says little."""


@dataclass(frozen=True, kw_only=True)
class OperatingCurve:
    """Shares of true and of false pairs that reach a threshold, measured on labelled pairs.

    Attributes
    ----------
    thresholds : tuple of float, length=K
        Probabilities, rising strictly; a pair is called when its probability is at least the threshold.
    recall : tuple of float, length=K
        Share of the interacting pairs that are called (true positive rate), falling.
    false_positive_rate : tuple of float, length=K
        Share of the other pairs that are called, falling.
    n_positive, n_negative : int
        Pairs measured.
    measured_on : str
        Which pairs these were, for people.

    Raises
    ------
    BundleError
        If the values make no such curve: they may come from a bundle made by others.
    """

    thresholds: tuple[float, ...]
    recall: tuple[float, ...]
    false_positive_rate: tuple[float, ...]
    n_positive: int
    n_negative: int
    measured_on: str = ""

    def __post_init__(self) -> None:
        x = np.array(self.thresholds, dtype=float)
        rates = [np.array(values, dtype=float) for values in (self.recall, self.false_positive_rate)]
        sound = x.ndim == 1 and len(x) > 0 and np.isfinite(x).all() and (np.diff(x) > 0).all()
        sound = sound and all(y.shape == x.shape for y in rates)
        sound = sound and all(((y >= 0) & (y <= 1)).all() and (np.diff(y) <= 0).all() for y in rates)
        counts = (self.n_positive, self.n_negative)
        sound = sound and all(isinstance(n, int) and 0 < n <= MAX_PAIRS for n in counts)
        if not sound or not isinstance(self.measured_on, str):
            raise BundleError("The operating curve is none: thresholds must rise and both rates fall.",
                              hint="Evaluate the model again.")

    @classmethod
    def from_scores(
        cls, labels: np.ndarray, probabilities: np.ndarray, measured_on: str, points: int = 200
    ) -> Self:
        """Measure a curve.

        Parameters
        ----------
        labels, probabilities : ndarray, shape=(N,)
            0 or 1, and the calibrated probability, of pairs the classifier was not trained on.
        measured_on : str
        points : int
            Thresholds kept at most: half of them spread over all pairs, half towards the best scored,
            where a small share of false pairs decides.

        Raises
        ------
        ValueError
            If only one label occurs or a probability is missing.
        """
        labels, probabilities = np.asarray(labels).astype(bool), np.asarray(probabilities, dtype=float)
        if labels.all() or not labels.any() or not np.isfinite(probabilities).all():
            raise ValueError("An operating curve needs pairs of both labels, all of them scored.")
        n = len(labels)
        called = np.concatenate([np.linspace(n, 1, points // 2), np.geomspace(n, 1, points - points // 2)])
        called = np.unique(np.maximum(called.round().astype(int), min(MIN_CALLED, n)))
        thresholds = np.unique(np.sort(probabilities)[n - called])
        positive, negative = np.sort(probabilities[labels]), np.sort(probabilities[~labels])
        recall, false = (1 - np.searchsorted(s, thresholds) / len(s) for s in (positive, negative))
        return cls(thresholds=tuple(thresholds.tolist()), recall=tuple(recall.tolist()),
                   false_positive_rate=tuple(false.tolist()), n_positive=len(positive),
                   n_negative=len(negative), measured_on=measured_on)

    @property
    def prevalence(self) -> float:
        """Share of interacting pairs among those it was measured on."""
        return self.n_positive / (self.n_positive + self.n_negative)

    def recall_at(self, threshold: float) -> float:
        """Share of the interacting pairs whose probability is at least `threshold`, between points a line."""
        return float(np.interp(threshold, self.thresholds, self.recall))

    def false_positive_rate_at(self, threshold: float) -> float:
        """Share of the other pairs whose probability is at least `threshold`.

        Where none of them was, at least one of them is assumed: a rarer event cannot be seen in so few.
        """
        measured = np.interp(threshold, self.thresholds, self.false_positive_rate)
        return float(max(measured, 1 / self.n_negative))

    def precision_at(self, threshold: float, prevalence: float) -> float:
        """Expected share of interacting pairs among those called, by Bayes' rule.

        Parameters
        ----------
        threshold : float
            Called are pairs of at least this probability. Below the lowest threshold and above the highest,
            the curve goes on as at that one.
        prevalence : float
            Share of interacting pairs among all that are asked about, between 0 and 1. The pairs are taken
            to be otherwise like those the curve was measured on.

        Raises
        ------
        ValueError
            If `prevalence` is no share.
        """
        return _precision(self.recall_at(threshold), self.false_positive_rate_at(threshold), prevalence)

    def precision_between(self, low: float, high: float, prevalence: float) -> float | None:
        """Expected share of interacting pairs among those with a probability from `low` to below `high`.

        None where too few of the pairs measured lie there to tell. Other terms as for `precision_at`.
        """
        if high > self.thresholds[-1]:  # nothing was measured beyond: all from `low` on count
            return self.precision_at(low, prevalence)
        recall = self.recall_at(low) - self.recall_at(high)
        false = float(np.subtract(*np.interp([low, high], self.thresholds, self.false_positive_rate)))
        if recall * self.n_positive + false * self.n_negative < MIN_CALLED:
            return None
        return _precision(recall, max(false, 1 / self.n_negative), prevalence)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self).items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The curve that `to_dict` wrote.

        Raises
        ------
        BundleError
            If it is none.
        """
        try:
            curves = {name: tuple(map(float, values[name]))
                      for name in ("thresholds", "recall", "false_positive_rate")}
            return cls(**{**values, **curves})
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise BundleError(f"The operating curve cannot be read: {error}.") from None


def _precision(recall: float, false_positive_rate: float, prevalence: float) -> float:
    """Bayes' rule."""
    if not 0 <= prevalence <= 1:
        raise ValueError(f"A prevalence lies from 0 to 1, not at {prevalence}.")
    true, false = prevalence * recall, (1 - prevalence) * false_positive_rate
    return true / (true + false) if true + false else 0.0
