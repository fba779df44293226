"""Would a method say the same of a model that learned nothing?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.explanation_tests.arrays import Arrays, known_mean, long_frame

ALIKE = 0.5
"""Rank correlation from which an explanation is too much like that of a model that learned nothing."""


@dataclass(frozen=True)
class Randomisation(Arrays):
    """How much explanations resemble those of the same model with its weights shuffled.

    Attributes
    ----------
    methods : tuple of str, length=M
    reasons : tuple of str, length=M
        Why a method was not checked; empty where it was.
    rows : ndarray, dtype=int64, shape=(N,)
    correlations : ndarray, dtype=float64, shape=(M, R, N)
        Spearman rank correlation between the sizes of what a method says of each token, of the model and of
        its r-th shuffle; size: the value without its sign. NaN where unknown.
    magnitude_correlations : ndarray, shape=(M, R, N)
        The same between the magnitudes. They may show a token's distance from the baseline more than the
        model, as those of Integrated Gradients do.
    """

    methods: tuple[str, ...]
    reasons: tuple[str, ...]
    rows: np.ndarray
    correlations: np.ndarray
    magnitude_correlations: np.ndarray

    SHAPES = {"methods": "M", "reasons": "M", "rows": "N", "correlations": "MRN",
              "magnitude_correlations": "MRN"}  # fmt: skip

    @property
    def mean(self) -> np.ndarray:
        """Mean over shuffles and pairs: ndarray, shape=(M,), NaN for methods that were not checked."""
        return known_mean(self.correlations, axis=(1, 2))

    @property
    def magnitude_mean(self) -> np.ndarray:
        """The same of `magnitude_correlations`."""
        return known_mean(self.magnitude_correlations, axis=(1, 2))

    @property
    def passes(self) -> np.ndarray:
        """True where a method looks clearly different without what the model learned: dtype=bool, (M,)."""
        return self.mean < ALIKE

    def frame(self) -> pd.DataFrame:
        """One line per method, shuffle and pair."""
        draws = range(1, self.correlations.shape[1] + 1)
        return long_frame({"method": self.methods, "shuffle": draws, "row": self.rows},
                          {"rank_correlation": self.correlations,
                           "magnitude_rank_correlation": self.magnitude_correlations})
