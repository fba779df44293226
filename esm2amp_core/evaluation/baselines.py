"""What reaches the same figures without a language model, without pairing, or without sequences.

Each is trained on the model's training pairs and scores the pairs the model scores. A model that is not
ahead of all of them has learned nothing of interactions that they do not show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

LENGTH_AND_AMINO_ACIDS = slice(0, 21)
"""Of the features that `composition` gives."""


@dataclass(frozen=True)
class IndexedPairs:
    """Pairs by the numbers of their proteins.

    Attributes
    ----------
    a, b : ndarray, dtype=int, shape=(N,)
        Rows of a table of proteins.
    labels : ndarray, dtype=int, shape=(N,)
        0 or 1.
    """

    a: np.ndarray
    b: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


Score = Callable[[IndexedPairs, IndexedPairs, np.ndarray, int], np.ndarray]
"""``score(train, pairs, features, seed)``: log-odds of `pairs`, shape (N,); features (n, 421) of proteins."""


@dataclass(frozen=True)
class Baseline:
    """A way to score pairs from training pairs and simple features.

    Attributes
    ----------
    name, title, description : str
    score : callable
        A `Score`.
    """

    name: str
    title: str
    description: str
    score: Score

    def probabilities(
        self, train: IndexedPairs, pairs: IndexedPairs, features: np.ndarray, *, seed: int
    ) -> np.ndarray:
        """Probability of interaction of each of `pairs`, shape (N,)."""
        return 1 / (1 + np.exp(-np.clip(self.score(train, pairs, features, seed), -500, 500)))


def protein_counts(train: IndexedPairs, n_proteins: int) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative training pairs of each protein, each shape (n_proteins,)."""
    both = np.concatenate([train.a, train.b])
    labels = np.concatenate([train.labels, train.labels])
    positive = np.bincount(both, labels, n_proteins)
    return positive, np.bincount(both, minlength=n_proteins) - positive


def score_by_identity(
    train: IndexedPairs, pairs: IndexedPairs, features: np.ndarray, seed: int
) -> np.ndarray:
    """Sum of both proteins' log-odds of a positive label in training; 0 for a protein not seen there.

    One pair of each label is added to every protein's counts.
    """
    positive, negative = protein_counts(train, len(features))
    log_odds = np.log((positive + 1) / (negative + 1))
    return log_odds[pairs.a] + log_odds[pairs.b]


def score_by_single_proteins(
    train: IndexedPairs, pairs: IndexedPairs, features: np.ndarray, seed: int
) -> np.ndarray:
    """Sum of what boosted trees say of each protein alone: g(A) + g(B).

    The trees learn, from a protein's length and amino-acid shares, the label of a training pair it is in:
    every training protein is shown with both labels, weighted by how many pairs of each it has.
    """
    features = features[:, LENGTH_AND_AMINO_ACIDS]
    positive, negative = protein_counts(train, len(features))
    seen = np.flatnonzero(positive + negative)
    labels = np.repeat([1, 0], len(seen))
    weights = np.concatenate([positive[seen], negative[seen]])
    trees = _trees(seed).fit(np.vstack([features[seen], features[seen]]), labels, sample_weight=weights)
    alone = trees.decision_function(features)
    return alone[pairs.a] + alone[pairs.b]


def score_by_amino_acids(
    train: IndexedPairs, pairs: IndexedPairs, features: np.ndarray, seed: int
) -> np.ndarray:
    """Boosted trees on sum and difference of lengths and amino-acid shares."""
    trees = _trees(seed).fit(_amino_acids(features, train), train.labels)
    return trees.decision_function(_amino_acids(features, pairs))


def score_by_dipeptides(
    train: IndexedPairs, pairs: IndexedPairs, features: np.ndarray, seed: int
) -> np.ndarray:
    """The same, with the sum of both proteins' dipeptide shares."""

    def of(some: IndexedPairs) -> np.ndarray:
        dipeptides = features[:, LENGTH_AND_AMINO_ACIDS.stop :]
        return np.hstack([_amino_acids(features, some), dipeptides[some.a] + dipeptides[some.b]])

    return _trees(seed).fit(of(train), train.labels).decision_function(of(pairs))


def _amino_acids(features: np.ndarray, pairs: IndexedPairs) -> np.ndarray:
    """Sum and absolute difference of both proteins' lengths and amino-acid shares, shape (N, 42)."""
    a, b = (features[rows, LENGTH_AND_AMINO_ACIDS] for rows in (pairs.a, pairs.b))
    return np.hstack([a + b, np.abs(a - b)])


def _trees(seed: int) -> HistGradientBoostingClassifier:
    """Scikit-learn's gradient boosting as it comes, but without a random part held back."""
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


BASELINES = (
    Baseline("identity", "Identity",
             "How often each protein interacts among the training pairs (log-odds), summed over the two. It "
             "never sees a sequence: above 0.5 it shows that labels can be read from which protein it is.",
             score_by_identity),
    Baseline("single_protein", "Single proteins",
             "Gradient boosting on each protein's length and amino-acid shares alone, summed over the two. "
             "It never sees a pair: above 0.5 it shows that some proteins interact more than others.",
             score_by_single_proteins),
    Baseline("amino_acids", "Amino-acid composition",
             "Gradient boosting on sum and difference of both proteins' lengths and amino-acid shares.",
             score_by_amino_acids),
    Baseline("dipeptides", "Amino-acid and dipeptide composition",
             "The same, with the summed shares of the 400 pairs of neighbouring residues.",
             score_by_dipeptides),
)  # fmt: skip
