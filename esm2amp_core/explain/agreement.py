"""Do methods rank a pair's tokens alike?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from esm2amp_core.explanation_tests.agreement import Agreement
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.progress import Report, silent

PAIRS_AT_ONCE = 2_000
STAGE = "Comparing methods"


def measure_agreement(
    explanations: Mapping[str, Explanation], rows: Sequence[int], report: Report = silent
) -> Agreement:
    """Rank correlations between all methods' magnitudes, and between their signed values, pair by pair.

    Parameters
    ----------
    explanations : mapping of str to Explanation
        At least one, all of the same pairs.
    rows : sequence of int, length=N
        Of these pairs; not every method's numbers have an axis that tells them.
    report : Report
    """
    magnitudes = np.stack([found.magnitude for found in explanations.values()], axis=1)  # (N, M, 2T)
    values = np.stack([found.value if METHODS[method].signed else np.full_like(found.value, np.nan)
                       for method, found in explanations.items()], axis=1)  # fmt: skip
    N, M, _ = magnitudes.shape
    correlations = np.empty((2, N, M, M))
    for start in range(0, N, PAIRS_AT_ONCE):
        report(STAGE, start, N)
        some = slice(start, start + PAIRS_AT_ONCE)
        for found, of in zip(correlations, (magnitudes[some], values[some]), strict=True):
            found[some] = rank_correlation(of[:, :, None], of[:, None])
    report(STAGE, N, N)
    return Agreement(tuple(explanations), np.array(rows, dtype=np.int64), *correlations)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's correlation along the last axis; NaN where numbers of one side are all equal, or unknown."""
    one, other = (_standardised(rankdata(values, axis=-1)) for values in (one, other))
    return (one * other).sum(axis=-1).clip(-1, 1)


def _standardised(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=-1, keepdims=True))
    return np.divide(centred, norm, out=np.full_like(centred, np.nan), where=norm > 0)
