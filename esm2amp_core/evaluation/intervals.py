"""95 % intervals for figures of pairs that share proteins.

Two pairs with a protein in common are not independent: a protein that the model misjudges spoils all its
pairs at once. Three known results make the interval:

1. Pigeonhole bootstrap: proteins are drawn with replacement, and a pair counts as often as the product of
   how often its two proteins were drawn (Owen, Ann. Appl. Stat. 2007;1:386, doi 10.1214/07-AOAS122; for
   one set of nodes instead of rows and columns: Davezies, D'Haultfoeuille and Guyonvarch, Ann. Stat.
   2021;49:845, doi 10.1214/20-AOS1981).
2. Its variance is too large. With z_p what pair p adds to the figure's error, and w_i how often protein i
   was drawn, w_i w_j - 1 = (w_i - 1) + (w_j - 1) + (w_i - 1)(w_j - 1), so that the bootstrap's variance is
   sum_i (sum of z_p over pairs of i)^2 + sum_p z_p^2. The variance of dyadic data, all products z_p z_q of
   pairs that share a protein, each once (Fafchamps and Gubert, J. Dev. Econ. 2007;83:326; Aronow, Samii
   and Assenova, Polit. Anal. 2015;23:564, doi 10.1093/pan/mpv018), is less than that by exactly
   2 sum_p z_p^2: Owen's "sigma^2 (nu + 2) ... + 3 sigma_E^2" in place of "sigma^2 nu ... + sigma_E^2".
3. sum_p z_p^2 is the variance of the ordinary bootstrap that draws pairs. Drawing those as well gives both
   terms; the pigeonhole deviations are scaled to the difference, never below the ordinary bootstrap's.

Without the third step the interval of pairs that hardly depend on their proteins is sqrt(3) times too wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from esm2amp_core.progress import Report, silent
from esm2amp_core.reports import Interval

LEVEL = 0.95
BLOCK_VALUES = 65_536
"""Weights computed at once: few enough to stay in the processor's cache."""

Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Figures, each of shape (R,), under weights of pairs, shape (R, N)."""


@dataclass(frozen=True)
class Replicates:
    """Figures of resampled pairs.

    Attributes
    ----------
    by_protein, by_pair : dict of str to ndarray, shape=(n_resamples,)
        When proteins, and when pairs, are drawn; NaN where a figure could not be computed.
    """

    by_protein: dict[str, np.ndarray]
    by_pair: dict[str, np.ndarray]

    def interval(self, name: str, value: float, *, low: float = -np.inf, high: float = np.inf) -> Interval:
        """Interval of a figure.

        Parameters
        ----------
        name : str
        value : float
            The figure without resampling.
        low, high : float
            Bounds that the figure cannot cross.
        """
        return self._interval(self.by_protein[name], self.by_pair[name], value, low, high)

    def difference(self, one: str, other: str, value: float) -> Interval:
        """Interval of `one` minus `other`, both under the same weights: `value` is the difference itself."""
        by_protein = self.by_protein[one] - self.by_protein[other]
        return self._interval(by_protein, self.by_pair[one] - self.by_pair[other], value, -np.inf, np.inf)

    @staticmethod
    def _interval(
        by_protein: np.ndarray, by_pair: np.ndarray, value: float, low: float, high: float
    ) -> Interval:
        by_protein, by_pair = by_protein[np.isfinite(by_protein)], by_pair[np.isfinite(by_pair)]
        if min(len(by_protein), len(by_pair)) < 40 or not np.isfinite(value):
            return Interval(float(value), np.nan, np.nan)
        too_wide, ordinary = np.var(by_protein), np.var(by_pair)
        dyadic = max(too_wide - 2 * ordinary, ordinary)
        scale = np.sqrt(dyadic / too_wide) if too_wide > 0 else 0.0
        tails = np.quantile(by_protein, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.mean(by_protein)
        ends = np.clip(value + scale * tails, low, high)
        return Interval(float(value), float(ends[0]), float(ends[1]))


def resample(
    statistic: Statistic,
    protein_a: np.ndarray,
    protein_b: np.ndarray,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    report: Report = silent,
) -> Replicates:
    """Compute figures of pairs drawn anew, by protein and by pair.

    Parameters
    ----------
    statistic : callable
    protein_a, protein_b : ndarray, shape=(N,)
        What the pairs consist of; equal values mean the same protein.
    n_resamples : int
        Of each kind.
    seed : int

    Returns
    -------
    Replicates
    """
    _, index = np.unique(np.concatenate([protein_a, protein_b]), return_inverse=True)
    a, b = index.reshape(2, -1)
    random = np.random.default_rng(seed)
    drawn = (protein_weights(a, b, n_resamples, random), pair_weights(len(a), n_resamples, random))
    figures: list[dict[str, np.ndarray]] = []
    for number, blocks in enumerate(drawn):
        parts: dict[str, list[np.ndarray]] = {}
        for weights in blocks:
            done = number * n_resamples + sum(map(len, next(iter(parts.values()), [])))
            report("Resampling", done, 2 * n_resamples)
            for name, values in statistic(weights).items():
                parts.setdefault(name, []).append(values)
        figures.append({name: np.concatenate(values) for name, values in parts.items()})
    report("Resampling", 2 * n_resamples, 2 * n_resamples)
    return Replicates(*figures)


def protein_weights(
    a: np.ndarray, b: np.ndarray, n: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """How often each pair counts when proteins are drawn with replacement, some resamples at a time.

    Parameters
    ----------
    a, b : ndarray, dtype=int, shape=(N,)
        Numbers of the proteins, from 0, each at least once.

    Yields
    ------
    ndarray, dtype=float64, shape=(R, N)
        All R together are `n`. A pair of a protein with itself counts as often as the protein.
    """
    n_proteins, same = int(max(a.max(), b.max())) + 1, a == b
    for rows in _blocks(n, len(a)):
        drawn = random.integers(0, n_proteins, size=(rows, n_proteins))
        drawn += n_proteins * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n_proteins).astype(float)
        times = times.reshape(rows, n_proteins)
        yield np.take(times, a, axis=1) * np.where(same, 1.0, np.take(times, b, axis=1))


def pair_weights(n_pairs: int, n: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each pair counts when pairs are drawn with replacement; as `protein_weights` yields them."""
    for rows in _blocks(n, n_pairs):
        drawn = random.integers(0, n_pairs, size=(rows, n_pairs))
        drawn += n_pairs * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n_pairs).astype(float).reshape(rows, n_pairs)


def _blocks(n: int, width: int) -> Iterator[int]:
    """Numbers of rows that are `n` together, each so that its values stay within `BLOCK_VALUES`."""
    rows = min(max(1, BLOCK_VALUES // width), n)
    yield from [rows] * (n // rows)
    if n % rows:
        yield n % rows
