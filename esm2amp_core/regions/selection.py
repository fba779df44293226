"""The most and the least important units of each pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.region_files import LOW, TOP


@dataclass(frozen=True)
class Selection:
    """Units chosen in N pairs, M in all; pairs in order, and their units by rank.

    Attributes
    ----------
    name : str
        `TOP` or `LOW`.
    n_pairs : int
    pair : ndarray, dtype=int64, shape=(M,)
        Number of the pair, from 0.
    rank : ndarray, dtype=int64, shape=(M,)
        From 1: the most important unit of the top ones, the least important of the low ones.
    side : ndarray, dtype=int64, shape=(M,)
        0 for protein A, 1 for B.
    protein : ndarray, dtype=int64, shape=(M,)
        Number of the protein in `Units`.
    unit : ndarray, dtype=int64, shape=(M,)
        Number of the unit in the protein, from 0.
    importance : ndarray, dtype=float64, shape=(M,)
        NaN where it is not known.
    """

    name: str
    n_pairs: int
    pair: np.ndarray
    rank: np.ndarray
    side: np.ndarray
    protein: np.ndarray
    unit: np.ndarray
    importance: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Units chosen in each pair: ndarray, dtype=int64, shape=(N,)."""
        return np.bincount(self.pair, minlength=self.n_pairs)

    def per_pair(self, values: np.ndarray) -> np.ndarray:
        """Sums over the chosen units of each pair: (M, T) -> (N, T)."""
        sums = np.zeros((self.n_pairs, values.shape[1]))
        np.add.at(sums, self.pair, values)
        return sums


def choose(
    pair: np.ndarray, side: np.ndarray, protein: np.ndarray, unit: np.ndarray, importance: np.ndarray, *,
    k: np.ndarray,
) -> tuple[Selection, Selection, np.ndarray]:
    """The top and the low units of each pair.

    Units are put in order of falling importance, equal ones as they stand in the chains, A before B; the top
    ones are the first, the low ones the last of that order. So no unit is both.

    Parameters
    ----------
    pair, side, protein, unit, importance : ndarray, shape=(V,)
        As in `Selection`, one per unit of each pair.
    k : ndarray, dtype=int64, shape=(N,)
        Units to choose in each pair, of each kind.

    Returns
    -------
    top, low : Selection
    ties : ndarray, dtype=bool, shape=(N,)
        Pairs in which a unit that was chosen is as important as one that was not.

    Raises
    ------
    AnnotationError
        If a pair has fewer than 2 k units.
    """
    n_pairs = len(k)
    counts = np.bincount(pair, minlength=n_pairs)
    if (short := np.flatnonzero(counts < 2 * k)).size:
        first = short[0]
        raise AnnotationError(f"{k[first]} top and {k[first]} low of {counts[first]} cannot be chosen.",
                              hint=f"Choose at most {counts.min() // 2}.")
    order = np.lexsort((unit, side, -importance, pair))
    begin = np.concatenate([[0], np.cumsum(counts)])
    place = np.arange(len(order)) - begin[pair[order]]
    from_end = counts[pair[order]] - 1 - place

    def take(name: str, wanted: np.ndarray, rank: np.ndarray, chosen: np.ndarray) -> Selection:
        by_rank = np.lexsort((rank[wanted], pair[chosen]))
        chosen, rank = chosen[by_rank], rank[wanted][by_rank]
        return Selection(name, n_pairs, pair[chosen], rank + 1, side[chosen], protein[chosen], unit[chosen],
                         importance[chosen])

    limit = k[pair[order]]
    is_top, is_low = place < limit, from_end < limit
    top = take(TOP, is_top, place, order[is_top])
    low = take(LOW, is_low, from_end, order[is_low])
    ordered = importance[order]
    first, last = begin[:-1], begin[1:]
    ties = np.zeros(n_pairs, bool)
    inner = (k > 0) & (counts > k)
    for edge in ((first + k)[inner], (last - k)[inner]):  # between the last chosen one and its neighbour
        ties[inner] |= ordered[edge - 1] == ordered[edge]
    return top, low, ties
