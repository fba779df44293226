"""Deletion and insertion: does the score follow the tokens that a method calls important?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.explanation_tests.arrays import Arrays, known_mean, long_frame
from esm2amp_core.explanation_tests.p_values import SIGNIFICANT, holm

CURVES = {"deletion": "Taking segments away", "insertion": "Adding segments"}
"""What is done to a pair, in words."""


@dataclass(frozen=True)
class Faithfulness(Arrays):
    """What happens to the score when tokens go, or come, in the order that a method calls important.

    N pairs, M methods, K = 2T + 1 steps. A score is the area between a method's curve and the mean of random
    orders, in units of the pair's logit minus that of the baseline pair: above 0 is better than random.

    Attributes
    ----------
    methods : tuple of str, length=M
    rows : ndarray, dtype=int64, shape=(N,)
    deletion, insertion : ndarray, dtype=float64, shape=(N, M, K)
        Logit after k tokens, the most important first, were taken from the pair, or added to nothing.
    random_deletion, random_insertion : ndarray, shape=(N, 3, K)
        Mean of random orders, and where their central 95 % begin and end.
    difference : ndarray, shape=(N,)
        Logit of the pair minus that of the baseline pair.
    deletion_score, insertion_score, score : ndarray, shape=(N, M)
        `score` is the mean of the two; NaN where the difference is too small to be divided.
    random_score : ndarray, shape=(N, 2)
        Between which scores the central 95 % of random orders lie.
    p_values : ndarray, shape=(N, M)
        Share of random orders with at least this score, one added to both counts; each by itself.
    mean_score, mean_low, mean_high : ndarray, shape=(M,)
        Mean over pairs with its 95 % interval by proteins; the ends are NaN for fewer than ten pairs.
    mean_p_values : ndarray, shape=(M,)
        The same share for the mean over all pairs: one test per method.
    share_low, share_high : ndarray, shape=(M,)
        95 % interval of `share_better`, as for the mean.
    n_orders : int
        Random orders per pair.
    """

    methods: tuple[str, ...]
    rows: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    difference: np.ndarray
    deletion_score: np.ndarray
    insertion_score: np.ndarray
    score: np.ndarray
    random_score: np.ndarray
    p_values: np.ndarray
    mean_score: np.ndarray
    mean_low: np.ndarray
    mean_high: np.ndarray
    mean_p_values: np.ndarray
    share_low: np.ndarray
    share_high: np.ndarray
    n_orders: int

    SHAPES = {
        "methods": "M", "rows": "N", "deletion": "NMK", "insertion": "NMK", "random_deletion": "NBK",
        "random_insertion": "NBK", "difference": "N", "deletion_score": "NM", "insertion_score": "NM",
        "score": "NM", "random_score": "NE", "p_values": "NM", "mean_score": "M", "mean_low": "M",
        "mean_high": "M", "mean_p_values": "M", "share_low": "M", "share_high": "M",
    }  # fmt: skip

    @property
    def better_than_random(self) -> np.ndarray:
        """For which pairs a method does better than random orders: ndarray, dtype=bool, shape=(N, M)."""
        return self.corrected_p_values <= SIGNIFICANT  # NaN is not

    @property
    def corrected_p_values(self) -> np.ndarray:
        """`p_values` corrected, in each pair, for the number of methods (Holm): ndarray, shape=(N, M)."""
        return holm(self.p_values)

    @property
    def share_better(self) -> np.ndarray:
        """Share of the pairs that could be judged for which a method does better: ndarray, shape=(M,)."""
        return known_mean(np.where(np.isfinite(self.p_values), self.better_than_random, np.nan), axis=0)

    @property
    def better_on_average(self) -> np.ndarray:
        """Which methods do better over all pairs: ndarray, dtype=bool, shape=(M,)."""
        return (self.corrected_mean_p_values <= SIGNIFICANT) & ~(self.mean_low <= 0)

    @property
    def corrected_mean_p_values(self) -> np.ndarray:
        """`mean_p_values` corrected for the number of methods (Holm): ndarray, shape=(M,)."""
        return holm(self.mean_p_values)

    def frames(self) -> dict[str, pd.DataFrame]:
        """See `Arrays.frames`: the curves, the scores of each pair, and the means of each method."""
        return {"": self.frame(), "_scores": self.scores(), "_means": self.means()}

    def means(self) -> pd.DataFrame:
        """One line per method: what its scores are over all pairs."""
        return pd.DataFrame({
            "method": self.methods, "score": self.mean_score, "score_low": self.mean_low,
            "score_high": self.mean_high, "p_value": self.mean_p_values,
            "p_value_holm": self.corrected_mean_p_values, "better_than_random": self.better_on_average,
            "share_better": self.share_better, "share_low": self.share_low, "share_high": self.share_high,
        })  # fmt: skip

    def scores(self) -> pd.DataFrame:
        """One line per pair and method."""
        columns = ("deletion_score", "insertion_score", "score", "p_values", "corrected_p_values")
        frame = long_frame({"row": self.rows, "method": self.methods},
                           {name: getattr(self, name) for name in columns})
        M = len(self.methods)
        frame["random_low"], frame["random_high"] = (self.random_score[:, end].repeat(M) for end in (0, 1))
        frame["better_than_random"] = self.better_than_random.ravel()
        return frame.rename(columns={"p_values": "p_value", "corrected_p_values": "p_value_holm"})

    def frame(self) -> pd.DataFrame:
        """One line per pair, method, curve and step, with what random orders do there."""
        steps = range(self.deletion.shape[2])
        parts = []
        for curve in ("deletion", "insertion"):
            part = long_frame({"row": self.rows, "method": self.methods, "tokens_changed": steps},
                              {"logit": getattr(self, curve)})
            random = getattr(self, f"random_{curve}").repeat(len(self.methods), axis=0)  # (N M, 3, K)
            for i, name in enumerate(("random_mean", "random_low", "random_high")):
                part[name] = random[:, i].ravel()
            part.insert(2, "curve", curve)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)
