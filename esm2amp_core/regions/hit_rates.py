"""Hit rates as the paper counts them: how many pairs have an important segment on a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from esm2amp_core.region_files import ANY, EVERY, MEAN
from esm2amp_core.regions.selection import Selection

THRESHOLDS = (25, 50, 75)


def hit_rates(
    selection: Selection, covered: np.ndarray, names: Sequence[str], classes: Mapping[str, np.ndarray],
    *, single: bool = True, thresholds: Sequence[float] = THRESHOLDS,
) -> pd.DataFrame:
    """Percentage of pairs whose chosen segments reach a coverage.

    Parameters
    ----------
    selection : Selection
    covered : ndarray, shape=(M, T)
        Share of each chosen unit that is covered, 0 to 1.
    names : sequence of str, length=T
        Types, and ALL.
    classes : mapping of str to ndarray, dtype=bool, shape=(N,)
        Pairs of each class.
    single : bool
        True: units count one by one, and a pair hits if any of them does. False, for residues, which are
        covered or not: the share of a pair's units that is covered counts.
    thresholds : sequence of float
        In percent; a coverage hits that reaches it.

    Returns
    -------
    DataFrame
        ``selection``, ``class``, ``threshold``, ``rank`` (1, 2, 3, ``any``; for residues ``mean``),
        ``n_pairs``, and a percentage per name; missing where a class has no pair.
    """
    ranks = _by_rank(selection, covered) if single else {}
    mean = selection.per_pair(covered) / np.maximum(selection.counts, 1)[:, None]
    rows = []
    for threshold in thresholds:
        hits = {rank: 100 * values >= threshold for rank, values in ranks.items()}
        if single:
            hits[ANY] = np.any(list(hits.values()), axis=0)
        else:
            hits[MEAN] = 100 * mean >= threshold
        for class_name, member in classes.items():
            for rank, hit in hits.items():
                rates = 100 * hit[member].mean(axis=0) if member.any() else np.full(len(names), np.nan)
                rows.append((selection.name, class_name, threshold, rank, int(member.sum()), *rates))
    return pd.DataFrame(rows, columns=["selection", "class", "threshold", "rank", "n_pairs", *names])


def _by_rank(selection: Selection, covered: np.ndarray) -> dict[str, np.ndarray]:
    """Coverage of the unit of each rank: (M, T) -> (N, T) per rank; 0 where a pair has none."""
    found = {}
    for rank in range(1, int(selection.rank.max(initial=0)) + 1):
        of_rank = selection.rank == rank
        values = np.zeros((selection.n_pairs, covered.shape[1]))
        values[selection.pair[of_rank]] = covered[of_rank]
        found[str(rank)] = values
    return found


def classes_of(label: pd.Series | None, interacts: pd.Series | None, n_pairs: int) -> dict[str, np.ndarray]:
    """Classes of pairs: all, and TP, FN, TN, FP where labels and predictions are known.

    Parameters
    ----------
    label, interacts : Series of nullable bool, length=N, or None
        What is true, and what the model says.

    Returns
    -------
    dict of str to ndarray, dtype=bool, shape=(N,)
        Without predictions, labels alone: ``positive`` and ``negative``; without labels, predictions alone:
        ``predicted positive`` and ``predicted negative``.
    """
    classes = {EVERY: np.ones(n_pairs, bool)}
    is_true, is_false = _known(label)
    says_true, says_false = _known(interacts)
    if label is not None and interacts is not None:
        classes |= {"TP": is_true & says_true, "FN": is_true & says_false,
                    "TN": is_false & says_false, "FP": is_false & says_true}
    elif label is not None:
        classes |= {"positive": is_true, "negative": is_false}
    elif interacts is not None:
        classes |= {"predicted positive": says_true, "predicted negative": says_false}
    return classes


def _known(values: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
    if values is None:
        return np.zeros(0, bool), np.zeros(0, bool)
    yes = values.fillna(False).to_numpy(bool)
    return yes, ~yes & values.notna().to_numpy()
