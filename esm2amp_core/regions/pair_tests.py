"""Each pair on its own: coverage of its chosen units against all ways to choose as many in its proteins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd

from esm2amp_core.progress import Report, silent
from esm2amp_core.regions.chance import chance
from esm2amp_core.regions.selection import Selection
from esm2amp_core.regions.units import SEGMENT, Units

COLUMNS = ("pair", "selection", "type", "n_units", "coverage", "reference", "difference", "ratio", "p_value",
           "q_value")


def pair_tests(
    units: Units, selection: Selection, covered: np.ndarray, names: Sequence[str], *,
    n_shufflings: int, seed: int, report: Report = silent,
) -> pd.DataFrame:
    """Enrichment of each pair, `COLUMNS`; ``pair`` from 0, ``q_value`` not set yet.

    The p-values are exact where the ways to choose can be gone through: among ten segments they always can.

    Parameters
    ----------
    units, selection, covered, names, n_shufflings, seed
        As for `enrichment`.
    report : Report
    """
    means = units.means(covered)
    begins = np.searchsorted(selection.pair, np.arange(selection.n_pairs + 1))
    place = units.offsets[selection.protein] + selection.unit
    ways = _Ways(units, covered)
    parts = []
    for pair in range(selection.n_pairs):
        if pair % 500 == 0:
            report(f"Testing each pair, {selection.name} {units.kind}s", pair, selection.n_pairs)
        own = slice(begins[pair], begins[pair + 1])
        proteins, chosen = selection.protein[own], place[own]
        if not len(chosen):
            continue
        found, reference = covered[chosen].mean(axis=0), means[proteins].mean(axis=0)
        if units.kind == SEGMENT and len(np.unique(chosen)) == len(chosen):
            p_values = ways.p_values(proteins, found * len(chosen), reference * len(chosen))
        else:
            p_values = _shuffled(units, chosen, covered, n_shufflings, seed)
        parts.append((np.full(len(names), pair), np.arange(len(names)), np.full(len(names), len(chosen)),
                      found, reference, p_values))
    report(f"Testing each pair, {selection.name} {units.kind}s", selection.n_pairs, selection.n_pairs)
    pair, type_, n_units, found, reference, p_values = map(np.concatenate, zip(*parts, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(reference > 0, found / reference, np.nan)
    return pd.DataFrame({
        "pair": pair, "selection": selection.name, "type": np.array(names, object)[type_], "n_units": n_units,
        "coverage": 100 * found, "reference": 100 * reference, "difference": 100 * (found - reference),
        "ratio": ratio, "p_value": p_values, "q_value": np.nan,
    })[list(COLUMNS)]  # fmt: skip


class _Ways:
    """Sums of coverage over every set of so many segments of a protein, computed when first asked for."""

    def __init__(self, units: Units, covered: np.ndarray) -> None:
        self._units, self._covered = units, covered
        self._of = lru_cache(maxsize=20_000)(self._sums)

    def _sums(self, protein: int, k: int) -> np.ndarray:
        """All sets of k segments: (ways, T)."""
        begin, end = self._units.offsets[[protein, protein + 1]]
        return self._covered[begin:end][_sets(int(end - begin), k)].sum(axis=1)

    def p_values(self, proteins: np.ndarray, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Two-sided p-values of the sum over chosen segments: ndarray, shape=(T,)."""
        numbers, counts = np.unique(proteins, return_counts=True)
        tables = [self._of(int(number), int(k)) for number, k in zip(numbers, counts, strict=True)]
        sums = tables[0]
        if len(tables) == 2:
            sums = (sums[:, None] + tables[1][None]).reshape(-1, len(found))
        away = np.abs(sums - expected)
        tolerance = 1e-9 * np.maximum(expected, 1e-12)
        share = (away >= np.abs(found - expected) - tolerance).mean(axis=0)
        return np.where((away > tolerance).any(axis=0), share, np.nan)


@lru_cache(maxsize=32)
def _sets(n: int, k: int) -> np.ndarray:
    """All sets of k numbers below n: ndarray, dtype=int64, shape=(ways, k)."""
    return np.array(list(combinations(range(n), k)), np.int64).reshape(-1, k)


def _shuffled(units: Units, chosen: np.ndarray, covered: np.ndarray, n: int, seed: int) -> np.ndarray:
    """P-values of one pair's units by shuffling its proteins."""
    owners = np.unique(units.owners[chosen])
    rows = np.concatenate([np.arange(units.offsets[p], units.offsets[p + 1]) for p in owners])
    own = Units(units.kind, tuple(units.names[p] for p in owners), units.lengths[owners])
    weights = np.bincount(np.searchsorted(rows, chosen), minlength=len(rows)).astype(float)[:, None]
    shuffled = chance(own, weights, covered[rows], n=n, seed=seed)
    return shuffled.p_values(weights.T @ covered[rows], np.ones(1))
