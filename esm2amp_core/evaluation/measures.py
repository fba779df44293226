"""Figures of a binary prediction, for many weightings of the same pairs at once.

All of them are sums over pairs in the order of their scores, so one pass of cumulative sums serves all.
Without weights they equal scikit-learn's functions of the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MEASURES = (
    "auroc", "aupr", "accuracy", "balanced_accuracy", "mcc", "f1", "precision", "recall", "specificity",
    "brier", "ece",
)  # fmt: skip
N_BINS = 15
"""Equal intervals of probability for the calibration error, as in Guo et al., ICML 2017."""


@dataclass(frozen=True)
class Ranking:
    """Labelled pairs in the order of their scores.

    Attributes
    ----------
    labels : ndarray, dtype=int, shape=(N,)
        1 for pairs that interact, 0 for the others.
    probabilities : ndarray, dtype=float, shape=(N,)
    threshold : float
        Probability from which a pair is called interacting.

    Raises
    ------
    ValueError
        If shapes differ, only one label occurs, or a probability is missing or outside 0 to 1.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if np.shape(self.labels) != np.shape(self.probabilities) or np.ndim(self.labels) != 1:
            raise ValueError(f"Shapes {np.shape(self.labels)} and {np.shape(self.probabilities)} do not fit.")
        if set(np.unique(self.labels)) != {0, 1}:
            raise ValueError("Ranking figures need pairs of both labels, 0 and 1.")
        if not (np.min(self.probabilities) >= 0 and np.max(self.probabilities) <= 1):  # NaN fails both
            raise ValueError("Probabilities are numbers from 0 to 1.")

    @cached_property
    def scores(self) -> np.ndarray:
        """The distinct probabilities, the highest first, shape (B,)."""
        return np.asarray(self.probabilities, dtype=float)[self._order][self._starts]

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(-np.asarray(self.probabilities, dtype=float), kind="stable")

    @cached_property
    def _positive(self) -> np.ndarray:
        return np.asarray(self.labels, dtype=float)[self._order]

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where in `_order` the pairs of each distinct probability begin, shape (B,)."""
        falling = np.asarray(self.probabilities, dtype=float)[self._order]
        return np.append(0, np.flatnonzero(np.diff(falling)) + 1)

    @cached_property
    def _bin_starts(self) -> np.ndarray:
        """Where in `scores` each occupied interval of probability begins."""
        return np.sort(np.unique(bin_of(self.scores), return_index=True)[1])

    @cached_property
    def _n_called(self) -> int:
        """Distinct probabilities from which pairs are called interacting."""
        return int(np.sum(self.scores >= self.threshold))

    def counts(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Weight of true and of false positives if all pairs up to a score were called interacting.

        Parameters
        ----------
        weights : ndarray, dtype=float, shape=(R, N), optional
            Of the pairs, in the order of `labels`; R weightings at once. All 1 when absent (R = 1).

        Returns
        -------
        true_positives, false_positives : ndarray, dtype=float64, shape=(R, B)
            Up to and with each distinct probability, the highest first.
        """
        weights, positive = self._weights(weights)
        true = np.cumsum(positive, axis=1)
        return true, np.cumsum(weights, axis=1) - true

    def measure(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Every figure in `MEASURES`, shape (R,), under the weights that `counts` takes.

        A ratio whose denominator is 0 is 0, as in scikit-learn; figures of a weighting that leaves only
        one label are NaN.
        """
        weights, positive = self._weights(weights)
        both, true = np.cumsum(weights, axis=1), np.cumsum(positive, axis=1)  # (R, B)
        total, n_pos = both[:, -1].copy(), true[:, -1].copy()
        n_neg = total - n_pos
        last = self._n_called - 1
        tp, called = (rising[:, last].copy() if last >= 0 else 0 * total for rising in (true, both))
        fp, fn, tn = called - tp, n_pos - tp, n_neg - (called - tp)
        # Each interval's sum of probabilities minus labels; pairs of one score lie in one interval.
        gaps = np.add.reduceat(weights * self.scores - positive, self._bin_starts, axis=1)
        # Sum of (p - y)^2, with y^2 = y.
        squares = weights @ self.scores**2 + positive @ (1 - 2 * self.scores)
        with np.errstate(divide="ignore", invalid="ignore"):
            precisions = np.divide(true, both, out=np.zeros_like(true), where=both > 0)
            average_precision = np.einsum("rb,rb->r", positive, precisions) / n_pos
            # A negative is beaten by the positives above it, and half by those of its own score.
            beaten = np.einsum("rb,rb->r", weights - positive, true - positive / 2)
            recall, specificity = tp / n_pos, tn / n_neg
            figures = {
                "auroc": beaten / (n_pos * n_neg),
                "aupr": average_precision,
                "accuracy": (tp + tn) / total,
                "balanced_accuracy": (recall + specificity) / 2,
                "mcc": _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * n_pos * n_neg * (tn + fn))),
                "f1": _ratio(2 * tp, 2 * tp + fp + fn),
                "precision": _ratio(tp, tp + fp),
                "recall": recall,
                "specificity": specificity,
                "brier": squares / total,
                "ece": np.abs(gaps).sum(axis=1) / total,
            }
        one_label = (n_pos == 0) | (n_neg == 0)
        return {name: np.where(one_label, np.nan, values) for name, values in figures.items()}

    def _weights(self, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Weight of all and of the interacting pairs at each distinct probability, each shape (R, B)."""
        if weights is None:
            weights = np.ones((1, len(self.labels)))
        weights = np.take(np.asarray(weights, dtype=float), self._order, axis=1)
        positive = weights * self._positive
        if len(self._starts) == len(self._order):
            return weights, positive
        return tuple(np.add.reduceat(each, self._starts, axis=1) for each in (weights, positive))


def measure(labels: np.ndarray, probabilities: np.ndarray, *, threshold: float = 0.5) -> dict[str, float]:
    """Figures of a binary prediction.

    Parameters
    ----------
    labels : ndarray, dtype=int, shape=(N,)
        1 for pairs that interact, 0 for the others; both occur.
    probabilities : ndarray, dtype=float, shape=(N,)
    threshold : float
        Probability from which a pair is called interacting.

    Returns
    -------
    dict of str to float
        ``n_pairs``, ``n_positive``, and every figure in `MEASURES`.

    Raises
    ------
    ValueError
        If only one label occurs or a probability is missing.
    """
    figures = Ranking(labels, probabilities, threshold).measure()
    return {"n_pairs": len(labels), "n_positive": int(np.sum(labels)),
            **{name: float(values[0]) for name, values in figures.items()}}


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean binary cross-entropy of logits, in nats; both arrays of shape (N,)."""
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def bin_of(probabilities: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """Interval of each probability, from 0; one that lies on an edge belongs to the interval below."""
    return np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], probabilities)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, 0 where the denominator is 0."""
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)
