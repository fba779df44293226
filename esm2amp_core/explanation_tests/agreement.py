"""Do methods rank a pair's tokens alike?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.explanation_tests.arrays import Arrays, known_mean, long_frame


@dataclass(frozen=True)
class Agreement(Arrays):
    """How alike methods rank a pair's tokens.

    Attributes
    ----------
    methods : tuple of str, length=M
    rows : ndarray, dtype=int64, shape=(N,)
    correlations : ndarray, dtype=float64, shape=(N, M, M)
        Spearman rank correlations of magnitudes; NaN where a method ranks nothing.
    signed_correlations : ndarray, shape=(N, M, M)
        The same of signed values: do they agree on what speaks for the score and what against it? NaN where
        a method has no signs.
    """

    methods: tuple[str, ...]
    rows: np.ndarray
    correlations: np.ndarray
    signed_correlations: np.ndarray

    SHAPES = {"methods": "M", "rows": "N", "correlations": "NMM", "signed_correlations": "NMM"}

    @property
    def mean(self) -> np.ndarray:
        """Mean over the pairs for which it is known: ndarray, shape=(M, M)."""
        return known_mean(self.correlations, axis=0)

    @property
    def signed_mean(self) -> np.ndarray:
        """The same of `signed_correlations`."""
        return known_mean(self.signed_correlations, axis=0)

    def frame(self) -> pd.DataFrame:
        """One line per pair and two methods, each two once."""
        frame = long_frame({"row": self.rows, "method": self.methods, "other": self.methods},
                           {"rank_correlation": self.correlations,
                            "signed_rank_correlation": self.signed_correlations})
        place = {method: i for i, method in enumerate(self.methods)}
        return frame[frame["method"].map(place) < frame["other"].map(place)].reset_index(drop=True)
