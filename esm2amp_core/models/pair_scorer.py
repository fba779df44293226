"""Many proteins held in memory, and their pairs scored by index."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from esm2amp_core.models.classifier import Classifier
from esm2amp_core.models.scoring import score_pairs

_GATHERED_PAIRS = 1024
"""Pairs whose features are copied together at a time."""


class PairScorer:
    """Scores pairs of proteins whose features it holds; `ModelBundle.scorer` makes one.

    Parameters
    ----------
    classifier : Classifier
        In evaluation mode.
    features : ndarray, dtype=float32, shape=(N, T, D)
        Of every protein, tokens in the order of the classifier's feature set.
    probabilities : callable
        From logits to calibrated probabilities, in which orders are compared.
    precision : str
        ``float32`` or ``bfloat16``: of the matrix products.
    """

    def __init__(
        self,
        classifier: Classifier,
        features: np.ndarray,
        probabilities: Callable[[np.ndarray], np.ndarray],
        *,
        precision: str = "float32",
    ) -> None:
        self._dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
        self._device = next(classifier.parameters()).device
        self._classifier, self._features, self._probabilities = classifier, features, probabilities

    def __len__(self) -> int:
        return len(self._features)

    def score(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score pairs: one logit per unordered pair.

        Parameters
        ----------
        first, second : ndarray, dtype=int64, shape=(M,)
            Rows of the features, from 0.

        Returns
        -------
        logits : ndarray, dtype=float64, shape=(M,)
            To the last digit the same for (first, second) and (second, first), in whatever batch. The mean
            of both orders where the classifier is not symmetric.
        order_difference : ndarray, dtype=float64, shape=(M,)
            How much the probabilities of the two orders differ; 0 where they cannot.

        Raises
        ------
        IndexError
            If there is no such row; negative ones count as none.
        ValueError
            If the two are not of one length.
        """
        first, second = (np.asarray(rows, dtype=np.int64) for rows in (first, second))
        if first.shape != second.shape or first.ndim != 1:
            raise ValueError(f"Rows of shape {first.shape} and {second.shape} make no pairs.")
        for rows in (first, second):
            if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
                raise IndexError(f"Rows must lie in 0 to {len(self) - 1}.")
        orders = np.empty((2, len(first)))
        for start in range(0, len(first), _GATHERED_PAIRS):
            part = slice(start, start + _GATHERED_PAIRS)
            a, b = self._features[first[part]], self._features[second[part]]
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
                orders[:, part] = score_pairs(self._classifier, a, b)
        one_order, other_order = orders
        difference = np.abs(self._probabilities(one_order) - self._probabilities(other_order))
        return (one_order + other_order) / 2, difference
