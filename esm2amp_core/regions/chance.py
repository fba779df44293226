"""What coverage chance would give: important units shuffled within their own proteins.

A protein's segments change places, all of them alike; its single residues are rotated along the chain (end
joined to start), because neighbours share both importance and regions, so that residues that change places
freely would make almost anything look significant. A protein that stands in several pairs is shuffled once
for all of them: what it brings to one pair it brings to the others, and they are no independent evidence.

Shuffling a protein keeps how many of its units were chosen, so that a protein with more regions, or one that
draws more attention, changes the chance along with the finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod

import numpy as np

from esm2amp_core.progress import Report, silent
from esm2amp_core.regions.units import RESIDUE, Units

MAX_EXACT = 200_000
"""Ways to shuffle that are all gone through; where there are more, some are drawn."""
_BLOCK = 32
"""Shufflings that are multiplied at a time."""


@dataclass(frozen=True)
class Chance:
    """Covered weight under shuffling.

    Attributes
    ----------
    sums : ndarray, dtype=float64, shape=(R, V, T)
        Of V kinds of weights on T types, in each of R shufflings.
    expected : ndarray, dtype=float64, shape=(V, T)
        Mean over all shufflings, computed and not drawn.
    exact : bool
        True if `sums` has every shuffling, the one observed included; else R of them were drawn.
    """

    sums: np.ndarray
    expected: np.ndarray
    exact: bool

    def p_values(self, observed: np.ndarray, contrast: np.ndarray) -> np.ndarray:
        """Two-sided: how often a shuffling is as far from the expectation as what was observed.

        Parameters
        ----------
        observed : ndarray, shape=(V, T)
            As in `sums`.
        contrast : ndarray, shape=(V,)
            The sums are added up so weighted.

        Returns
        -------
        ndarray, shape=(T,)
            NaN where all shufflings are alike.
        """
        centre = contrast @ self.expected
        found = np.abs(contrast @ observed - centre)
        shuffled = np.abs(np.tensordot(contrast, self.sums, (0, 1)) - centre)  # (R, T)
        # Sums of the same numbers in another order differ in their last digits.
        tolerance = 1e-9 * np.maximum(np.abs(contrast) @ np.abs(self.expected), 1e-12)
        extreme = np.sum(shuffled >= found - tolerance, axis=0)
        share = extreme / len(self.sums) if self.exact else (extreme + 1) / (len(self.sums) + 1)
        return np.where((shuffled > tolerance).any(axis=0), share, np.nan)

    def reach(self, share: float, contrast: np.ndarray) -> np.ndarray:
        """How far from the expectation that share of the shufflings stays, on either side: shape=(T,)."""
        away = np.abs(np.tensordot(contrast, self.sums - self.expected, (0, 1)))
        # What is as far away as a shuffling is not farther: sums differ in their last digits.
        return np.quantile(away, share, axis=0, method="higher") * (1 + 1e-9)

    def quantiles(self, shares: tuple[float, ...], contrast: np.ndarray) -> np.ndarray:
        """Quantiles of the shuffled sums: (shares, T)."""
        return np.quantile(np.tensordot(contrast, self.sums, (0, 1)), shares, axis=0)


def chance(
    units: Units, weights: np.ndarray, covered: np.ndarray, *, n: int, seed: int = 0, report: Report = silent
) -> Chance:
    """Shuffle the weights of units within each protein: all ways if they are few, else `n` drawn ones.

    Parameters
    ----------
    units : Units
    weights : ndarray, shape=(U, V)
        How often each unit was chosen, whole numbers, in V kinds of choice; these stay together when they
        are shuffled.
    covered : ndarray, shape=(U, T)
    n : int
        Shufflings to draw.
    seed : int
    report : Report
    """
    expected = units.means(weights).T * units.n_units @ units.means(covered)
    active = np.flatnonzero(np.add.reduceat(weights, units.offsets[:-1]).any(axis=1)) if len(weights) else []
    parts = [slice(*units.offsets[[p, p + 1]]) for p in active]
    if _are_few(units, [weights[part] for part in parts]):
        tables = [_every_way(units, weights[part], covered[part]) for part in parts]
        return Chance(_all_sums(tables, expected.shape), expected, exact=True)
    random = np.random.default_rng(seed)
    if units.kind == RESIDUE:
        drawn = _draw_rotations([_rotations(weights[part], covered[part]) for part in parts], n, random)
    else:
        rows = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        shape = (len(active), len(rows) // len(active))
        drawn = _draw_places(weights[rows].reshape(*shape, -1), covered[rows], n, random)
    sums = np.empty((n, *expected.shape))
    for i, values in enumerate(drawn):
        sums[i] = values
        if i % 100 == 0:
            report("Shuffling", i, n)
    report("Shuffling", n, n)
    return Chance(sums, expected, exact=False)


def _are_few(units: Units, weights: list[np.ndarray]) -> bool:
    """True if all ways to shuffle the weights of proteins can be gone through."""
    ways = 1
    for own in weights:
        if units.kind == RESIDUE:
            ways *= len(own)
        else:
            _, counts = np.unique(own, axis=0, return_counts=True)
            ways *= factorial(len(own)) // prod(map(factorial, counts.tolist()))
        if ways > MAX_EXACT:
            return False
    return True


def _every_way(units: Units, weights: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Sums of one protein in every way, all equally likely: (ways, V, T)."""
    if units.kind == RESIDUE:
        return _rotations(weights, covered)
    return np.einsum("auv,ut->avt", arrangements(weights), covered)


def arrangements(weights: np.ndarray) -> np.ndarray:
    """Every distinct order of the rows of weights: (units, V) -> (ways, units, V)."""
    rows, number = np.unique(weights, axis=0, return_inverse=True)
    counts = np.bincount(number.ravel(), minlength=len(rows))
    common = int(counts.argmax())  # fills whatever place the others leave
    orders = np.full((1, len(weights)), common)
    for row in np.flatnonzero(np.arange(len(rows)) != common):
        places = [np.flatnonzero(order == common) for order in orders]
        orders = np.array([
            np.where(np.isin(np.arange(len(weights)), chosen), row, order)
            for order, free in zip(orders, places, strict=True)
            for chosen in combinations(free, int(counts[row]))
        ])  # fmt: skip
    return rows[orders]


def _rotations(weights: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Sums of one protein's residues in every rotation: (L, V, T)."""
    spectrum = np.conj(np.fft.rfft(weights, axis=0))[:, :, None] * np.fft.rfft(covered, axis=0)[:, None, :]
    # Weights and residues are whole numbers, and so are their sums.
    return np.rint(np.fft.irfft(spectrum, n=len(weights), axis=0))


def _all_sums(tables: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """One way per protein, in all combinations: (ways, V, T)."""
    sums = np.zeros((1, *shape))
    for table in tables:
        sums = (sums[:, None] + table[None]).reshape(-1, *shape)
    return sums


def _draw_places(
    weights: np.ndarray, covered: np.ndarray, n: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Sums (V, T) with the segments of each protein in new places: (P, 10, V) on (P * 10, T)."""
    P, K, V = weights.shape
    flat = np.ascontiguousarray(weights.reshape(P * K, V).T)
    order = np.arange(P * K).reshape(P, K)
    shuffled = np.empty((min(_BLOCK, n), V, P * K))
    for begin in range(0, n, _BLOCK):
        block = shuffled[: min(_BLOCK, n - begin)]
        for row in block:
            order = random.permuted(order, axis=1)
            np.take(flat, order.ravel(), axis=1, out=row, mode="clip")
        yield from (block.reshape(-1, P * K) @ covered).reshape(len(block), V, -1)


def _draw_rotations(
    tables: list[np.ndarray], n: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Sums (V, T) with each protein rotated; one table of all rotations per protein."""
    lengths = np.array([len(table) for table in tables])
    starts, every = np.concatenate([[0], np.cumsum(lengths)[:-1]]), np.concatenate(tables)
    for _ in range(n):
        yield every[starts + random.integers(0, lengths)].sum(axis=0)
